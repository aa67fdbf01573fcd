"""Per-query values -> the rows of summary.json: means, and paired tests against zero-shot."""

from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from clir import names
from clir.scoring.significance import paired_p_values
from clir.switching.methods import BASELINE

_VALUES = ["value", "masked"]  # masked: nothing where a translation failed
# The columns that tell conditions apart, and pairs of languages in them.
_WHOLE = ["model", "without_domain", "collection", "domain", "condition", "measure"]
_TASK = [*_WHOLE, "query_lang", "doc_lang"]


def summarise(values: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of method x task x measure, from a table with the columns of ``tables.MEASURES``.

    A task is a collection, a domain (or ``all``), a condition and a pair of languages; where these
    are ``all``, each query's values over the condition's pairs (and draws) are averaged first, and
    the condition ``MLIR`` is the mean over all multilingual ones. Seeds are
    averaged before anything else. Tests are paired over queries, two-sided; ``p_bonferroni``
    counts as one family the tests of one model, collection, domain, measure and level (all means,
    or all single pairs). Models that were trained without a domain (``without_domain``) are tested
    against zero-shot without it.

    ``masked_value`` is the mean without values that are ``flawed`` (they tell of a translation that
    failed), ``masked_queries`` the number of queries that have others.
    """
    values = values.assign(masked=values["value"].where(~values["flawed"]))
    values = _averaged(values, _TASK)
    values = pd.concat([values, values.assign(domain=names.ALL_DOMAINS)], ignore_index=True)
    multilingual = values[values["condition"].str.startswith("MLIR-")].assign(condition="MLIR")
    means = _averaged(pd.concat([values, multilingual]), _WHOLE)
    means = means.assign(query_lang="all", doc_lang="all")
    table = pd.concat([_tested(means, "mean"), _tested(values, "pair")])
    family = ["model", "collection", "domain", "measure", "level"]
    tested = table["p_value"].notna()
    table["p_bonferroni"] = np.nan
    table.loc[tested, "p_bonferroni"] = (
        table[tested]
        .groupby(family)["p_value"]
        .transform(lambda p: multipletests(p, method="bonferroni")[1])
    )
    table = table.drop(columns="level").replace({np.nan: None})
    return [{str(key): row[key] for key in row} for row in table.to_dict("records")]


def _averaged(values: pd.DataFrame, task: list[str]) -> pd.DataFrame:
    """The mean of each method's values for each query, over all that ``task`` does not tell."""
    return values.groupby(["method", *task, "query_id"], sort=True)[_VALUES].mean().reset_index()


def _tested(values: pd.DataFrame, level: str) -> pd.DataFrame:
    """Mean, number of queries, and the test against zero-shot, for each method and task."""
    columns = values.set_index([*_TASK, "query_id", "method"])[_VALUES].unstack("method")
    by_method, masked = columns["value"], columns["masked"]
    tables = []
    for method in map(str, by_method.columns):
        queries = by_method[[method]].set_axis(["value"], axis=1).dropna()
        queries["masked"] = masked[method]
        queries["zero_shot_value"] = by_method.get(BASELINE, np.nan)
        queries["difference"] = queries["value"] - queries["zero_shot_value"]
        tasks = queries.groupby(level=_TASK)
        table = tasks[["value", "zero_shot_value"]].mean()
        table["queries"] = tasks.size()
        table["masked_value"] = tasks["masked"].mean()
        table["masked_queries"] = tasks["masked"].count()
        difference = tasks["difference"]
        table["p_value"] = np.nan
        if method != BASELINE and BASELINE in by_method:
            counts = difference.count().to_numpy()
            p_values = paired_p_values(
                difference.mean().to_numpy(), difference.std().to_numpy(), counts
            )
            table["p_value"] = np.where(counts > 0, p_values, np.nan)  # zero-shot may lack a task
        tables.append(table.reset_index().assign(method=method, level=level))
    return pd.concat(tables, ignore_index=True)
