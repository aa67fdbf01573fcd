"""Bytes of a MediaWiki SQL dump -> Arrow columns, by the names in its CREATE TABLE.

A dump is read in blocks of whole lines. Within a block everything is done on arrays of byte
positions: which quotes are real (an odd run of backslashes before one makes it text), which
parentheses and commas lie outside strings, hence where each row and each field begins and ends.
Both layouts occur: one statement of about 1 MB per line, or (newer dumps) one row per line.
mysqldump writes a newline inside a string as ``\\n``, so a line never ends inside a string; one
that seems to is damaged: what can still be read as rows is kept, and the next line starts afresh.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from isal import igzip, igzip_lib

from clir.errors import InputError

BLOCK_BYTES = 2 << 20  # the arrays of a block stay in the processor's cache
_LONGEST_LINE = 256 << 20
_KEPT_BYTES = 1000  # of a rejected row
_HOPELESS = 10_000  # damaged rows after which a file that is mostly damaged is given up
_MAGIC = {b"\x1f\x8b": "gzip", b"BZ": "bz2", b"\x28\xb5": "zstd"}
_SUFFIX = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}

_CREATE = re.compile(rb"CREATE TABLE `(\w+)` \(")
_COLUMN = re.compile(rb"\s+`(\w+)` ")
_INSERT = re.compile(rb"INSERT INTO `(\w+)` VALUES\s*")
_VALUE = rb"(?:'(?:[^'\\]|\\.|'')*+'|[^'(),\\]*+)"

_QUOTE, _BACKSLASH, _OPEN, _CLOSE, _COMMA, _NEWLINE = b"'\\(),\n"
# What an escaped byte stands for; all others stand for themselves.
_UNESCAPED = np.arange(256, dtype=np.uint8)
for _escaped, _byte in zip(b"0nrtbZ", b"\0\n\r\t\b\x1a", strict=True):
    _UNESCAPED[_escaped] = _byte


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
        self.counts: Counter[str] = Counter()
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
        for batch in _Block(path, block, offset, table, names, account).read(schema):
            if batch.num_rows:
                yield batch
        offset += len(block)
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
    # A whole line never ends inside a string, so a last one that ends with ; ends its statement.
    *_, tail = (last + b"\n" + carry).rstrip().rsplit(b"\n", 1)
    whole = tail.endswith(b";") and (header or not carry.strip())
    if not whole and not tail.startswith((b"--", b"/*")):
        raise InputError(f"{path}: truncated dump: its last statement is cut; fetch it again")
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


class _Block:
    """Whole lines of a dump, and where in them each row and field lies."""

    def __init__(
        self, path: Path, block: bytes, offset: int, table: str, names: list[str], account: Account
    ):
        self.path, self.block, self.offset, self.table = path, block, offset, table
        self.names, self.account = names, account
        self.data = np.frombuffer(block, np.uint8)

    def read(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """The well-formed rows; then those found in damaged pieces. All else is rejected."""
        self._find_rows()
        yield self._columns(schema)
        for begin, end in self.broken:
            raw = self.block[begin:end]
            for start, stop in _salvage(raw, self.offset + begin, len(self.names), self.account):
                place = self.offset + begin + start
                yield from _Block(
                    self.path, raw[start:stop], place, self.table, self.names, self.account
                ).read(schema)

    def _columns(self, schema: pa.Schema) -> pa.RecordBatch:
        arrays = []
        good = np.ones(len(self.rows), bool)
        for field in schema:
            at = self.names.index(field.name)
            start = self.structure[self.rows + at] + 1
            end = self.structure[self.rows + at + 1]
            if pa.types.is_integer(field.type):
                array, valid = self._integers(start, end)
            else:
                quotes = self.quotes_before[self.rows + at + 1] - self.quotes_before[self.rows + at]
                array, valid = self._strings(start, end, quotes)
            arrays.append(array)
            good &= valid
        return self._valid_rows(arrays, schema, good)

    def _find_rows(self) -> None:
        """Set ``structure`` (positions of parentheses and commas outside strings), ``rows`` (where
        in it each row begins) and ``quotes_before`` (real quotes before each of ``structure``).
        """
        data = self.data
        backslashes = np.flatnonzero(data == _BACKSLASH)
        self.escaping = _escaping(backslashes)
        # ' ( ) * + , stand in a row in ASCII; the two that do not matter go right away.
        special = np.flatnonzero((data - np.uint8(_QUOTE)) <= _COMMA - _QUOTE)
        kind = data[special]
        keep = _none_of(special, self.escaping + 1) & (kind != ord("*")) & (kind != ord("+"))
        special, kind = special[keep], kind[keep]
        special, kind = self._only_values(special, kind)
        quote = kind == _QUOTE
        count = np.cumsum(quote, dtype=np.int32)
        outside = ((count & 1) == 0) & ~quote
        self.structure, kind = special[outside], kind[outside]
        self.quotes_before = count[outside]
        self.rows = self._well_formed(kind)

    def _only_values(self, special: np.ndarray, kind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Without what lies in lines that hold no rows, and in lines with an open string."""
        starts, ends, holds_rows = self._lines()
        low, high = np.searchsorted(special, starts), np.searchsorted(special, ends)
        quotes = np.concatenate(([0], np.cumsum(kind == _QUOTE)))
        broken = holds_rows & ((quotes[high] - quotes[low]) % 2 == 1)
        keep = holds_rows & ~broken
        if not keep.all():
            kept = np.zeros(len(special) + 1, np.int32)
            np.add.at(kept, low[keep], 1)
            np.add.at(kept, high[keep], -1)
            inside = np.cumsum(kept[:-1]) > 0
            special, kind = special[inside], kind[inside]
        self.broken = [(int(starts[i]), int(ends[i])) for i in np.flatnonzero(broken)]
        return special, kind

    def _lines(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """[start, end) of each line without its INSERT prefix, and whether it holds rows."""
        data = self.data
        ends = np.flatnonzero(data == _NEWLINE)
        if not len(ends) or ends[-1] != len(data) - 1:
            ends = np.append(ends, len(data))
        starts = np.concatenate(([0], ends[:-1] + 1))
        starts, ends = starts[starts < ends], ends[starts < ends]
        holds_rows = data[starts] == _OPEN
        for i in np.flatnonzero(data[starts] == ord("I")):
            insert = _INSERT.match(self.block, starts[i], ends[i])
            if insert is None or insert[1].decode() != self.table:
                raise InputError(
                    f"{self.path}: cannot read the statement "
                    f"{self.block[starts[i] : starts[i] + 60]!r}; "
                    f"expected INSERT INTO `{self.table}` VALUES"
                )
            starts[i], holds_rows[i] = insert.end(), True
        return starts, ends, holds_rows

    def _well_formed(self, kind: np.ndarray) -> np.ndarray:
        """Where in ``structure`` each row of the right number of fields begins."""
        columns = len(self.names)
        first = np.flatnonzero(kind == _OPEN)
        size = np.diff(first, append=len(kind))
        closes = np.concatenate(([0], np.cumsum(kind == _CLOSE)))
        # From one row to the next: ( , , ) and a comma, or none at the end of a statement.
        good = (size == columns + 1) | (size == columns + 2)
        good[good] = kind[first[good] + columns] == _CLOSE
        good &= closes[first + size] - closes[first] == 1
        for i in np.flatnonzero(~good):
            begin = self.structure[first[i]]
            end = self.structure[first[i + 1]] if i + 1 < len(first) else None
            line_end = self.block.find(b"\n", self.structure[first[i] + size[i] - 1])
            ends = [at for at in (end, line_end) if at is not None and at >= 0]
            self.broken.append((int(begin), int(min(ends, default=len(self.block)))))
        return first[good]

    def _integers(self, start: np.ndarray, end: np.ndarray) -> tuple[pa.Array, np.ndarray]:
        texts = self._slices(start, end, pa.string())
        length = end - start
        offsets, values = texts.buffers()[1:]
        used = np.frombuffer(offsets, np.int32)[texts.offset + len(texts)] if values else 0
        digits = np.frombuffer(values, np.uint8)[:used] - np.uint8(ord("0")) if used else length[:0]
        valid = (length > 0) & (length <= 18)
        if not valid.all() or (digits > 9).any():
            number = pc.match_substring_regex(texts.cast(pa.binary()), "^[0-9]{1,18}$")
            valid = np.asarray(number)
            texts = pc.if_else(number, texts, "0")
        return texts.cast(pa.int64()), valid

    def _strings(
        self, start: np.ndarray, end: np.ndarray, quotes: np.ndarray
    ) -> tuple[pa.Array, np.ndarray]:
        """Quoted fields as binary; NULL and whatever is not one quoted string are not valid."""
        valid = quotes >= 2
        valid[valid] = (self.data[start[valid]] == _QUOTE) & (self.data[end[valid] - 1] == _QUOTE)
        start, end = start + 1, np.where(valid, end - 1, start + 1)
        array = self._slices(start, end, pa.binary())
        # A quote inside a string is written \' or ''; whatever is escaped or doubled is rare.
        written = valid & (quotes > 2)
        place = np.searchsorted(start, self.escaping, "right") - 1
        inside = (place >= 0) & (self.escaping < end[place]) if len(start) else place >= 0
        written[place[inside]] = True
        written &= valid
        if written.any():
            decoded, whole = self._decoded(start[written], end[written])
            array = pc.replace_with_mask(array, pa.array(written), decoded)
            valid[written] = whole
        return array, valid

    def _decoded(self, start: np.ndarray, end: np.ndarray) -> tuple[pa.Array, np.ndarray]:
        """Strings with escapes taken out; not valid where a quote stands alone."""
        length = end - start
        offsets = np.concatenate(([0], np.cumsum(length)))
        index = np.arange(offsets[-1]) + np.repeat(start - offsets[:-1], length)
        escaping = np.zeros(len(self.data), bool)
        escaping[self.escaping] = True
        gone = escaping[index]
        escaped = np.concatenate(([False], gone[:-1]))
        values = np.where(escaped, _UNESCAPED[self.data[index]], self.data[index])
        quotes = np.flatnonzero((values == _QUOTE) & ~escaped)
        pairs = quotes.reshape(-1, 2)  # even: a field has whole strings
        alone = np.diff(pairs, axis=1)[:, 0] != 1
        valid = np.ones(len(start), bool)
        valid[np.searchsorted(offsets, pairs[alone, 0], "right") - 1] = False
        gone[pairs[:, 0]] = True
        offsets = np.concatenate(([0], np.cumsum(~gone)))[offsets].astype(np.int32)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(values[~gone])]
        return pa.Array.from_buffers(pa.binary(), len(start), buffers), valid

    def _slices(self, start: np.ndarray, end: np.ndarray, kind: pa.DataType) -> pa.Array:
        """The bytes [start, end) of each row, which ascend and do not overlap."""
        if not len(start):
            return pa.array([], kind)
        # One array of fields and the gaps between them over the block itself; taking every other
        # one copies the fields without a look at their bytes.
        offsets = np.stack([start, end], axis=1).astype(np.int32)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self.block)]
        alternating = pa.Array.from_buffers(kind, 2 * len(start) - 1, buffers)
        return alternating.take(pa.array(np.arange(0, 2 * len(start), 2)))

    def _valid_rows(
        self, arrays: list[pa.Array], schema: pa.Schema, good: np.ndarray
    ) -> pa.RecordBatch:
        utf8 = np.ones(len(good), bool)
        for array in arrays:
            if pa.types.is_binary(array.type):
                try:
                    array.cast(pa.string())
                except pa.ArrowInvalid:
                    utf8 &= np.fromiter(map(_is_utf8, array.to_pylist()), bool, len(array))
        for reason, bad in (("unreadable value", ~good), ("bad UTF-8", good & ~utf8)):
            for row in self.rows[bad]:
                begin, end = self.structure[row], self.structure[row + len(self.names)] + 1
                self.account.reject(self.offset + int(begin), reason, self.block[begin:end])
        batch = pa.RecordBatch.from_arrays(arrays, schema.names)
        good &= utf8
        batch = (batch if good.all() else batch.filter(pa.array(good))).cast(schema)
        self.account.counts["rows"] += batch.num_rows
        return batch


