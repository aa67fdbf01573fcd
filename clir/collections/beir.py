"""BEIR's files: corpus.jsonl and queries.jsonl (a JSON object a line), qrels/SPLIT.tsv."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from clir.text.lines import Block, Rows, read_blocks

# Of the ids and the grade, as published collections write it.
_HEADER = re.compile(r"[^\t]+\t[^\t]+\t *(score|relevance|rel|grade|label) *", re.IGNORECASE)

_NOT_TEXT = {bool: "true or false", list: "a list", dict: "an object", type(None): "null"}


def read_texts(path: Path, start: int = 0, end: int | None = None) -> Iterator[Rows]:
    """Columns id, title, text and domain (that of ``metadata``, or null) of lines of JSON.

    A number is read as it is written. No title, and a text that is null, are empty.
    """
    for block in read_blocks(path, start, end):
        items = [_item(block, row, line) for row, line in enumerate(block.lines.to_pylist())]
        texts = [item["text"] for item in items]
        metadata = [_metadata(block, row, item) for row, item in enumerate(items)]
        yield (
            {
                "id": _column(block, "_id", [item["_id"] for item in items]),
                "title": _column(block, "title", [item.get("title") or "" for item in items]),
                "text": _column(block, "text", ["" if t is None else t for t in texts]),
                "domain": _column(block, "domain", [of.get("domain") for of in metadata], True),
            },
            block.numbers,
        )


def read_judgments(path: Path, start: int = 0, end: int | None = None) -> Iterator[Rows]:
    """Columns query_id, doc_id and grade of a qrels file, with or without its header."""
    expected = "`query-id<TAB>corpus-id<TAB>score`"
    for number, block in enumerate(read_blocks(path, start, end)):
        if start == 0 and number == 0 and _HEADER.fullmatch(block.lines[0].as_py()):
            block = block._replace(lines=block.lines[1:], numbers=block.numbers[1:])
        query, doc, score = block.cells(3, expected)
        grade = block.integers(pc.ascii_trim_whitespace(score), expected)
        yield {"query_id": query, "doc_id": doc, "grade": grade}, block.numbers


def _item(block: Block, row: int, line: str) -> dict[str, Any]:
    try:
        item = _DECODER.decode(line)
    except json.JSONDecodeError as error:
        raise block.error(row, f"not JSON: {error.msg}") from None
    except _NoJsonError as error:
        raise block.error(row, f"not JSON: {error}") from None
    except RecursionError:
        raise block.error(row, "not read: lists or objects in each other, too deep") from None
    if not isinstance(item, dict):
        raise block.error(row, "expected a JSON object")
    if "_id" not in item or "text" not in item:
        raise block.error(row, "expected the keys _id and text")
    return item


def _metadata(block: Block, row: int, item: dict[str, Any]) -> dict[str, Any]:
    metadata = item.get("metadata")
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        found = _NOT_TEXT.get(type(metadata), "a text or a number")
        raise block.error(row, f"metadata is {found}, expected an object")
    return metadata


def _column(block: Block, name: str, cells: list[Any], optional: bool = False) -> pa.StringArray:
    """A column of texts; InputError where a cell is none, or no text that UTF-8 can write."""
    for row, cell in enumerate(cells):
        if type(cell) is not str and not (optional and cell is None):
            found = _NOT_TEXT[type(cell)]
            raise block.error(row, f"{name} is {found}, expected a text or a number")
    try:
        return pa.array(cells, pa.string())
    except UnicodeEncodeError:
        row, half = next((row, half) for row, cell in enumerate(cells) if (half := _half(cell)))
        message = f"{name} has {half!a}, half a character (of an emoji?); mend or drop it"
        raise block.error(row, message) from None


def _half(cell: str | None) -> str | None:
    """The first half of a surrogate pair that has no other half."""
    return next((c for c in cell or "" if "\ud800" <= c <= "\udfff"), None)


class _NoJsonError(ValueError):
    """What Python's reader takes for JSON though it is none."""


def _no_constant(name: str) -> NoReturn:
    raise _NoJsonError(f"{name} is no number of JSON's")


# Numbers as they are written: an id 1e3 or 007.50 is not to be reckoned with.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_constant)
