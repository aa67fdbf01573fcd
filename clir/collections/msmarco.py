"""MS MARCO's and mMARCO's files: passages, queries, triples of ids, top 1000; tabs between."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from clir.text.lines import Rows, read_blocks


def read_texts(path: Path, start: int = 0, end: int | None = None) -> Iterator[Rows]:
    """Columns id and text of a collection.tsv or queries.SPLIT.tsv."""
    for block in read_blocks(path, start, end):
        ids, texts = block.cells(2, "`id<TAB>text`")
        yield {"id": ids, "text": texts}, block.numbers


def read_positives(path: Path, start: int = 0, end: int | None = None) -> Iterator[Rows]:
    """Columns query_id, doc_id and grade (1) of the triples' positives."""
    for block in read_blocks(path, start, end):
        query, positive, _ = block.cells(3, _TRIPLE)
        grade = pa.repeat(pa.scalar(1, pa.int32()), len(query))
        yield {"query_id": query, "doc_id": positive, "grade": grade}, block.numbers


def read_negatives(path: Path, start: int = 0, end: int | None = None) -> Iterator[Rows]:
    """Columns query_id, doc_id and source of the triples' negatives."""
    for block in read_blocks(path, start, end):
        query, _, negative = block.cells(3, _TRIPLE)
        source = pa.repeat("triples", len(query))
        yield {"query_id": query, "doc_id": negative, "source": source}, block.numbers


def read_top1000(path: Path, start: int = 0, end: int | None = None) -> Iterator[Rows]:
    """Columns query_id, doc_id and source of a top1000 file; it tells no ranks or scores."""
    for block in read_blocks(path, start, end):
        query, doc, *_ = block.cells(4, "`query id<TAB>passage id<TAB>query<TAB>passage`")
        source = pa.repeat("top1000", len(query))
        yield {"query_id": query, "doc_id": doc, "source": source}, block.numbers


_TRIPLE = "`query id<TAB>positive id<TAB>negative id`"
