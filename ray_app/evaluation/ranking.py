"""Ranking documents for queries, by vectors in blocks or by scores of given candidates."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from clir.retrieval.top_k import top_k

_QUERIES = 1024  # rows of a block's score matrix


class Ranking(NamedTuple):
    """The best documents of each query, best first; unused ranks hold document -1.

    ``documents`` are places in the ascending list of document ids. Both: queries x depth.
    """

    documents: np.ndarray
    scores: np.ndarray


def by_vectors(
    queries: np.ndarray, blocks: Iterable[tuple[np.ndarray, np.ndarray]], depth: int
) -> Ranking:
    """The ``depth`` best documents by inner product, over a stream of blocks.

    ``queries``: queries x size. Each block: places of its documents (ascending), and their
    vectors. Memory is bounded by one block and the depth, whatever the number of documents.
    """
    kept = Ranking(
        np.full((len(queries), 0), -1, np.int64), np.empty((len(queries), 0), np.float32)
    )
    for places, vectors in blocks:
        parts = []
        for at in range(0, len(queries), _QUERIES):
            scores = queries[at : at + _QUERIES] @ vectors.T
            columns = top_k(scores, depth)
            parts.append((places[columns], np.take_along_axis(scores, columns, 1)))
        best, of_best = (np.concatenate(side) for side in zip(*parts, strict=True))
        documents = np.concatenate([kept.documents, best], axis=1)
        kept = _sorted(documents, np.concatenate([kept.scores, of_best], axis=1), depth)
    return kept


def of_candidates(documents: np.ndarray, scores: np.ndarray) -> Ranking:
    """Candidates (queries x candidates, -1 where there are fewer) sorted by their scores."""
    return _sorted(documents, np.where(documents < 0, -np.inf, scores), documents.shape[1])


def falling(scores: np.ndarray) -> np.ndarray:
    """Scores of rows that do not rise, as rows that fall: of equal ones, each the next below.

    Readers of run files break ties each in its own way (ir_measures in two). In steps of 32-bit
    floats, which is what trec_eval compares.
    """
    bits = np.ascontiguousarray(scores, np.float32).view(np.int32).astype(np.int64)
    steps = np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)  # as many below as there are floats
    place = np.arange(scores.shape[1])
    steps = np.minimum.accumulate(steps + place, axis=1) - place
    bits = np.where(steps < 0, -steps | 0x80000000, steps)
    return bits.astype(np.uint32).view(np.float32)


def _sorted(documents: np.ndarray, scores: np.ndarray, depth: int) -> Ranking:
    order = np.lexsort((-documents, -scores), axis=1)[:, :depth]
    return Ranking(np.take_along_axis(documents, order, 1), np.take_along_axis(scores, order, 1))
