"""BEIR's files: corpus.jsonl and queries.jsonl (a JSON object a line), qrels/SPLIT.tsv."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from clir.lines import Block, Rows, read_blocks


def read_texts(path: Path, start: int = 0, end: int | None = None) -> Iterator[Rows]:
    """Columns id, title, text and domain (that of ``metadata``, or null) of lines of JSON."""
    for block in read_blocks(path, start, end):
        items = [_item(block, row, line) for row, line in enumerate(block.lines.to_pylist())]
        domains = [(item.get("metadata") or {}).get("domain") for item in items]
        columns = {
            "id": [str(item["_id"]) for item in items],
            "title": [item.get("title") or "" for item in items],
            "text": [item["text"] for item in items],
            "domain": domains,
        }
        yield {name: pa.array(cells, pa.string()) for name, cells in columns.items()}, block.numbers


def read_judgments(path: Path, start: int = 0, end: int | None = None) -> Iterator[Rows]:
    """Columns query_id, doc_id and grade of a qrels file, with or without its header."""
    expected = "`query-id<TAB>corpus-id<TAB>score`"
    for block in read_blocks(path, start, end):
        if start == 0 and block.numbers[0] == 1 and block.lines[0].as_py().endswith("\tscore"):
            block = block._replace(lines=block.lines[1:], numbers=block.numbers[1:])
        query, doc, score = block.cells(3, expected)
        grade = block.integers(pc.ascii_trim_whitespace(score), expected)
        yield {"query_id": query, "doc_id": doc, "grade": grade}, block.numbers


def _item(block: Block, row: int, line: str) -> dict[str, Any]:
    try:
        item = json.loads(line)
    except json.JSONDecodeError as error:
        raise block.error(row, f"not JSON: {error.msg}") from None
    if not isinstance(item, dict):
        raise block.error(row, "expected a JSON object")
    if "_id" not in item or not isinstance(item.get("text"), str):
        raise block.error(row, "expected the keys _id and text")
    return item
