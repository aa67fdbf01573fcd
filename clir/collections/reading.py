"""The files of collections as tables, each read in parts by any number of tasks."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clir import names, tables
from clir.collections import beir, msmarco, named_datasets, trec
from clir.collections.layouts import Part, checked_domain
from clir.errors import InputError
from clir.text.lines import Rows

SCHEMAS = {
    "documents": tables.DOCUMENTS,
    "queries": tables.QUERIES,
    "judgments": tables.JUDGMENTS,
    "candidates": tables.CANDIDATES,
}


class Form(NamedTuple):
    """How a kind of file is written."""

    read: Callable[[Path, int, int | None], Iterator[Rows]]  # a range of its bytes
    by_line: bool = True  # whether it may be cut between any two lines
    own_domains: bool = False  # whether its rows may name a domain


_FORMS = {
    "BEIR texts": Form(beir.read_texts, own_domains=True),
    "BEIR judgments": Form(beir.read_judgments),
    "MS MARCO texts": Form(msmarco.read_texts),
    "positives of triples": Form(msmarco.read_positives),
    "negatives of triples": Form(msmarco.read_negatives),
    "top 1000": Form(msmarco.read_top1000),
    "TREC documents": Form(trec.read_documents, by_line=False),
    "TREC topics": Form(trec.read_topics, by_line=False),
    "TREC judgments": Form(trec.read_judgments),
    "TREC run": Form(trec.read_run),
}


def own_domains(part: Part) -> bool:
    """Whether rows of a file may name a domain."""
    return not part.named and _FORMS[part.form].own_domains


def tasks(files: Iterable[Part], size: int = 64 << 20) -> list[list[Part]]:
    """The same files in runs of about ``size`` bytes: large ones cut, small ones together.

    A run is of one collection and language, so whoever reads one of them skips the others' files.
    """
    runs: list[list[Part]] = []
    last, room = None, 0
    for file in sorted(files, key=lambda file: (file.collection, file.lang, file.path, file.form)):
        for part, bytes_ in _cut(file, size):
            if (file.collection, file.lang) != last or bytes_ > room:
                runs.append([])
                last, room = (file.collection, file.lang), size
            runs[-1].append(part)
            room -= bytes_
    return runs


def read(part: Part) -> Iterator[pa.RecordBatch]:
    """A part as batches of its kind's table. Errors name file and line."""
    for batch in read_marked(part):
        yield batch.select(SCHEMAS[part.kind].names)


def read_marked(part: Part) -> Iterator[pa.RecordBatch]:
    """The same with a column ``recoded``: whether a text was read in another encoding."""
    for batch, _, recoded in _read(part):
        for key in {"query_id", "doc_id"} & set(batch.schema.names):
            if pc.any(pc.equal(pc.binary_length(batch[key]), 0)).as_py():
                path, line, _ = next(places([part._replace(start=0, end=None)], key, [""]))
                raise InputError(f"{path}:{line}: an empty {key.replace('_', ' ')}")
        domains = batch["domain"].unique().to_pylist() if "domain" in batch.schema.names else []
        if names.ALL_DOMAINS in domains:
            place = next(places([part._replace(start=0, end=None)], "domain", [names.ALL_DOMAINS]))
            checked_domain(place.value, f"{place.path}:{place.line}")
        yield batch.append_column("recoded", recoded)


class Place(NamedTuple):
    """Where a value stands."""

    path: str
    line: int
    value: str


def places(files: Iterable[Part], column: str, values: list[str]) -> Iterator[Place]:
    """Where each row is that has one of some values, for a message about it."""
    wanted = pa.array(values, pa.string())
    for file in files:
        for batch, lines, _ in _read(file):
            for row in np.flatnonzero(pc.is_in(batch[column], value_set=wanted)):
                yield Place(file.path, int(lines[row]), batch[column][row].as_py())


def _read(part: Part) -> Iterator[tuple[pa.RecordBatch, np.ndarray, pa.BooleanArray]]:
    schema = SCHEMAS[part.kind]
    for columns, lines in _rows(part):
        recoded = columns.pop("recoded", None) or pa.repeat(False, len(lines))
        same = {"collection": part.collection, "lang": part.lang, "split": part.split, "title": ""}
        if "id" in columns:
            columns["doc_id" if part.kind == "documents" else "query_id"] = columns["id"]
        if "domain" in schema.names:
            own = columns.get("domain", pa.nulls(len(lines), pa.string()))
            columns["domain"] = pc.fill_null(own, part.domain)
        arrays = [
            columns[field.name].cast(field.type)
            if field.name in columns
            else pa.repeat(pa.scalar(same.get(field.name), field.type), len(lines))
            for field in schema
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema), lines, recoded


def _cut(file: Part, size: int) -> Iterator[tuple[Part, int]]:
    """A file in ranges of ``size`` bytes, each with its length; what cannot be cut, whole."""
    if file.named:
        yield file, size
        return
    total = Path(file.path).stat().st_size
    if not _FORMS[file.form].by_line or file.path.endswith(".gz"):
        yield file, total
        return
    for start in range(0, total, size):
        end = min(start + size, total)
        yield file._replace(start=start, end=end), end - start


def _rows(part: Part) -> Iterator[Rows]:
    if part.named:
        return named_datasets.read(part.path, part.form)
    return _FORMS[part.form].read(Path(part.path), part.start, part.end)
