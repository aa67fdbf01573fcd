"""TREC's files: documents and topics in SGML, qrels, runs."""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from clir.errors import InputError
from clir.lines import BLOCK_BYTES, LONGEST, Rows, not_utf8, opened, read_blocks

_ROWS = 1024  # documents in a batch: some MB


class _Element(NamedTuple):
    """What stands between an opening tag and its closing one."""

    line: int  # of the opening tag
    inside: str


def read_documents(path: Path, start: int = 0, end: int | None = None) -> Iterator[Rows]:
    """Columns id, title and text of a file of ``<DOC>`` elements.

    The title is that of the first headline, the text that of all ``<TEXT>`` elements; either may
    be missing. Tags may carry attributes and be written small.
    """
    assert start == 0 and end is None, "a file of documents is not cut"
    rows: list[tuple[str, str, str, int]] = []
    for line, inside in _elements(path, "DOC"):
        number = _label(inside, "DOCNO")
        if not number:
            raise InputError(f"{path}:{line}: <DOC> without a <DOCNO>")
        title = next(_sections(inside, "TITLE|HEADLINE|HEAD|HL|TTL"), "")
        rows.append((number, title, " ".join(_sections(inside, "TEXT")), line))
        if len(rows) == _ROWS:
            yield _texts(rows)
            rows = []
    if rows:
        yield _texts(rows)


def read_topics(path: Path, start: int = 0, end: int | None = None) -> Iterator[Rows]:
    """Columns id and text of a file of ``<top>`` elements, whose inner tags are often not closed.

    The text is the title, or where it is missing or empty the description.
    """
    assert start == 0 and end is None, "a file of topics is not cut"
    rows = []
    for line, inside in _elements(path, "top"):
        number = _label(inside, "num", "Number:")
        title = _label(inside, "title", "Topic:")
        description = _label(inside, "desc", "Description:")
        if not number:
            raise InputError(f"{path}:{line}: <top> without a <num>")
        if not (title or description):
            raise InputError(f"{path}:{line}: <top> with neither a <title> nor a <desc>")
        rows.append((number, "", title or description, line))
    if rows:
        yield _texts(rows)


def read_judgments(path: Path, start: int = 0, end: int | None = None) -> Iterator[Rows]:
    """Columns query_id, doc_id and grade of a qrels file: four columns, tabs or blanks between."""
    expected = "`query-id iteration doc-id grade`"
    for block in read_blocks(path, start, end):
        query, _, doc, grade = block.cells(4, expected, tabs=False)
        columns = {"query_id": query, "doc_id": doc, "grade": block.integers(grade, expected)}
        yield columns, block.numbers


def read_run(path: Path, start: int = 0, end: int | None = None) -> Iterator[Rows]:
    """Columns query_id, doc_id, rank, score and source (the run's tag) of a run file."""
    expected = "`query-id Q0 doc-id rank score tag`"
    for block in read_blocks(path, start, end):
        query, _, doc, rank, score, tag = block.cells(6, expected, tabs=False)
        columns = {
            "query_id": query,
            "doc_id": doc,
            "rank": block.integers(rank, expected),
            "score": block.reals(score, expected),
            "source": tag,
        }
        yield columns, block.numbers


def _elements(path: Path, name: str) -> Iterator[_Element]:
    """All elements of a name, one by one; what stands between them (an XML header) is left out."""
    tag = re.compile(rf"<(/?){name}(?:\s[^<>]*)?>", re.IGNORECASE)
    buffer, line, found = "", 1, False  # the line that the buffer begins on
    opening: int | None = None  # the line of an open tag
    for text in _decoded(path):
        buffer += text
        done = 0
        for mark in tag.finditer(buffer):
            at = line + buffer.count("\n", done, mark.start())
            if not mark[1]:
                if opening is not None:
                    raise InputError(f"{path}:{opening}: <{name}> is not closed before the next")
                opening = at
            elif opening is None:
                raise InputError(f"{path}:{at}: {mark[0]} without <{name}> before it")
            else:
                yield _Element(opening, buffer[done : mark.start()])
                opening, found = None, True
            line, done = at + mark[0].count("\n"), mark.end()
        buffer = buffer[done:]
        if len(buffer) > LONGEST:
            raise InputError(f"{path}:{line}: no <{name}> or </{name}> for {len(buffer):,} letters")
    if opening is not None:
        raise InputError(f"{path}:{opening}: <{name}> is not closed: the file is cut")
    if not found:
        raise InputError(f"{path}:1: no <{name}> in it; move what is none of them elsewhere")


def _decoded(path: Path) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = 0
    with opened(path) as file:
        while chunk := file.read(BLOCK_BYTES):
            try:
                yield decoder.decode(chunk)
            except UnicodeDecodeError as error:
                lines += error.object.count(b"\n", 0, error.start)
                raise not_utf8(path, lines + 1) from None
            lines += chunk.count(b"\n")
    if decoder.getstate()[0]:
        raise not_utf8(path, lines + 1)


def _sections(inside: str, names: str) -> Iterator[str]:
    """The plain texts of all sections of these names; one that is not closed goes to the end."""
    pattern = rf"<({names})(?:\s[^<>]*)?>(.*?)(?:</\1\s*>|\Z)"
    for section in re.finditer(pattern, inside, re.IGNORECASE | re.DOTALL):
        yield _plain(section[2])


def _label(inside: str, tag: str, word: str = "") -> str:
    """The plain text after a tag, and after the word that may repeat its name, to the next tag."""
    pattern = rf"<{tag}(?:\s[^<>]*)?>\s*(?:{word})?([^<]*)"
    found = re.search(pattern, inside, re.IGNORECASE)
    return _plain(found[1]) if found else ""


def _plain(marked_up: str) -> str:
    """Without tags and entities, on one line."""
    return " ".join(html.unescape(re.sub(r"<[^<>]*>", " ", marked_up)).split())


def _texts(rows: list[tuple[str, str, str, int]]) -> Rows:
    ids, titles, texts, lines = zip(*rows, strict=True)
    columns = {"id": ids, "title": titles, "text": texts}
    return {name: pa.array(column) for name, column in columns.items()}, np.array(lines)
