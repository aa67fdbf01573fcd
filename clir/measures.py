"""Rank quality per query, then means and tests.

Ranking follows trec_eval's rule for ties (score descending, then document id descending), and the
measures are ir_measures'. A scorer that returns a constant thus ranks by document id, which knows
nothing of the query: it scores as badly as chance.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

MEASURES = ("MRR@10", "MAP", "recall@50", "nDCG@10")


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
    import ir_measures
    from ir_measures import AP, RR, R, nDCG

    names = {
        str(m): name for m, name in zip((RR @ 10, AP, R @ 50, nDCG @ 10), MEASURES, strict=True)
    }
    qrels = judgments[["query_id", "doc_id", "grade"]].set_axis(
        ["query_id", "doc_id", "relevance"], axis=1
    )
    # Ranks are final: handed on as distinct scores, no provider can break ties another way.
    scored = run[["query_id", "doc_id"]].assign(score=-run["rank"].astype(float))
    values = ir_measures.iter_calc([RR @ 10, AP, R @ 50, nDCG @ 10], qrels, scored)
    return pd.DataFrame(
        [(v.query_id, names[str(v.measure)], v.value) for v in values],
        columns=["query_id", "measure", "value"],
    )


def paired_p_value(ours: np.ndarray, baseline: np.ndarray) -> float:
    """Two-sided paired t-test over queries (values of the same queries, seeds averaged first).

    1.0 where no query differs.
    """
    assert len(ours) == len(baseline)
    if len(ours) < 2 or np.allclose(ours, baseline):
        return 1.0
    return float(stats.ttest_rel(ours, baseline).pvalue)


def bonferroni(p_values: np.ndarray) -> np.ndarray:
    """Each p-value times the number of tests of its family, at most 1."""
    return np.minimum(1.0, np.asarray(p_values) * len(p_values))
