"""Bytes of a MediaWiki SQL dump -> Arrow columns, by the names in its CREATE TABLE.

A dump is read in blocks of whole lines, each by one walk over its bytes that Numba has compiled.
Both layouts occur: one statement of about 1 MB per line, or (newer dumps) one row per line. The
walk knows rows and how the last statement began; any other line is looked at in Python. One that
begins as no statement of a dump is an error: rows could be lost with it.

A row that cannot be read is kept apart, up to where the next one seems to begin. Dump tools write a
newline inside a string as ``\\n``, so a row ends with its line, whatever is damaged in it.
"""

import re
import zlib
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import pyarrow as pa
from isal import igzip, igzip_lib

from clir.errors import InputError
from clir.lexicons.sql_rows import END, OTHER_LINE, UNREADABLE, Found, walk

BLOCK_BYTES = 2 << 20  # what is made of a block stays in the processor's cache
_LONGEST_LINE = 256 << 20
_LONGEST_STATEMENT = 1 << 20  # of one without rows, or what stands before the rows
_KEPT_BYTES = 1000  # of a rejected row
_HOPELESS = 10_000  # damaged rows after which a file that is mostly damaged is given up
_MAGIC = {b"\x1f\x8b": "gzip", b"BZ": "bz2", b"\x28\xb5": "zstd"}
_SUFFIX = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}

# A whole dump ends with this remark, or (phpMyAdmin, --skip-comments) with settings put back.
_LAST_LINE = re.compile(rb"-- Dump completed|/\*M?!\d+ SET (?!@)\w+ ?= ?@OLD_", re.IGNORECASE)

_NAME = rb"(?:`(?:[^`]|``)+`|\"(?:[^\"]|\"\")+\"|[\w$\x80-\xff]+)"
_TABLE = rb"(?:%b\s*\.\s*)?(%b)" % (_NAME, _NAME)  # perhaps with the database before it
_INSERT = re.compile(
    rb"(?:INSERT|REPLACE)(?:\s+(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY))?(?:\s+IGNORE)?"
    rb"(?:\s+INTO(?![\w$]))?\s*%b\s*(?:\(([^()']*)\)\s*)?VALUES?(?=[\s(])" % _TABLE,
    re.IGNORECASE,
)
_CREATE = re.compile(rb"CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?%b\s*\(" % _TABLE, re.IGNORECASE)
_COLUMN = re.compile(rb"\s*(%b)\s" % _NAME)
_NO_COLUMN = re.compile(
    rb"\s*(?:PRIMARY|UNIQUE|FULLTEXT|SPATIAL|FOREIGN|KEY|INDEX|CONSTRAINT|CHECK)\b", re.IGNORECASE
)
_INSERTS = re.compile(rb"(?:INSERT|REPLACE)\b", re.IGNORECASE)
_HIDDEN_ROWS = re.compile(rb"/\*M?!\d*\s*(?:INSERT|REPLACE)\b", re.IGNORECASE)
_KNOWN = re.compile(  # statements and remarks that a line may begin with
    rb"(?:(?:INSERT|REPLACE|ALTER|ANALYZE|BEGIN|COMMIT|CREATE|DELETE|DROP|FLUSH|LOCK|SET|START"
    rb"|TRUNCATE|UNLOCK|USE)\b|--|#|/\*)",
    re.IGNORECASE,
)
# Where they end; at the latest before the next rows, should their end be damaged.
_END_OF_STATEMENT = re.compile(
    rb";[ \t\r]*(?:(?=\n)|(?=(?:INSERT|REPLACE)\b))|(?=\n[ \t]*(?:INSERT|REPLACE)\b)", re.IGNORECASE
)
_END_OF_COMMENT = re.compile(rb"\*/|(?=\n[ \t]*(?:INSERT|REPLACE)\b)", re.IGNORECASE)
_END_OF_LINE = re.compile(rb"(?=\n)")


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
    reader, rest = Reader(path, table, schema, account), b""
    for block in _blocks_of_lines(path):
        batch, rest = reader.read(rest + block)
        if batch.num_rows:
            yield batch
        if account.dropped > _HOPELESS:  # rather than set all of a useless file aside
            _check_share(path, account, max(max_bad_share, 0.5))
    reader.finish(rest)
    _check_share(path, account, max_bad_share)


