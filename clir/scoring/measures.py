"""Rank quality per query, then means and tests.

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
from scipy import stats

_NAMES = {RR: "MRR@10", AP: "MAP", R @ 50: "recall@50", nDCG @ 10: "nDCG@10"}
MEASURES = tuple(_NAMES.values())


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
    rows = []
    known: dict[int, tuple[Any, str]] = {}  # by identity: a measure's hash is its text, made anew
    for value in ir_measures.iter_calc(list(_NAMES), qrels, scored):
        measure = value.measure
        if id(measure) not in known:
            known[id(measure)] = (measure, _NAMES[measure])
        name = known[id(measure)][1]
        # Within 10 ranks the reciprocal is at least 1/10. Asked for RR itself, ir_measures needs
        # one pass over the run for all measures, not a second one in another library.
        beyond = name == _NAMES[RR] and value.value < 0.1
        rows.append((value.query_id, name, 0.0 if beyond else value.value))
    return pd.DataFrame(rows, columns=["query_id", "measure", "value"])


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


def paired_p_values(mean: np.ndarray, deviation: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Two-sided paired t-tests, one per element, from the differences of ``count`` queries each.

    ``mean`` and ``deviation`` (of a sample) of the differences; seeds are averaged first. 1.0
    where no query differs, or there are fewer than two.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(mean) / (deviation / np.sqrt(count))
        p_values = 2 * stats.t.sf(t, count - 1)
    same = (np.abs(mean) < 1e-12) & ~(deviation > 1e-12)
    return np.where(same | (count < 2), 1.0, p_values)
