"""BM25's best documents for queries, by bm25s, with an index that is shared through its files."""

import logging
from pathlib import Path

import bm25s
import numpy as np
import pyarrow as pa

logging.getLogger("bm25s").setLevel(logging.WARNING)


def save_index(documents: pa.Array | pa.ChunkedArray, folder: Path) -> None:
    """Index texts (English) and write the index into a new folder."""
    index = bm25s.BM25()
    index.index(_tokens(documents), show_progress=False)
    index.save(str(folder))


def best(
    folder: Path, queries: pa.Array | pa.ChunkedArray, depth: int
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and scores of the ``depth`` best documents, or of all if fewer: queries x depth.

    The index is mapped into memory, one copy for all processes of a machine.
    """
    index = bm25s.BM25.load(str(folder), mmap=True)
    depth = min(depth, index.scores["num_docs"])
    return index.retrieve(_tokens(queries), k=depth, show_progress=False)


def _tokens(texts: pa.Array | pa.ChunkedArray) -> bm25s.tokenization.Tokenized:
    return bm25s.tokenize(texts.to_pylist(), stopwords="en", show_progress=False)