def _check_share(path: Path, account: Account, allowed: float) -> None:
    rows = account.counts["rows"]
    if account.dropped > allowed * (rows + account.dropped):
        raise InputError(
            f"{path}: {account.dropped} of {rows + account.dropped} rows are damaged "
            f"({dict(account.counts)}), more than the allowed share {allowed}; fetch it again"
        )


def _blocks_of_lines(path: Path) -> Iterator[bytes]:
    """Blocks of whole lines; a remark that ends the dump without a newline is left out."""
    carry, last = b"", b""
    try:
        with _open(path) as stream:
            while chunk := stream.read(BLOCK_BYTES):
                carry += chunk
                end = carry.rfind(b"\n") + 1
                if not end:
                    if len(carry) > _LONGEST_LINE:
                        raise InputError(f"{path}: no end of a line in {len(carry):,} bytes")
                    continue  # a line longer than a block: read on
                yield carry[:end]
                last = carry[:end].rstrip().rsplit(b"\n", 1)[-1] or last
                carry = carry[end:]
    except FileNotFoundError:
        raise InputError(f"{path}: no such dump") from None
    except (EOFError, OSError, zlib.error, igzip_lib.IsalError) as error:  # type: ignore[misc]
        raise InputError(f"{path}: truncated or damaged dump ({error}); fetch it again") from error
    if not _LAST_LINE.match((last + b"\n" + carry).rstrip().rsplit(b"\n", 1)[-1]):
        raise InputError(
            f"{path}: truncated dump: its last line is not '-- Dump completed'; fetch it again, "
            "or add that line to a dump that you know to be whole"
        )


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


