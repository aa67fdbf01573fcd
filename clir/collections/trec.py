"""TREC's files: documents and topics in SGML, qrels, runs.

Readers of qrels and runs part lines at white space, so ids are written with white space, control
characters and ``%`` percent-encoded, in both alike.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clir import whole_files
from clir.collections.trec_markup import label, title_and_text
from clir.errors import InputError
from clir.text.lines import BLOCK_BYTES, LONGEST, Rows, not_utf8, opened, read_blocks

_ROWS = 1024  # documents in a batch: some MB
_LINES = 1 << 20  # written at once

# What str.split and C's isspace part at, control characters, and a byte order mark.
_NOT_IN_IDS = "%\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_TO_ENCODE = re.compile(f"[{_NOT_IN_IDS}]")
_TO_ENCODE_RE2 = "[" + "".join(c if c == "-" else rf"\x{{{ord(c):x}}}" for c in _NOT_IN_IDS) + "]"
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)


def read_documents(path: Path, start: int = 0, end: int | None = None) -> Iterator[Rows]:
    """Columns id, title and text of a file of ``<DOC>`` elements.

    Either of title and text may be empty. Tags may carry attributes and be written small. Web
    pages (those with a ``<DOCHDR>``) are of any encoding: where they are not UTF-8 they are read
    as what they say they are, else as Windows-1252; a column ``recoded`` tells which, if any.
    """
    assert start == 0 and end is None, "a file of documents is not cut"
    rows: list[tuple[str, str, str, bool, int]] = []
    for line, raw in _elements(path, "DOC"):
        inside, recoded = _decoded(path, line, raw)
        number = label(inside, "DOCNO")
        if not number:
            raise InputError(f"{path}:{line}: <DOC> without a <DOCNO>")
        rows.append((number, *title_and_text(inside), recoded, line))
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
    for line, raw in _elements(path, "top"):
        inside = _utf8(path, line, raw)
        number = label(inside, "num", "Number:")
        title = label(inside, "title", "Topic:")
        description = label(inside, "desc", "Description:")
        if not number:
            raise InputError(f"{path}:{line}: <top> without a <num>")
        if not (title or description):
            raise InputError(f"{path}:{line}: <top> with neither a <title> nor a <desc>")
        rows.append((number, "", title or description, False, line))
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
    expected = "`query-id Q0 doc-id rank score tag`, rank and score numbers"
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


def encoded(ids: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Ids as they are written: what would part them from each other as ``%`` and two digits."""
    if isinstance(ids, pa.ChunkedArray):
        ids = ids.combine_chunks()
    strange = pc.match_substring_regex(ids, _TO_ENCODE_RE2)
    if not pc.any(strange).as_py():
        return ids
    written = [
        _TO_ENCODE.sub(lambda found: quote(found[0], safe=""), key)
        for key in ids.filter(strange).to_pylist()
    ]
    return pc.replace_with_mask(ids, strange, pa.array(written, ids.type))


def write_run(run: pa.Table, tag: str, path: Path) -> None:
    """``query-id Q0 doc-id rank score tag``, a line a row of columns with these names."""
    (tag,) = encoded(pa.array([tag])).to_pylist()
    _write_lines(run, ["query_id", "Q0", "doc_id", "rank", "score", tag], path)


def write_judgments(judgments: pa.Table, path: Path) -> None:
    """``query-id 0 doc-id grade``, a line a row."""
    _write_lines(judgments, ["query_id", "0", "doc_id", "grade"], path)


def _write_lines(table: pa.Table, cells: list[str], path: Path) -> None:
    """Lines of blank-separated cells, each a column of the table or a constant."""
    with whole_files.writing(path) as file:
        for at in range(0, len(table), _LINES):
            part = table.slice(at, _LINES)
            columns = [_written(part[name]) if name in part.column_names else name
                       for name in cells]  # fmt: skip
            lines = pc.binary_join_element_wise(*columns, " ")
            lines = pc.binary_join_element_wise(lines, "\n", "")
            _, ends, data = lines.buffers()
            file.write(data[: np.frombuffer(ends, np.int32)[len(lines)]])


def _written(column: pa.ChunkedArray) -> pa.Array:
    return encoded(column.cast(pa.string()))


def _elements(path: Path, name: str) -> Iterator[tuple[int, bytes]]:
    """The line of each opening tag of a name, and what stands from there to its closing one.

    What stands between such elements (an XML header) is left out.
    """
    tag = re.compile(rb"<(/?)%s(?:\s[^<>]*)?>" % name.encode(), re.IGNORECASE)
    buffer, line, found = b"", 1, False  # the line that the buffer begins on
    opening: int | None = None  # the line of an open tag
    with opened(path) as file:
        while chunk := file.read(BLOCK_BYTES):
            buffer += chunk
            done = 0
            for mark in tag.finditer(buffer):
                at = line + buffer.count(b"\n", done, mark.start())
                if not mark[1]:
                    if opening is not None:
                        raise InputError(
                            f"{path}:{opening}: <{name}> is not closed before the next"
                        )
                    opening = at
                elif opening is None:
                    shown = mark[0].decode("ascii", "replace")
                    raise InputError(f"{path}:{at}: {shown} without <{name}> before it")
                else:
                    yield opening, buffer[done : mark.start()]
                    opening, found = None, True
                line, done = at + mark[0].count(b"\n"), mark.end()
            buffer = buffer[done:]
            if len(buffer) > LONGEST:
                raise InputError(
                    f"{path}:{line}: no <{name}> or </{name}> for {len(buffer):,} bytes"
                )
    if opening is not None:
        raise InputError(f"{path}:{opening}: <{name}> is not closed: the file is cut")
    if not found:
        raise InputError(
            f"{path}:1: no <{name}> in it; move files that are no TREC documents out of this folder"
        )


def _decoded(path: Path, line: int, raw: bytes) -> tuple[str, bool]:
    """A document's characters, and whether it is of another encoding than UTF-8."""
    try:
        return raw.decode(), False
    except UnicodeDecodeError:
        if b"<dochdr>" not in raw.lower():
            return _utf8(path, line, raw), False  # which says where
    for named in _CHARSET.finditer(raw):
        try:
            return raw.decode(named[1].decode()), True
        except (UnicodeDecodeError, LookupError):
            continue
    return raw.decode("cp1252", "replace"), True


def _utf8(path: Path, line: int, raw: bytes) -> str:
    """An element's characters; ``line`` is that of its opening tag."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise not_utf8(path, line + raw.count(b"\n", 0, error.start)) from None


def _texts(rows: list[tuple[str, str, str, bool, int]]) -> Rows:
    ids, titles, texts, recoded, lines = zip(*rows, strict=True)
    columns = {"id": ids, "title": titles, "text": texts}
    if any(recoded):
        columns["recoded"] = recoded
    return {name: pa.array(column) for name, column in columns.items()}, np.array(lines)
