"""Readers of retrieval collections: what a file says -> Arrow batches, errors with file:line.

BEIR layout: ``LANG/corpus.jsonl`` and ``LANG/queries.jsonl`` (``_id``, ``title``, ``text``,
optionally ``metadata.domain``), ``qrels/SPLIT.tsv`` (``query-id corpus-id score``, a header),
and ``about.json`` with the collection's domain. The same id is the same text in every language.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from clir import tables
from clir.errors import InputError
from clir.languages import LANGUAGES

_ROWS = 4096  # per batch


def languages_of(folder: Path) -> list[str]:
    """The languages a collection holds, in the order of ``languages.LANGUAGES``."""
    found = [code for code in LANGUAGES if (folder / code / "corpus.jsonl").exists()]
    if not found:
        raise InputError(f"{folder}: no LANG/corpus.jsonl in it; expected the BEIR layout")
    return found


def domain_of(folder: Path, given: str | None) -> str:
    """The domain given in the experiment, else the one in about.json."""
    if given:
        return given
    about = folder / "about.json"
    try:
        return str(json.loads(about.read_text(encoding="utf-8"))["domain"])
    except (FileNotFoundError, KeyError, json.JSONDecodeError):
        raise InputError(
            f"{about}: names no domain; give collections.* as {{path: ..., domain: ...}}"
        ) from None


def read_documents(path: Path, collection: str, domain: str, lang: str) -> Iterator[pa.RecordBatch]:
    """A corpus.jsonl as batches of ``tables.DOCUMENTS``."""
    return _read_texts(path, tables.DOCUMENTS, "doc_id", collection, domain, lang)


def read_queries(path: Path, collection: str, domain: str, lang: str) -> Iterator[pa.RecordBatch]:
    """A queries.jsonl as batches of ``tables.QUERIES``."""
    return _read_texts(path, tables.QUERIES, "query_id", collection, domain, lang)


def read_judgments(path: Path, collection: str) -> Iterator[pa.RecordBatch]:
    """A qrels file as batches of ``tables.JUDGMENTS``; the split is the file's name."""
    rows: list[dict[str, Any]] = []
    for number, line in _lines(path):
        cells = line.split("\t")
        if number == 1 and cells[-1].strip() == "score":
            continue
        if len(cells) != 3 or not cells[2].strip().lstrip("-").isdigit():
            raise InputError(f"{path}:{number}: expected `query-id<TAB>corpus-id<TAB>score`")
        rows.append(
            {
                "collection": collection,
                "split": path.stem,
                "query_id": cells[0],
                "doc_id": cells[1],
                "grade": int(cells[2]),
            }
        )
        if len(rows) == _ROWS:
            yield pa.RecordBatch.from_pylist(rows, tables.JUDGMENTS)
            rows = []
    yield pa.RecordBatch.from_pylist(rows, tables.JUDGMENTS)


def lines_of_id(path: Path, key: str, wanted: str) -> list[int]:
    """The lines of a collection's file that carry an id, for a message about it.

    ``key`` is ``_id`` in a corpus or queries file, ``query`` or ``doc`` in a qrels file.
    """
    if key == "_id":
        return [n for n, line in _lines(path) if str(_json(path, n, line).get("_id")) == wanted]
    column = {"query": 0, "doc": 1}[key]
    return [n for n, line in _lines(path) if line.split("\t")[column] == wanted]


def _read_texts(
    path: Path, schema: pa.Schema, id_name: str, collection: str, domain: str, lang: str
) -> Iterator[pa.RecordBatch]:
    rows: list[dict[str, Any]] = []
    for number, line in _lines(path):
        item = _json(path, number, line)
        metadata = item.get("metadata") or {}
        text = item.get("text")
        if "_id" not in item or not isinstance(text, str):
            raise InputError(f"{path}:{number}: expected the keys _id and text")
        rows.append(
            {
                "collection": collection,
                "domain": metadata.get("domain", domain),
                "lang": lang,
                id_name: str(item["_id"]),
                "title": item.get("title") or "",
                "text": text,
            }
        )
        if len(rows) == _ROWS:
            yield pa.RecordBatch.from_pylist(rows, schema)
            rows = []
    yield pa.RecordBatch.from_pylist(rows, schema)


def _json(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        item = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{number}: not JSON: {error.msg}") from None
    if not isinstance(item, dict):
        raise InputError(f"{path}:{number}: expected a JSON object")
    return item


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines without their ends; blank ones are passed over."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    yield number, line.decode("utf-8").rstrip("\r\n")
                except UnicodeDecodeError:
                    raise InputError(f"{path}:{number}: not UTF-8") from None
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