class Reader:
    """Reads the blocks of a dump, one after another."""

    def __init__(self, path: Path, table: str, schema: pa.Schema, account: Account) -> None:
        self.columns: list[str] = []  # of the table, by its CREATE TABLE
        self._path, self._table, self._schema, self._account = path, table, schema, account
        self._bytes = self._lines = 0  # of all blocks before
        self._inside = False  # whether the last statement goes on
        self._head = _array(b"")  # what it begins with, up to its rows; the next may begin alike
        self._slots = np.empty(0, np.int64)  # where its columns go, see Found

    def read(self, block: bytes) -> tuple[pa.RecordBatch, bytes]:
        """The rows of whole lines, and what to put before the next block: a statement's begin.

        What is no row is noted in the account. InputError for a line that no dump has.
        """
        data, found = _array(block), Found.room_for(len(block), self._schema)
        at, among_rows, rest = 0, False, len(block)
        while True:
            end, begin, at, self._inside = walk(
                data, at, among_rows, self._inside, self._head, self._slots, found
            )
            if end == END:
                break
            among_rows = end != OTHER_LINE or (self._inside and not _KNOWN.match(block, begin))
            if among_rows:
                at = self._reject(block, begin, at, end)
                continue
            at = self._statement(block, begin)
            if at < 0:
                rest = begin
                break
        batch = _utf8_rows(found.batch(self._schema), found, block, self._bytes, self._account)
        self._account.counts["rows"] += batch.num_rows
        self._bytes += rest
        self._lines += block.count(b"\n", 0, rest)
        return batch.cast(self._schema), block[rest:]

    def finish(self, rest: bytes) -> None:
        """InputError where the dump has no table, or ends within a statement."""
        if rest:
            raise self._error(rest, 0, "this statement has no end; fetch the dump again")
        if not self.columns and not len(self._slots):
            raise InputError(
                f"{self._path}: no CREATE TABLE found; is it a MediaWiki SQL dump of {self._table}?"
            )

    def _reject(self, block: bytes, begin: int, at: int, end: int) -> int:
        """Set aside what is no row, up to where the next one seems to begin; its place."""
        reason = "unreadable value" if end == UNREADABLE else "damaged row"
        if end != UNREADABLE:
            line_end = block.index(b"\n", begin)
            next_row = block.find(b"),(", begin, line_end)
            at = line_end if next_row < 0 else next_row + 2
            self._inside = not block[begin:at].rstrip().endswith(b";")
        self._account.reject(self._bytes + begin, reason, block[begin:at])
        return at

    def _statement(self, block: bytes, begin: int) -> int:
        """Take note of a statement or a remark; where to walk on, -1 if its end is not here."""
        if block.startswith(BOM_UTF8, begin) and self._bytes + begin == 0:
            return len(BOM_UTF8)
        if block.startswith(b"(", begin) and len(self._slots):
            self._inside = True  # a row, though the statement seemed to have ended
            return begin
        if not _KNOWN.match(block, begin):
            raise self._error(block, begin, "no dump has a line that begins like this")
        if _HIDDEN_ROWS.match(block, begin):
            raise self._error(
                block,
                begin,
                "an INSERT inside /* */ cannot be read; dump the table again without it",
            )
        if _INSERTS.match(block, begin):
            return self._insertion(block, begin)
        form = _END_OF_STATEMENT
        if block.startswith((b"--", b"#"), begin):
            form = _END_OF_LINE
        elif block.startswith(b"/*", begin):
            form = _END_OF_COMMENT
        end = form.search(block, begin)
        if end is None:
            return self._not_whole(block, begin)
        if form is _END_OF_STATEMENT:
            self._inside = False
            self._definition(block, begin, end.start())
        return end.end()

    def _insertion(self, block: bytes, begin: int) -> int:
        """Take note of how rows are inserted from here on."""
        head = _INSERT.match(block, begin)
        if head is None:
            if b";" not in block[begin : begin + _LONGEST_STATEMENT]:
                return self._not_whole(block, begin)
            expected = f"INSERT INTO `{self._table}` VALUES"
            raise self._error(block, begin, f"cannot read this statement; expected {expected}")
        if _unquoted(head[1]) != self._table:
            raise self._error(block, begin, f"rows of another table, expected {self._table}")
        columns = self.columns
        if head[2] is not None:
            columns = [_unquoted(name) for name in re.findall(_NAME, head[2])]
        if not columns:
            raise self._error(block, begin, "neither these rows nor a CREATE TABLE name columns")
        self._slots = self._places(block, begin, columns)
        self._head = _array(head[0])
        self._inside = False
        return begin  # the walk knows the head now

    def _definition(self, block: bytes, begin: int, end: int) -> None:
        """Take note of the columns, if this is the CREATE TABLE."""
        create = _CREATE.match(block, begin)
        if create is None:
            return
        name = _unquoted(create[1])
        if name != self._table:
            raise InputError(f"{self._path}: a dump of table {name}, expected {self._table}")
        self.columns = []
        for line in block[create.end() : end].split(b"\n")[1:]:
            column = _COLUMN.match(line)
            if column is None or _NO_COLUMN.match(line):
                break
            self.columns.append(_unquoted(column[1]))
        self._places(block, begin, self.columns)

    def _places(self, block: bytes, begin: int, columns: list[str]) -> np.ndarray:
        """The slot of each column, see Found; InputError where one is missing."""
        columns = [column.lower() for column in columns]  # SQL does not tell them apart
        missing = set(self._schema.names) - set(columns)
        if missing:
            message = f"table {self._table} has no column {sorted(missing)}; it has {columns}"
            raise self._error(block, begin, message)
        slots = np.full(len(columns), -1)
        slots[[columns.index(field.name) for field in _numbers_first(self._schema)]] = range(
            len(self._schema)
        )
        return slots

    def _not_whole(self, block: bytes, begin: int) -> int:
        if len(block) - begin > _LONGEST_STATEMENT:
            raise self._error(block, begin, "this statement has no end; fetch the dump again")
        return -1

    def _error(self, block: bytes, begin: int, message: str) -> InputError:
        """What is wrong with a statement, with its place and what it says."""
        line = self._lines + block.count(b"\n", 0, begin) + 1
        said = block[begin : begin + 60].split(b"\n")[0].decode(errors="replace")
        return InputError(f"{self._path}:{line}: {said!r}: {message}")


def _array(data: bytes) -> np.ndarray:
    array = np.frombuffer(data, np.uint8) if data else np.empty(0, np.uint8)
    array.setflags(write=False)  # one kind of array to compile for
    return array


def _unquoted(name: bytes) -> str:
    quote = name[:1]
    if quote in (b"`", b'"'):
        name = name[1:-1].replace(quote * 2, quote)
    return name.decode(errors="replace")


def _numbers_first(schema: pa.Schema) -> list[pa.Field]:
    return sorted(schema, key=lambda field: not pa.types.is_integer(field.type))


def _utf8_rows(
    batch: pa.RecordBatch, found: Found, block: bytes, offset: int, account: Account
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
