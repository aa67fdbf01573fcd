"""Bytes of a MediaWiki SQL dump -> Arrow columns, by the names in its CREATE TABLE.

A dump is read in blocks of whole lines, each by one walk over its bytes that Numba has compiled.
Both layouts occur: one statement of about 1 MB per line, or (newer dumps) one row per line. A row
is read to the letter of its grammar or not at all: what is no row is set aside up to where the next
one seems to begin. mysqldump writes a newline inside a string as ``\\n``, so a row ends with its
line, whatever is damaged in it.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import pyarrow as pa
from isal import igzip, igzip_lib

from clir.errors import InputError
from clir.kernels import compiled

BLOCK_BYTES = 2 << 20  # what is made of a block stays in the processor's cache
_LONGEST_LINE = 256 << 20
_KEPT_BYTES = 1000  # of a rejected row
_HOPELESS = 10_000  # damaged rows after which a file that is mostly damaged is given up
_MAGIC = {b"\x1f\x8b": "gzip", b"BZ": "bz2", b"\x28\xb5": "zstd"}
_SUFFIX = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}

_LAST_LINE = b"-- Dump completed"
_CREATE = re.compile(rb"CREATE TABLE `(\w+)` \(")
_COLUMN = re.compile(rb"\s+`(\w+)` ")

_QUOTE, _BACKSLASH, _OPEN, _CLOSE, _COMMA, _SEMICOLON, _NEWLINE = b"'\\(),;\n"
_RETURN = ord("\r")
_BETWEEN_ROWS = (_COMMA, _SEMICOLON, ord(" "), _RETURN)
_END_OF_VALUE = (_QUOTE, _BACKSLASH, _OPEN, _CLOSE, _COMMA, _NEWLINE)  # of a number, or NULL
_INSERT = ord("I")
_DIGITS = 18  # more may not fit into 64 bits
# What an escaped byte stands for; all others stand for themselves.
_UNESCAPED = np.arange(256, dtype=np.uint8)
for _escaped, _byte in zip(b"0nrtbZ", b"\0\n\r\t\b\x1a", strict=True):
    _UNESCAPED[_escaped] = _byte
# How a walk over a block ends.
_END, _DAMAGED, _UNREADABLE, _OTHER_LINE = range(4)
_LINE_END = (_NEWLINE, _RETURN)
_COMMENT = tuple(b"-/")  # how a line of comments begins
_WITHOUT_ROWS = (b"LOCK", b"UNLOCK", b"SET ", b"set ", b"COMMIT", b"commit", b"ALTER TABLE")


class Rejected(NamedTuple):
    """A piece of a dump that is no row."""

    offset: int  # of its first byte, in the unpacked dump
    reason: str
    raw: bytes  # its first 1,000 bytes


class Account:
    """What became of a dump's rows: rows in = ``rows`` + all ``dropped: REASON``.

    ``rejected`` grows while the dump is read; a reader that keeps it takes it away batch by batch.
    """

    def __init__(self) -> None:
        self.counts = Counter(rows=0)
        self.rejected: list[Rejected] = []

    @property
    def dropped(self) -> int:
        return sum(n for reason, n in self.counts.items() if reason.startswith("dropped"))

    def reject(self, offset: int, reason: str, raw: bytes) -> None:
        """Note a piece that is no row. What looks like several rows counts as several."""
        self.counts[f"dropped: {reason}"] += 1 + raw.rstrip(b",;\n)").count(b"),(")
        self.rejected.append(Rejected(offset, reason, raw[:_KEPT_BYTES]))


def read_dump(
    path: str | Path,
    table: str,
    schema: pa.Schema,
    account: Account,
    max_bad_share: float = 0.001,
) -> Iterator[pa.RecordBatch]:
    """Yield the columns of ``schema`` (int64 or string fields, named as in the dump) in batches.

    Raises InputError for a missing, truncated, wrongly compressed or foreign dump, and when more
    than ``max_bad_share`` of the rows are dropped.
    """
    path = Path(path)
    names: list[str] | None = None
    offset = 0
    for block in _blocks_of_lines(path):
        if names is None:
            names = _column_names(path, block, table)
            missing = set(schema.names) - set(names)
            if missing:
                raise InputError(
                    f"{path}: table {table} has no column {sorted(missing)}; it has {names}"
                )
            offset = _after_header(block)
            block = block[offset:]
        batch = _read_block(path, block, offset, table, names, schema, account)
        offset += len(block)
        if batch.num_rows:
            yield batch
        if account.dropped > _HOPELESS:  # rather than set all of a useless file aside
            _check_share(path, account, max(max_bad_share, 0.5))
    _check_share(path, account, max_bad_share)


def _check_share(path: Path, account: Account, allowed: float) -> None:
    rows = account.counts["rows"]
    if account.dropped > allowed * (rows + account.dropped):
        raise InputError(
            f"{path}: {account.dropped} of {rows + account.dropped} rows are damaged "
            f"({dict(account.counts)}), more than the allowed share {allowed}; fetch it again"
        )


def _blocks_of_lines(path: Path) -> Iterator[bytes]:
    """Blocks of whole lines; the first holds the header up to some INSERT."""
    carry, last, header = b"", b"", True
    try:
        with _open(path) as stream:
            while chunk := stream.read(BLOCK_BYTES):
                carry += chunk
                end = carry.rfind(b"\n") + 1
                if not end or (header and b"\nINSERT INTO" not in carry[:end]):
                    if len(carry) > _LONGEST_LINE:
                        raise InputError(f"{path}: no end of a line in {len(carry):,} bytes")
                    continue  # a line longer than a block, or a long header: read on
                yield carry[:end]
                last = carry[:end].rstrip().rsplit(b"\n", 1)[-1] or last
                carry, header = carry[end:], False
    except FileNotFoundError:
        raise InputError(f"{path}: no such dump") from None
    except (EOFError, OSError, zlib.error, igzip_lib.IsalError) as error:  # type: ignore[misc]
        raise InputError(f"{path}: truncated or damaged dump ({error}); fetch it again") from error
    if not (last + b"\n" + carry).rstrip().rsplit(b"\n", 1)[-1].startswith(_LAST_LINE):
        raise InputError(
            f"{path}: truncated dump: its last line is not {_LAST_LINE.decode()!r}; fetch it again"
        )
    if header:
        yield carry  # a dump without rows; the header is still checked


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as plain:
        found = _MAGIC.get(plain.read(2))
    expected = _SUFFIX.get(path.suffix)
    if found != expected:
        raise InputError(
            f"{path}: its name says {expected or 'plain'}, its bytes say {found or 'plain'}"
        )
    if found == "gzip":
        return igzip.open(path)
    return pa.input_stream(str(path), compression=found)


def _column_names(path: Path, block: bytes, table: str) -> list[str]:
    create = _CREATE.search(block)
    if create is None:
        raise InputError(f"{path}: no CREATE TABLE found; is it a MediaWiki SQL dump?")
    if create[1].decode() != table:
        raise InputError(f"{path}: a dump of table {create[1].decode()}, expected {table}")
    names: list[str] = []
    for line in block[create.end() :].split(b"\n")[1:]:
        column = _COLUMN.match(line)
        if column is None:
            return names
        names.append(column[1].decode())
    raise InputError(f"{path}: CREATE TABLE {table} is cut")


def _after_header(block: bytes) -> int:
    """Where the CREATE TABLE has ended: from there on, what is no row must be known."""
    create = _CREATE.search(block)
    assert create is not None
    return block.find(b"\n", block.find(b"\n)", create.end()) + 1) + 1


def _read_block(
    path: Path,
    block: bytes,
    offset: int,
    table: str,
    names: list[str],
    schema: pa.Schema,
    account: Account,
) -> pa.RecordBatch:
    """The rows of whole lines; all else is noted in ``account``."""
    if not block.endswith(b"\n"):
        block += b"\n"  # the walk ends at it
    data = np.frombuffer(block, np.uint8)
    insert = np.frombuffer(f"INSERT INTO `{table}` VALUES".encode(), np.uint8)
    found = _Found.room_for(len(block), names, schema)
    at, among_rows = 0, False
    while True:
        end, begin, at = _walk(data, at, among_rows, insert, found)
        if end == _END:
            break
        if end == _OTHER_LINE and _holds_no_rows(path, block, begin, table):
            at, among_rows = block.index(b"\n", begin), False
            continue
        if end != _UNREADABLE:
            line_end = block.index(b"\n", begin)
            next_row = block.find(b"),(", begin, line_end)
            at = line_end if next_row < 0 else next_row + 2
        reason = "unreadable value" if end == _UNREADABLE else "damaged row"
        account.reject(offset + begin, reason, block[begin:at])
        among_rows = True
    batch = _utf8_rows(found.batch(schema), found, block, offset, account)
    account.counts["rows"] += batch.num_rows
    return batch.cast(schema)


def _holds_no_rows(path: Path, block: bytes, begin: int, table: str) -> bool:
    """Whether a line is a statement to pass over; InputError for one that we cannot read."""
    if block.startswith(b"INSERT INTO", begin):
        raise InputError(
            f"{path}: cannot read the statement {block[begin : begin + 60]!r}; "
            f"expected INSERT INTO `{table}` VALUES"
        )
    return block.startswith(_WITHOUT_ROWS, begin)


class _Found(NamedTuple):
    """Rows of a block, with room for as many as it could hold."""

    slots: np.ndarray  # of each column of the dump its place below, numbers first, or -1
    numbers: np.ndarray  # int64: columns x rows
    texts: np.ndarray  # uint8: columns x bytes, strings one after another
    ends: np.ndarray  # int32: columns x (rows + 1), where in texts each string ends
    places: np.ndarray  # int64: rows x 2, where in the block each row begins and ends
    rows: np.ndarray  # how many were found (one number)

    @classmethod
    def room_for(cls, size: int, names: list[str], schema: pa.Schema) -> _Found:
        fields = sorted(schema, key=lambda field: not pa.types.is_integer(field.type))
        slots = np.full(len(names), -1)
        slots[[names.index(field.name) for field in fields]] = range(len(fields))
        numbers = sum(pa.types.is_integer(field.type) for field in fields)
        texts = len(fields) - numbers
        rows = size // (len(names) + 2) + 1  # (,,,) and a comma or newline
        return cls(
            slots,
            np.empty((numbers, rows), np.int64),
            np.empty((texts, size), np.uint8),
            np.zeros((texts, rows + 1), np.int32),
            np.empty((rows, 2), np.int64),
            np.zeros(1, np.int64),
        )

    def batch(self, schema: pa.Schema) -> pa.RecordBatch:
        """The rows, strings as binary: nobody has looked whether they are UTF-8."""
        rows = int(self.rows[0])
        numbers = iter(self.numbers)
        texts = zip(self.texts, self.ends, strict=True)
        arrays = []
        for field in schema:
            if pa.types.is_integer(field.type):
                arrays.append(pa.array(next(numbers)[:rows]))
            else:
                text, ends = next(texts)
                buffers = [None, pa.py_buffer(ends[: rows + 1]), pa.py_buffer(text[: ends[rows]])]
                arrays.append(pa.Array.from_buffers(pa.binary(), rows, buffers))
        return pa.RecordBatch.from_arrays(arrays, schema.names)


@compiled
def _walk(
    data: np.ndarray, at: int, among_rows: bool, insert: np.ndarray, found: _Found
) -> tuple[int, int, int]:
    """Read rows from ``at`` on; how the walk ended, where what ended it begins, where it ends.

    ``data`` ends with a newline. ``among_rows``: ``at`` is inside a line of rows, not at its start.
    """
    size = len(data)
    while at < size:
        byte = data[at]
        if not among_rows:
            if byte == _INSERT:
                stop = at + len(insert)
                if stop > size or not np.array_equal(data[at:stop], insert):
                    return _OTHER_LINE, at, at
                at, among_rows = stop, True
            elif byte == _OPEN:
                among_rows = True
            elif byte in _COMMENT:
                while data[at] != _NEWLINE:
                    at += 1
            elif byte in _LINE_END:
                at += 1
            else:
                return _OTHER_LINE, at, at
        elif byte == _NEWLINE:
            at, among_rows = at + 1, False
        elif byte in _BETWEEN_ROWS:
            at += 1
        elif byte == _OPEN:
            stop, readable = _read_row(data, at, found)
            if stop < 0:
                return _DAMAGED, at, at
            if not readable:
                return _UNREADABLE, at, stop
            at = stop
        else:
            return _DAMAGED, at, at
    return _END, at, at


@compiled
def _read_row(data: np.ndarray, begin: int, found: _Found) -> tuple[int, bool]:
    """Read the row that begins here; where it ends (-1: it is none), and whether as asked."""
    row, readable = found.rows[0], True
    last = len(found.slots) - 1
    at = begin + 1
    for column in range(last + 1):
        slot = found.slots[column]
        text = slot - len(found.numbers)
        if data[at] == _QUOTE:
            at += 1
            if text >= 0:
                at, end = _read_text(data, at, found.texts[text], found.ends[text, row])
                found.ends[text, row + 1] = end
            else:
                at = _skip_text(data, at)
                readable &= slot < 0
            if at < 0:
                return -1, False
        else:
            start, number = at, 0
            while data[at] not in _END_OF_VALUE:
                number = number * 10 + (data[at] - 48)
                at += 1
            if slot >= 0:
                readable &= text < 0 and _all_digits(data[start:at])
                if text < 0:
                    found.numbers[slot, row] = number
        if data[at] != (_CLOSE if column == last else _COMMA):
            return -1, False
        at += 1
    byte = data[at]
    if byte != _NEWLINE and byte not in _BETWEEN_ROWS:
        return -1, False
    if readable:
        found.places[row, 0], found.places[row, 1] = begin, at
        found.rows[0] += 1
    return at, readable


@compiled
def _all_digits(data: np.ndarray) -> bool:
    if not 0 < len(data) <= _DIGITS:
        return False
    for byte in data:  # noqa: SIM110, compiled
        if byte < 48 or byte > 57:
            return False
    return True


@compiled
def _read_text(data: np.ndarray, at: int, out: np.ndarray, end: int) -> tuple[int, int]:
    """Copy a string from behind its first quote to ``out[end:]``, escapes undone.

    Where in data it ends (-1: it does not in this line), and where in ``out``.
    """
    while True:
        byte = data[at]
        if byte == _QUOTE:
            if data[at + 1] != _QUOTE:
                return at + 1, end
            at += 1  # a doubled one
        elif byte == _BACKSLASH:
            at += 1
            byte = data[at]
            if byte == _NEWLINE:
                return -1, end
            byte = _UNESCAPED[byte]
        elif byte == _NEWLINE:
            return -1, end
        out[end] = byte
        end += 1
        at += 1


@compiled
def _skip_text(data: np.ndarray, at: int) -> int:
    """Where a string ends, -1 where it does not in this line."""
    while True:
        byte = data[at]
        if byte == _QUOTE:
            if data[at + 1] != _QUOTE:
                return at + 1
            at += 1
        elif byte == _BACKSLASH:
            at += 1
            if data[at] == _NEWLINE:
                return -1
        elif byte == _NEWLINE:
            return -1
        at += 1


def _utf8_rows(
    batch: pa.RecordBatch, found: _Found, block: bytes, offset: int, account: Account
) -> pa.RecordBatch:
    """The rows whose strings are all UTF-8; the others are rejected."""
    good = np.ones(batch.num_rows, bool)
    for array in batch.columns:
        if pa.types.is_binary(array.type):
            try:
                array.cast(pa.string())
            except pa.ArrowInvalid:
                good &= np.fromiter(map(_is_utf8, array.to_pylist()), bool, len(array))
    for row in np.flatnonzero(~good):
        begin, end = map(int, found.places[row])
        account.reject(offset + begin, "bad UTF-8", block[begin:end])
    return batch if good.all() else batch.filter(pa.array(good))


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
