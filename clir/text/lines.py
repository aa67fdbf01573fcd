"""Files of lines, plain or gzip, read in blocks of whole lines; a plain one by several tasks.

Only a newline ends a line, and quotes are text: pyarrow.csv would also end rows at a carriage
return inside a passage, and its errors name no line. Blank lines are passed over, and so is a byte
order mark, which Windows' editors put at the start of a file.
"""

from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from isal import igzip, igzip_lib

from clir.errors import InputError

BLOCK_BYTES = 1 << 20  # larger ones are no faster
LONGEST = 256 << 20  # bytes of a line or a document
_BLANKS = " \t\r\v\f"
_INTEGER = r"^-?[0-9]{1,9}$"
_REAL = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$"

# What a reader yields: columns by name, and the number of the line that each row is from.
Rows = tuple[dict[str, pa.Array], np.ndarray]


class Block(NamedTuple):
    """Some lines of a file, none blank, without their ends."""

    path: Path
    start: int  # where the range begins that the block is of: the offset of a line, in bytes
    lines: pa.StringArray
    numbers: np.ndarray  # of each line, counted from ``start``; the first is 1

    def error(self, row: int, message: str) -> InputError:
        """What is wrong with a line of the block, with its place."""
        number = _newlines_before(self.path, self.start) + self.numbers[row]
        return InputError(f"{self.path}:{number}: {message}")

    def cells(self, columns: int, expected: str, tabs: bool = True) -> list[pa.StringArray]:
        """The columns of tab-separated lines, or (``tabs`` false) of blank-separated ones.

        InputError saying what was ``expected`` where a line has more or fewer.
        """
        if tabs:
            rows = pc.split_pattern(self.lines, "\t")
        else:
            rows = pc.ascii_split_whitespace(pc.ascii_trim(self.lines, _BLANKS))
        self.refuse(pc.not_equal(pc.list_value_length(rows), columns), f"expected {expected}")
        return [pc.list_element(rows, column) for column in range(columns)]

    def integers(self, cells: pa.StringArray, expected: str) -> pa.Int32Array:
        """A column of them; InputError where a cell is none."""
        self.refuse(pc.invert(pc.match_substring_regex(cells, _INTEGER)), f"expected {expected}")
        return cells.cast(pa.int32())

    def reals(self, cells: pa.StringArray, expected: str) -> pa.DoubleArray:
        """A column of them; InputError where a cell is none."""
        self.refuse(pc.invert(pc.match_substring_regex(cells, _REAL)), f"expected {expected}")
        return cells.cast(pa.float64())

    def refuse(self, wrong: pa.BooleanArray, message: str) -> None:
        """InputError about the first line that is wrong, if there is one."""
        if (row := pc.index(wrong, True).as_py()) >= 0:
            raise self.error(row, message)


def read_blocks(path: Path, start: int = 0, end: int | None = None) -> Iterator[Block]:
    """The lines that begin in the bytes [start, end) of a file; by default all.

    Raises InputError for a missing or damaged file, and for bytes that are not UTF-8.
    """
    with opened(path) as file:
        if start:  # a line that begins before belongs to the range before
            file.seek(start - 1)
            start += len(file.readline()) - 1
        wanted = None if end is None else end - file.tell()
        if end and wanted is not None and not start:
            wanted = max(wanted, 1)  # the first line begins with the mark that was passed over
        lines = 0
        for raw in _whole_lines(path, file, wanted):
            block = _block(path, start, lines, raw)
            lines += raw.count(b"\n")
            if len(block.lines):
                yield block


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file to read from, unpacked, behind its byte order mark, if it has one.

    InputError where it is missing or damaged.
    """
    try:
        with igzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            if file.read(len(BOM_UTF8)) != BOM_UTF8:
                file.seek(0)
            yield file
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (EOFError, OSError, igzip_lib.IsalError) as error:  # type: ignore[misc]
        raise InputError(f"{path}: cannot be read to its end ({error}); is it damaged?") from error


def not_utf8(path: Path, number: int) -> InputError:
    """What is wrong with a line, by its number."""
    return InputError(f"{path}:{number}: not UTF-8; convert the file, as with iconv")


def _whole_lines(path: Path, file: IO[bytes], wanted: int | None) -> Iterator[bytes]:
    """Blocks of whole lines that begin in the next ``wanted`` bytes."""
    carry = b""
    while wanted is None or wanted > 0:
        chunk = file.read(BLOCK_BYTES)
        if not chunk:
            break
        carry += chunk
        cut = carry.rfind(b"\n") + 1
        if wanted is not None and len(carry) >= wanted:
            cut = carry.find(b"\n", wanted - 1) + 1 or cut  # the end of the last line
        if not cut and len(carry) > LONGEST:
            raise InputError(f"{path}: no end of a line in {len(carry):,} bytes")
        if cut:
            yield carry[:cut]
            carry = carry[cut:]
            wanted = None if wanted is None else wanted - cut
    else:
        return
    if carry:
        yield carry


def _block(path: Path, start: int, before: int, raw: bytes) -> Block:
    ends = pa.py_buffer(np.array([0, len(raw)], np.int32))
    text = pa.Array.from_buffers(pa.string(), 1, [None, ends, pa.py_buffer(raw)])  # no copy
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        before += raw.count(b"\n", 0, _first_bad_byte(raw))
        raise not_utf8(path, _newlines_before(path, start) + before + 1) from None
    lines = pc.split_pattern(text, "\n").flatten()
    if b"\r" in raw:
        lines = pc.replace_substring_regex(lines, "\r$", "")
    filled = pc.invert(pc.or_(pc.equal(pc.binary_length(lines), 0), pc.ascii_is_space(lines)))
    if not pc.all(filled).as_py():
        lines = lines.filter(filled)
    return Block(path, start, lines, np.flatnonzero(filled) + before + 1)


def _first_bad_byte(raw: bytes) -> int:
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return error.start
    return len(raw)


def _newlines_before(path: Path, offset: int) -> int:
    count = 0
    with opened(path) as file:
        while chunk := file.read(min(max(offset - file.tell(), 0), BLOCK_BYTES)):
            count += chunk.count(b"\n")
    return count
