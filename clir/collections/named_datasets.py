"""Collections by the names that ir_datasets knows, such as beir/scifact/train; it is optional."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from clir.errors import InputError
from clir.text.lines import Rows

_ROWS = 1024


def load(name: str) -> Any:
    """The dataset; what of it is not here yet is fetched when it is first read."""
    try:
        import ir_datasets
    except ImportError:
        raise InputError(
            f"{name}: names are looked up in ir_datasets; install it: pip install ir_datasets"
        ) from None
    try:
        return ir_datasets.load(name)
    except KeyError:
        raise InputError(
            f"{name}: ir_datasets knows no such name; `ir_datasets list` tells those it knows"
        ) from None


def split_of(name: str) -> str:
    """What a name adds to that of its documents, with dots: ``dev.small``; ``test`` for nothing."""
    import ir_datasets

    whole = ir_datasets.docs_parent_id(name)
    return name.removeprefix(whole).strip("/").replace("/", ".") or "test"


def read_documents(name: str) -> Iterator[Rows]:
    """Columns id, title and text; without a title where the dataset has no such field."""

    def row(doc: Any) -> tuple[str, str, str]:
        if isinstance(getattr(doc, "title", None), str) and hasattr(doc, "text"):
            return doc.doc_id, doc.title, doc.text
        return doc.doc_id, "", _text(name, doc)

    return _read(load(name).docs_iter(), ["id", "title", "text"], row)


def read_queries(name: str) -> Iterator[Rows]:
    """Columns id and text."""

    def row(query: Any) -> tuple[str, str]:
        return query.query_id, _text(name, query)

    return _read(load(name).queries_iter(), ["id", "text"], row)


def read_judgments(name: str) -> Iterator[Rows]:
    """Columns query_id, doc_id and grade."""
    return _read(
        load(name).qrels_iter(),
        ["query_id", "doc_id", "grade"],
        lambda qrel: (qrel.query_id, qrel.doc_id, qrel.relevance),
    )


def read_scored(name: str) -> Iterator[Rows]:
    """Columns query_id, doc_id, score and source of what a first stage found."""
    return _read(
        load(name).scoreddocs_iter(),
        ["query_id", "doc_id", "score", "source"],
        lambda found: (found.query_id, found.doc_id, float(found.score), "scoreddocs"),
    )


def read_negatives(name: str) -> Iterator[Rows]:
    """Columns query_id, doc_id and source of the negatives of training triples."""
    return _read(
        load(name).docpairs_iter(),
        ["query_id", "doc_id", "source"],
        lambda triple: (triple.query_id, triple.doc_id_b, "triples"),
    )


def _read(
    records: Iterable[Any], names: list[str], row: Callable[[Any], tuple[Any, ...]]
) -> Iterator[Rows]:
    """Columns of records, and the records' numbers in place of lines."""
    left = iter(records)
    done = 0
    while rows := [row(record) for record in islice(left, _ROWS)]:
        columns = (pa.array(column) for column in zip(*rows, strict=True))
        yield dict(zip(names, columns, strict=True)), np.arange(done, done + len(rows)) + 1
        done += len(rows)


def _text(name: str, record: Any) -> str:
    if not hasattr(record, "default_text"):
        raise InputError(f"{name}: ir_datasets gives {type(record).__name__} no plain text")
    return record.default_text()
