"""The measures of a ranking, and their values per query.

Ranking follows trec_eval's rule for ties (score descending, then document id descending), and the
measures are ir_measures'. A scorer that returns a constant thus ranks by document id, which knows
nothing of the query: it scores as badly as chance.
"""

from __future__ import annotations

from typing import Any

import ir_measures
import numpy as np
import pandas as pd
from ir_measures import AP, RR, R, nDCG

# Their names in results, in the order of the report.
MEASURES = {"MRR@10": RR @ 10, "MAP": AP, "recall@50": R @ 50, "nDCG@10": nDCG @ 10}


def best(scores: np.ndarray, depth: int) -> np.ndarray:
    """Columns of the ``depth`` best documents per row, best first, ties by trec_eval's rule.

    ``scores``: queries x documents, columns in ascending order of document ids, which turns the
    rule into a stable sort from the right.
    """
    columns = scores.shape[1]
    depth = min(depth, columns)
    reverse = -scores[:, ::-1]
    if 0 < depth < columns:
        edge = np.partition(reverse, depth - 1, axis=1)[:, depth - 1 : depth]
        candidates = reverse <= edge
        if (candidates.sum(axis=1) == depth).all():  # no tie across the edge: sort only these
            picked = np.nonzero(candidates)[1].reshape(len(scores), depth)
            order = np.argsort(np.take_along_axis(reverse, picked, 1), axis=1, kind="stable")
            return np.asarray(columns - 1 - np.take_along_axis(picked, order, 1))
    return np.asarray(columns - 1 - np.argsort(reverse, axis=1, kind="stable")[:, :depth])


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
    """What ir_measures is asked for, and the names of what it tells; below a least value that is 0.

    RR@k is RR, or 0 where that is below 1/k. ir_measures has RR from one pass over the run for all
    measures, RR@k from a second one in another library.
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
