"""The measures of a ranking, by ir_measures, and their values per query."""

from typing import Any

import ir_measures
import numpy as np
import pandas as pd
from ir_measures import AP, RR, R, nDCG

# Their names in results, in the order of the report.
MEASURES = {"MRR@10": RR @ 10, "MAP": AP, "recall@50": R @ 50, "nDCG@10": nDCG @ 10}


def per_query(judgments: pd.DataFrame, run: pd.DataFrame) -> pd.DataFrame:
    """Values of MEASURES, one row per query and measure: query_id, measure, value.

    ``judgments``: query_id, doc_id, grade. ``run``: query_id, doc_id, rank (from 1). Judged
    queries that the run does not have count as 0.
    """
    # Dictionaries, because ir_measures would walk a data frame row by row. Ranks are final: as
    # distinct scores, no provider can break ties another way.
    qrels: dict[str, dict[str, int]] = _by_query(judgments, judgments["grade"].to_numpy())
    scored: dict[str, dict[str, float]] = _by_query(run, -run["rank"].to_numpy(np.float64))
    asked = _asked()
    known: dict[int, Any] = {}  # by identity: a measure's hash is its text, made anew
    rows = []
    for value in ir_measures.iter_calc(list(asked), qrels, scored):
        if id(value.measure) not in known:
            known[id(value.measure)] = (value.measure, asked[value.measure])
        for name, least in known[id(value.measure)][1]:
            rows.append((value.query_id, name, 0.0 if value.value < least else value.value))
    return pd.DataFrame(rows, columns=["query_id", "measure", "value"])


def _asked() -> dict[Any, list[tuple[str, float]]]:
    """What ir_measures computes; for each, our names, and the least value that does not become 0.

    RR@k is RR, but 0 where that is below 1/k. So RR is asked for: ir_measures computes it in one
    pass over the run with all others, but RR@k in a second one, by another library.
    """
    asked: dict[Any, list[tuple[str, float]]] = {}
    for name, measure in MEASURES.items():
        least = 0.0
        if measure.NAME == RR.NAME and "cutoff" in measure.params:
            least = 1 / measure["cutoff"]
            measure = RR(**{key: value for key, value in measure.params.items() if key != "cutoff"})
        asked.setdefault(measure, []).append((name, least))
    return asked


def _by_query(rows: pd.DataFrame, numbers: np.ndarray) -> dict[str, dict[str, Any]]:
    """{query: {document: number}}"""
    codes, queries = pd.factorize(rows["query_id"])
    order = np.argsort(codes, kind="stable")
    documents, sorted_numbers = rows["doc_id"].to_numpy(object)[order], numbers[order].tolist()
    ends = np.cumsum(np.bincount(codes, minlength=len(queries)))
    starts = np.concatenate(([0], ends[:-1]))
    return {
        str(query): dict(zip(documents[start:end], sorted_numbers[start:end], strict=True))
        for query, start, end in zip(queries, starts, ends, strict=True)
    }