def _salvage(raw: bytes, offset: int, columns: int, account: Account) -> Iterator[tuple[int, int]]:
    """Runs of well-formed rows in a damaged piece, as [start, end); the rest is rejected.

    Row by row with a regular expression: slow, exact, and only for what is damaged.
    """
    row = _row_pattern(columns)
    at, run = 0, 0  # a run of rows goes from ``run`` to ``at``
    while at < len(raw):
        if found := row.match(raw, at):
            at = found.end()
            continue
        if run < at:
            yield run, at
        end = raw.find(b"),(", at)
        end = len(raw) if end < 0 else end + 2
        if raw[at:end].strip(b"; \r\n,"):
            account.reject(offset + at, "damaged row", raw[at:end])
        at = run = end
    if run < at:
        yield run, at


@cache
def _row_pattern(columns: int) -> re.Pattern[bytes]:
    values = b",".join([_VALUE] * columns)
    return re.compile(rb"\(" + values + rb"\)(?:,\s*|;?\s*\Z)", re.DOTALL)


def _escaping(backslashes: np.ndarray) -> np.ndarray:
    """The backslashes that escape the byte after them: every other one of each run."""
    if not len(backslashes):
        return backslashes
    run_start = np.flatnonzero(np.diff(backslashes, prepend=-2) != 1)
    length = np.diff(run_start, append=len(backslashes))
    within = np.arange(len(backslashes)) - np.repeat(run_start, length)
    return backslashes[within % 2 == 0]


def _none_of(numbers: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of ``numbers`` are none of ``others``; both ascend."""
    none = np.ones(len(numbers), bool)
    place = np.searchsorted(numbers, others)
    inside = place < len(numbers)
    place, others = place[inside], others[inside]
    none[place[numbers[place] == others]] = False
    return none


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
