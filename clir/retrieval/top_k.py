"""The best documents of each query.

Ranking follows trec_eval's rule for ties: score descending, then document id descending. A scorer
that returns a constant thus ranks by document id, which knows nothing of the query: it scores as
badly as chance.
"""

import numpy as np


def top_k(scores: np.ndarray, depth: int) -> np.ndarray:
    """Columns of the ``depth`` best documents per row, best first.

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
