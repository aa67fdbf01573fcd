"""Collections by the names that ir_datasets knows, such as beir/scifact/train; it is optional."""

from collections.abc import Callable, Iterator
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


def read(name: str, form: str) -> Iterator[Rows]:
    """Columns of the records of one form, and the records' numbers in place of lines."""
    iterator, columns, row = _FORMS[form]
    left = getattr(load(name), iterator)()
    done = 0
    while rows := [row(name, record) for record in islice(left, _ROWS)]:
        cells = (pa.array(column) for column in zip(*rows, strict=True))
        yield dict(zip(columns, cells, strict=True)), np.arange(done, done + len(rows)) + 1
        done += len(rows)


def _document(name: str, doc: Any) -> tuple[str, str, str]:
    """Without a title where the dataset has no such field."""
    if isinstance(getattr(doc, "title", None), str) and hasattr(doc, "text"):
        return doc.doc_id, doc.title, doc.text
    return doc.doc_id, "", _text(name, doc)


def _text(name: str, record: Any) -> str:
    if not hasattr(record, "default_text"):
        raise InputError(f"{name}: ir_datasets gives {type(record).__name__} no plain text")
    return record.default_text()


# By form: who gives the records, the columns, and a record as a row of them.
_FORMS: dict[str, tuple[str, list[str], Callable[[str, Any], tuple[Any, ...]]]] = {
    "named documents": ("docs_iter", ["id", "title", "text"], _document),
    "named queries": (
        "queries_iter",
        ["id", "text"],
        lambda name, query: (query.query_id, _text(name, query)),
    ),
    "named judgments": (
        "qrels_iter",
        ["query_id", "doc_id", "grade"],
        lambda _, qrel: (qrel.query_id, qrel.doc_id, qrel.relevance),
    ),
    "named scored documents": (
        "scoreddocs_iter",
        ["query_id", "doc_id", "score", "source"],
        lambda _, found: (found.query_id, found.doc_id, float(found.score), "scoreddocs"),
    ),
    "named triples": (  # their negatives
        "docpairs_iter",
        ["query_id", "doc_id", "source"],
        lambda _, triple: (triple.query_id, triple.doc_id_b, "triples"),
    ),
}
