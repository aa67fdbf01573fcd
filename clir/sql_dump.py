"""Bytes of a MediaWiki SQL dump -> Arrow columns, by the names in its CREATE TABLE.

A dump is read in blocks of whole lines. Within a block everything is done on arrays of byte
positions: which quotes are real (an odd run of backslashes before one makes it text), which
parentheses and commas lie outside strings, hence where each row and each field begins and ends.
Both layouts occur: one statement of about 1 MB per line, or (newer dumps) one row per line.
mysqldump writes a newline inside a string as ``\\n``, so a line never ends inside a string; one
that seems to is damaged, and the next line starts afresh.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa

from clir.errors import InputError

BLOCK_BYTES = 8 << 20
_MAGIC = {b"\x1f\x8b": "gzip", b"BZ": "bz2", b"\x28\xb5": "zstd"}
_SUFFIX = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}

_CREATE = re.compile(rb"CREATE TABLE `(\w+)` \(")
_COLUMN = re.compile(rb"\s+`(\w+)` ")
_INSERT = re.compile(rb"INSERT INTO `(\w+)` VALUES\s*")

_QUOTE, _BACKSLASH, _OPEN, _CLOSE, _COMMA, _NEWLINE = b"'\\(),\n"
_SPECIAL = np.zeros(256, bool)
_SPECIAL[[_QUOTE, _BACKSLASH, _OPEN, _CLOSE, _COMMA]] = True
# What an escaped byte stands for; all others stand for themselves.
_UNESCAPED = np.arange(256, dtype=np.uint8)
for _escaped, _byte in zip(b"0nrtbZ", b"\0\n\r\t\b\x1a", strict=True):
    _UNESCAPED[_escaped] = _byte


def read_dump(
    path: str | Path,
    table: str,
    schema: pa.Schema,
    counts: Counter[str],
    max_bad_share: float = 0.001,
) -> Iterator[pa.RecordBatch]:
    """Yield the columns of ``schema`` (int64 or string fields, named as in the dump) in batches.

    ``counts`` receives ``rows`` and every ``dropped: REASON``; rows in = rows + dropped.
    Raises InputError for a missing, truncated, wrongly compressed or foreign dump, and when more
    than ``max_bad_share`` of the rows are dropped.
    """
    path = Path(path)
    names: list[str] | None = None
    for block, first in _blocks_of_lines(path):
        if first:
            names = _column_names(path, block, table)
            missing = set(schema.names) - set(names)
            if missing:
                raise InputError(
                    f"{path}: table {table} has no column {sorted(missing)}; it has {names}"
                )
        assert names is not None
        batch = _parse_block(path, block, table, names, schema, counts)
        if batch.num_rows:
            yield batch
    dropped = sum(n for reason, n in counts.items() if reason.startswith("dropped"))
    if dropped > max_bad_share * (counts["rows"] + dropped):
        raise InputError(
            f"{path}: {dropped} of {counts['rows'] + dropped} rows are damaged "
            f"({dict(counts)}), more than the allowed share {max_bad_share}; fetch it again"
        )


def _blocks_of_lines(path: Path) -> Iterator[tuple[bytes, bool]]:
    """Blocks of whole lines; the first, marked True, holds the header up to some INSERT."""
    carry, last, header = b"", b"", True
    try:
        with _open(path) as stream:
            while chunk := stream.read(BLOCK_BYTES):
                carry += chunk
                end = carry.rfind(b"\n") + 1
                if not end or (header and b"\nINSERT INTO" not in carry[:end]):
                    continue  # a line longer than a block, or a long header: read on
                yield carry[:end], header
                last = carry[:end].rstrip().rsplit(b"\n", 1)[-1] or last
                carry, header = carry[end:], False
    except FileNotFoundError:
        raise InputError(f"{path}: no such dump") from None
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path}: truncated or damaged dump ({error}); fetch it again") from error
    # A whole line never ends inside a string, so a last one that ends with ; ends its statement.
    *_, tail = (last + b"\n" + carry).rstrip().rsplit(b"\n", 1)
    whole = tail.endswith(b";") and (header or not carry.strip())
    if not whole and not tail.startswith((b"--", b"/*")):
        raise InputError(f"{path}: truncated dump: its last statement is cut; fetch it again")
    if header:
        yield carry, True  # a dump without rows; the header is still checked


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as plain:
        found = _MAGIC.get(plain.read(2))
    expected = _SUFFIX.get(path.suffix)
    if found != expected:
        raise InputError(
            f"{path}: its name says {expected or 'plain'}, its bytes say {found or 'plain'}"
        )
    if found == "gzip":
        import gzip

        return gzip.open(path)  # type: ignore[return-value]
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


def _parse_block(
    path: Path, block: bytes, table: str, names: list[str], schema: pa.Schema, counts: Counter[str]
) -> pa.RecordBatch:
    data = np.frombuffer(block, np.uint8)
    starts, ends = _value_lines(path, block, data, table)
    special = np.flatnonzero(_SPECIAL[data])
    line = np.searchsorted(starts, special, "right") - 1
    in_values = line >= 0
    in_values[in_values] = special[in_values] < ends[line[in_values]]
    special, line = special[in_values], line[in_values]

    escaping = _escaping(special[data[special] == _BACKSLASH])
    escaped = np.zeros(len(data) + 1, bool)
    escaped[escaping + 1] = True
    quote = (data[special] == _QUOTE) & ~escaped[special]
    odd = np.bincount(line[quote], minlength=len(starts)) % 2 == 1
    if odd.any():
        counts["dropped: line with an open string"] += int(odd.sum())
        whole = ~odd[line]
        special, quote = special[whole], quote[whole]
    outside = (np.cumsum(quote) % 2 == 0) & ~quote
    bounds = _row_bounds(data, special[outside], len(names), counts)

    unescaped = data.copy()
    unescaped[escaping + 1] = _UNESCAPED[data[escaping + 1]]
    dropped_bytes = np.zeros(len(data), bool)
    dropped_bytes[escaping] = True
    quotes = special[quote]
    good = np.ones(len(bounds), bool)
    arrays = []
    for field in schema:
        at = names.index(field.name)
        start, end = bounds[:, at] + 1, bounds[:, at + 1]
        if pa.types.is_integer(field.type):
            values, valid = _integers(data, start, end)
            arrays.append(pa.array(values))
        else:
            texts, valid = _strings(unescaped, dropped_bytes, quotes, start, end)
            arrays.append(texts)
        good &= valid
    return _valid_rows(arrays, schema, good, counts)


def _value_lines(
    path: Path, block: bytes, data: np.ndarray, table: str
) -> tuple[np.ndarray, np.ndarray]:
    """[start, end) of the rows in each line that holds rows, the INSERT prefix left out."""
    ends = np.flatnonzero(data == _NEWLINE)
    if not len(ends) or ends[-1] != len(data) - 1:
        ends = np.append(ends, len(data))
    starts = np.concatenate(([0], ends[:-1] + 1))
    starts, ends = starts[starts < ends], ends[starts < ends]
    rows = data[starts] == _OPEN
    for i in np.flatnonzero(data[starts] == ord("I")):
        insert = _INSERT.match(block, starts[i], ends[i])
        if insert is None or insert[1].decode() != table:
            raise InputError(
                f"{path}: cannot read the statement {block[starts[i] : starts[i] + 60]!r}; "
                f"expected INSERT INTO `{table}` VALUES"
            )
        starts[i], rows[i] = insert.end(), True
    return starts[rows], ends[rows]


def _escaping(backslashes: np.ndarray) -> np.ndarray:
    """The backslashes that escape the byte after them: every other one of each run."""
    if not len(backslashes):
        return backslashes
    run_start = np.flatnonzero(np.diff(backslashes, prepend=-2) != 1)
    length = np.diff(run_start, append=len(backslashes))
    within = np.arange(len(backslashes)) - np.repeat(run_start, length)
    return backslashes[within % 2 == 0]


def _row_bounds(
    data: np.ndarray, structure: np.ndarray, columns: int, counts: Counter[str]
) -> np.ndarray:
    """Positions of ``(``, the inner commas and ``)`` of each well-formed row: rows x (columns+1)"""
    kind = data[structure]
    depth = np.cumsum(kind == _OPEN) - np.cumsum(kind == _CLOSE)
    between_rows = (kind == _COMMA) & (depth == 0)
    structure, kind = structure[~between_rows], kind[~between_rows]
    first = np.flatnonzero(kind == _OPEN)
    if not len(first):
        return np.empty((0, columns + 1), np.int64)
    size = np.diff(first, append=len(kind))
    closes = np.add.reduceat((kind == _CLOSE).astype(np.int64), first)
    good = (size == columns + 1) & (closes == 1)
    good[good] = kind[first[good] + columns] == _CLOSE
    counts["dropped: wrong number of columns"] += int((~good).sum())
    return structure[first[good][:, None] + np.arange(columns + 1)]


def _integers(
    data: np.ndarray, start: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    length = end - start
    valid = (length > 0) & (length <= 18)
    values = np.zeros(len(start), np.int64)
    for k in range(int(length[valid].max(initial=0))):
        here = valid & (k < length)
        digit = data[start[here] + k].astype(np.int64) - ord("0")
        valid[here] &= (digit >= 0) & (digit <= 9)
        values[here] = values[here] * 10 + digit
    return values, valid


def _strings(
    data: np.ndarray,
    dropped_bytes: np.ndarray,
    quotes: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
) -> tuple[pa.Array, np.ndarray]:
    """Quoted fields as binary; NULL and whatever is not one quoted string are not valid."""
    valid = end - start >= 2
    valid[valid] = (data[start[valid]] == _QUOTE) & (data[end[valid] - 1] == _QUOTE)
    start, end = start + 1, np.where(valid, end - 1, start + 1)
    # A quote inside a string is written \' or ''; of a doubled one the first goes.
    low, high = np.searchsorted(quotes, start), np.searchsorted(quotes, end)
    for i in np.flatnonzero(valid & (high > low)):
        pairs = quotes[low[i] : high[i]].reshape(-1, 2) if (high[i] - low[i]) % 2 == 0 else None
        if pairs is None or (np.diff(pairs, axis=1) != 1).any():
            valid[i] = False
        else:
            dropped_bytes[pairs[:, 0]] = True
    length = end - start
    offsets = np.concatenate(([0], np.cumsum(length)))
    index = np.arange(offsets[-1]) + np.repeat(start - offsets[:-1], length)
    keep = ~dropped_bytes[index]
    offsets = np.concatenate(([0], np.cumsum(keep)))[offsets].astype(np.int32)
    values = data[index][keep]
    array = pa.Array.from_buffers(
        pa.binary(), len(start), [None, pa.py_buffer(offsets), pa.py_buffer(values)]
    )
    return array, valid


def _valid_rows(
    arrays: list[pa.Array], schema: pa.Schema, good: np.ndarray, counts: Counter[str]
) -> pa.RecordBatch:
    counts["dropped: unreadable value"] += int((~good).sum())
    batch = pa.RecordBatch.from_arrays(arrays, schema.names).filter(pa.array(good))
    utf8 = np.ones(batch.num_rows, bool)
    for array in batch.columns:
        if pa.types.is_binary(array.type):
            try:
                array.cast(pa.string())
            except pa.ArrowInvalid:
                utf8 &= np.fromiter(map(_is_utf8, array.to_pylist()), bool, len(array))
    counts["dropped: bad UTF-8"] += int((~utf8).sum())
    counts["rows"] += int(utf8.sum())
    return batch.filter(pa.array(utf8)).cast(schema)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
