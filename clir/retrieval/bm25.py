"""BM25's best documents for queries, by bm25s, with an index that is shared through its files.

Words are those of ``clir.text.words``, in any language; English stop words are left out.
"""

import logging
from pathlib import Path

import bm25s
import numpy as np
import pyarrow as pa
from bm25s.tokenization import Tokenized

from clir.languages import STOP_WORDS
from clir.retrieval.top_k import top_k
from clir.text.terms import term_keys
from clir.text.words import buffer_of, find_words

logging.getLogger("bm25s").setLevel(logging.WARNING)
_SCORES = 1 << 24  # that are held at once


def words(texts: pa.Array | pa.ChunkedArray, lang: str) -> pa.ListArray:
    """The words of each text, as lists of their keys (uint64)."""
    found = find_words(buffer_of(texts), lang)
    kept = np.ones(len(found.key), bool)
    if lang == "en":
        kept = ~np.isin(found.key, term_keys(pa.array(sorted(STOP_WORDS)), "en"))
    counts = np.bincount(found.text[kept], minlength=len(texts))
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, found.key[kept])


def save_index(documents: pa.ListArray, folder: Path) -> None:
    """Index documents, each its ``words``, and write the index into a new folder."""
    keys, numbers = np.unique(documents.flatten().to_numpy(), return_inverse=True)
    vocabulary = {str(key): number for number, key in enumerate(keys.tolist())}
    numbered = pa.ListArray.from_arrays(_offsets(documents), numbers.astype(np.int32))
    index = bm25s.BM25()
    with np.errstate(invalid="ignore"):  # documents without a word have no mean length
        index.index(Tokenized(numbered.to_pylist(), vocabulary or {"": 0}), show_progress=False)
    index.save(str(folder))


def best(folder: Path, queries: pa.ListArray, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and scores of the ``depth`` best documents, or of all if fewer: queries x depth.

    Of equal ones the later is better. The index is mapped into memory, one copy for all processes
    of a machine.
    """
    index = bm25s.BM25.load(str(folder), mmap=True)
    documents = index.scores["num_docs"]
    asked = [list(map(str, query)) for query in queries.to_pylist()]
    depth = min(depth, documents)
    rows = np.empty((len(asked), depth), np.int64)
    scores = np.empty((len(asked), depth), np.float32)
    block = max(1, _SCORES // max(1, documents))
    for at in range(0, len(asked), block):
        part = slice(at, at + block)
        every = np.stack([_scores(index, query) for query in asked[part]])
        rows[part] = top_k(every, depth)
        scores[part] = np.take_along_axis(every, rows[part], 1)
    return rows, scores


def _scores(index: bm25s.BM25, query: list[str]) -> np.ndarray:
    known = index.get_tokens_ids(query)
    if not known:
        return np.zeros(index.scores["num_docs"], np.float32)
    return np.asarray(index.get_scores_from_ids(known), np.float32)


def _offsets(lists: pa.ListArray) -> pa.Array:
    offsets = lists.offsets.to_numpy()
    return pa.array(offsets - offsets[0], pa.int32())
