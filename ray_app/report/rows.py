"""What sections share: which rows of summary.json they take, and the cells of their tables."""

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from clir.experiment import Experiment
from clir.switching.methods import METHODS

SHOWN = "MRR@10"  # the measure where only one is shown
_CONDITIONS = ("MoIR", "CLIR", "MLIR", "MLIR-xx-en", "MLIR-en-xx", "MLIR-xx-xx")
_SIGNIFICANT = 0.05


def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows of the summary as a table; null is NaN."""
    numbers = ("masked_value", "zero_shot_value", "p_value", "p_bonferroni")
    return pd.DataFrame(rows).astype(dict.fromkeys(numbers, float))


def by_model(experiment: Experiment, rows: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Models, test collections and the rows of both, in the order of the experiment file."""
    for model in experiment.models:
        for collection in experiment.collections.test:
            part = rows[(rows["model"] == model) & (rows["collection"] == collection.id)]
            if len(part):
                yield model, collection.id, part


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of whole conditions and all domains, of models that were trained on all."""
    return rows[
        (rows["query_lang"] == "all") & (rows["domain"] == "all") & (rows["without_domain"] == "")
    ]


def pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of single languages of queries and documents, of the same domains and models."""
    return rows[
        rows["condition"].isin(["MoIR", "CLIR"])
        & (rows["query_lang"] != "all")
        & (rows["domain"] == "all")
        & (rows["without_domain"] == "")
    ]


def present(values: pd.Series, order: Iterable[str]) -> list[str]:
    """Those of ``order`` that are among the values."""
    there = set(values)
    return [value for value in order if value in there]


def conditions(rows: pd.DataFrame) -> list[str]:
    return present(rows["condition"], _CONDITIONS)


def methods(rows: pd.DataFrame) -> list[str]:
    return present(rows["method"], METHODS)


def cells(rows: pd.DataFrame, columns: list[str], gains: bool = False) -> list[dict[str, str]]:
    """The cells of a line, one per condition: values, or gains over zero-shot.

    ``rows`` has at most one row of each condition.
    """
    by_condition = {row["condition"]: row for row in rows.to_dict("records")}
    empty = {"text": "", "tone": "", "title": ""}
    return [_cell(by_condition[c], gains) if c in by_condition else empty for c in columns]


def by_method(rows: pd.DataFrame, measure: str, columns: list[str]) -> list[dict[str, Any]]:
    """The lines of a table, methods by conditions, from the rows of ``means``."""
    chosen = rows[rows["measure"] == measure]
    return [
        {"method": method, "cells": cells(chosen[chosen["method"] == method], columns)}
        for method in methods(chosen)
    ]


def _cell(row: dict[Any, Any], gains: bool) -> dict[str, str]:
    gain = row["value"] - row["zero_shot_value"]
    significant = row["p_bonferroni"] < _SIGNIFICANT
    title = f"{row['queries']} queries"
    if not pd.isna(row["p_value"]):
        title += f"; {gain:+.3f} against zero-shot, p {row['p_value']:.2g}"
        title += f", Bonferroni {row['p_bonferroni']:.2g}"
    return {
        "text": (f"{gain:+.3f}" if gains else f"{row['value']:.3f}") + "*" * significant,
        "tone": ("up" if gain > 0 else "down") if significant else "",
        "title": title,
    }
