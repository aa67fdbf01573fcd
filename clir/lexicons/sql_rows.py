"""The rows of a block of a SQL dump, found by one walk over its bytes that Numba has compiled.

A row is read to the letter of its grammar or not at all. Values may be written as any dump tool
does (mysqldump, mariadb-dump, mydumper, phpMyAdmin): strings in either kind of quotes, with an
introducer before them (``_binary 'x'``) or hexadecimal, numbers also hexadecimal or in quotes.
"""

from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa

from clir.compiling import compiled

_QUOTE, _BACKSLASH, _OPEN, _CLOSE, _COMMA, _SEMICOLON, _NEWLINE = b"'\\(),;\n"
_DOUBLE_QUOTE, _RETURN, _BLANK, _TAB, _UNDERSCORE, _MINUS, _ZERO, _NINE = b'"\r \t_-09'
_BLANKS = (_BLANK, _TAB)
_QUOTES = (_QUOTE, _DOUBLE_QUOTE)
_PASSED_OVER = (_NEWLINE, _RETURN, _BLANK, _TAB)  # where a line begins
_BETWEEN_ROWS = (_COMMA, _BLANK, _RETURN, _TAB)
_AFTER_ROW = (_COMMA, _NEWLINE, _SEMICOLON, _BLANK, _RETURN, _TAB)
_B, _N, _X = b"bnx"
_SMALL = 0x20  # the bit that makes an ASCII letter small
_DIGITS, _HEX_DIGITS = 18, 15  # more may not fit into 64 bits
_ENDS_VALUE = np.zeros(256, np.bool_)  # whether a byte ends one without quotes
_ENDS_VALUE[list(b"'\"\\(),\n")] = True
# What an escaped byte stands for; all others stand for themselves.
_UNESCAPED = np.arange(256, dtype=np.uint8)
for _escaped, _byte in zip(b"0nrtbZ", b"\0\n\r\t\b\x1a", strict=True):
    _UNESCAPED[_escaped] = _byte
_NO_HEX = 16
_HEX = np.full(256, _NO_HEX, np.uint8)  # the value of each hexadecimal digit
for _byte in b"0123456789abcdefABCDEF":
    _HEX[_byte] = int(chr(_byte), 16)
# Introducers whose strings can be read: they are UTF-8, or nothing is said about them.
_CHARSETS = np.array(
    [list(name.ljust(9)) for name in (b"_binary", b"_utf8", b"_utf8mb3", b"_utf8mb4", b"_ascii")],
    np.uint8,
)
# How a walk over a block ends.
END, DAMAGED, UNREADABLE, OTHER_LINE = range(4)


class Found(NamedTuple):
    """Rows of a block, with room for as many as it could hold.

    A column of the dump has a slot: its place among the numbers, or behind them among the texts,
    or -1 where it is not wanted.
    """

    numbers: np.ndarray  # int64: columns x rows
    texts: np.ndarray  # uint8: columns x bytes, strings one after another
    ends: np.ndarray  # int32: columns x (rows + 1), where in texts each string ends
    places: np.ndarray  # int64: rows x 2, where in the block each row begins and ends
    rows: np.ndarray  # how many were found (one number)

    @classmethod
    def room_for(cls, size: int, schema: pa.Schema) -> Self:
        numbers = sum(pa.types.is_integer(field.type) for field in schema)
        texts = len(schema) - numbers
        rows = size // (len(schema) + 2) + 1  # (,,,) and a comma or newline
        return cls(
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
def walk(
    data: np.ndarray,
    at: int,
    among_rows: bool,
    inside: bool,
    head: np.ndarray,
    slots: np.ndarray,
    found: Found,
) -> tuple[int, int, int, bool]:
    """Read rows from ``at`` on: how the walk ended, where what ended it begins, where it ends.

    ``data`` ends with a newline. ``among_rows``: ``at`` is inside a line of rows, not at its start;
    ``inside``: a statement with rows has begun and not ended, which is returned too. ``head``: how
    such statements begin, ``slots``: which of their columns go where.
    """
    size = len(data)
    while at < size:
        byte = data[at]
        if not among_rows:
            if byte == _OPEN and inside:
                among_rows = True
            elif byte in _PASSED_OVER or (byte == _COMMA and inside):
                at += 1
            elif byte == _SEMICOLON:
                at, inside = at + 1, False
            else:
                stop = at + len(head)
                if stop == at or stop > size or not np.array_equal(data[at:stop], head):
                    return OTHER_LINE, at, at, inside
                at, among_rows, inside = stop, True, True
        elif byte == _NEWLINE:
            at, among_rows = at + 1, False
        elif byte == _SEMICOLON:
            at, among_rows, inside = at + 1, False, False
        elif byte in _BETWEEN_ROWS:
            at += 1
        elif byte == _OPEN:
            stop, readable = _read_row(data, at, slots, found)
            if stop < 0:
                return DAMAGED, at, at, inside
            if not readable:
                return UNREADABLE, at, stop, inside
            at = stop
        else:
            return DAMAGED, at, at, inside
    return END, at, at, inside


@compiled
def _read_row(data: np.ndarray, begin: int, slots: np.ndarray, found: Found) -> tuple[int, bool]:
    """Read the row that begins here; where it ends (-1: it is none), and whether as asked."""
    row, readable = found.rows[0], True
    last = len(slots) - 1
    at = begin + 1
    for column in range(last + 1):
        slot = slots[column]
        text = slot - len(found.numbers)
        while data[at] in _BLANKS:
            at += 1
        byte = data[at]
        if byte == _QUOTE and text >= 0:
            at, end = _read_text(data, at + 1, byte, found.texts[text], found.ends[text, row])
            found.ends[text, row + 1] = end
        else:
            start, number = at, 0
            if slot >= 0:
                while _ZERO <= data[at] <= _NINE:
                    number = number * 10 + (data[at] - _ZERO)
                    at += 1
            elif byte == _QUOTE:
                at = _skip_text(data, at + 1, byte)
            else:
                while not _ENDS_VALUE[data[at]]:
                    at += 1
            if at < 0:
                return -1, False
            if data[at] == _COMMA or data[at] == _CLOSE:
                if slot >= 0:
                    readable &= text < 0 and 0 < at - start <= _DIGITS
                    if text < 0:
                        found.numbers[slot, row] = number
            else:
                at, good = _read_other(data, start, row, slot, found)
                readable &= good
        if at < 0:
            return -1, False
        while data[at] in _BLANKS:
            at += 1
        if data[at] != (_CLOSE if column == last else _COMMA):
            return -1, False
        at += 1
    if data[at] not in _AFTER_ROW:
        return -1, False
    if readable:
        found.places[row, 0], found.places[row, 1] = begin, at
        found.rows[0] += 1
    return at, readable


@compiled
def _read_other(data: np.ndarray, at: int, row: int, slot: int, found: Found) -> tuple[int, bool]:
    """Read a value that is not just digits or in single quotes; where it ends, whether as asked."""
    text = slot - len(found.numbers)
    known = True
    if data[at] == _UNDERSCORE:  # an introducer
        start = at
        while not _ENDS_VALUE[data[at]] and data[at] not in _BLANKS:
            at += 1
        known = _is_readable_charset(data, start, at)
        while data[at] in _BLANKS:
            at += 1
    letter = data[at] | _SMALL
    if letter in (_N, _B) and data[at + 1] in _QUOTES:
        at, known = at + 1, letter == _N  # bits are no text
    if (letter == _X and data[at + 1] == _QUOTE) or (
        data[at] == _ZERO and data[at + 1] | _SMALL == _X
    ):
        stop, good = _read_hexadecimal(data, at + 2, row, slot, found)
        if letter == _X:
            stop = stop + 1 if data[stop] == _QUOTE else -1
        return stop, slot < 0 or (known and good)
    if data[at] in _QUOTES:
        quote = data[at]
        start = at + 1
        if text >= 0:
            at, end = _read_text(data, start, quote, found.texts[text], found.ends[text, row])
            found.ends[text, row + 1] = end
            return at, known
        at = _skip_text(data, start, quote)
        return at, slot < 0 or (at >= 0 and _read_number(data, start, at - 1, row, slot, found))
    start = at
    while not _ENDS_VALUE[data[at]]:
        at += 1
    stop = at
    while stop > start and data[stop - 1] in _BLANKS:
        stop -= 1
    return at, slot < 0 or (text < 0 and _read_number(data, start, stop, row, slot, found))


@compiled
def _is_readable_charset(data: np.ndarray, begin: int, end: int) -> bool:
    for name in _CHARSETS:
        same = end - begin <= len(name)
        for k in range(len(name)):
            byte = _BLANK if begin + k >= end else data[begin + k]
            same &= byte == name[k] or byte | _SMALL == name[k]
        if same:
            return True
    return False


@compiled
def _read_number(data: np.ndarray, begin: int, end: int, row: int, slot: int, found: Found) -> bool:
    """Read decimal digits, perhaps with a minus before them; whether they are nothing else."""
    minus = begin < end and data[begin] == _MINUS
    number, start = 0, begin + int(minus)
    for byte in data[start:end]:
        if byte < _ZERO or byte > _NINE:
            return False
        number = number * 10 + (byte - _ZERO)
    found.numbers[slot, row] = -number if minus else number
    return 0 < end - start <= _DIGITS


@compiled
def _read_hexadecimal(
    data: np.ndarray, begin: int, row: int, slot: int, found: Found
) -> tuple[int, bool]:
    """Read hexadecimal digits: bytes of a text, or a number; where they end, whether as asked."""
    end, number = begin, 0
    while _HEX[data[end]] != _NO_HEX:
        number = number * 16 + _HEX[data[end]]
        end += 1
    if slot < 0:
        return end, True
    text, digits = slot - len(found.numbers), end - begin
    if text < 0:
        found.numbers[slot, row] = number
        return end, 0 < digits <= _HEX_DIGITS
    place = found.ends[text, row]
    for at in range(begin, end - 1, 2):
        found.texts[text, place] = _HEX[data[at]] << 4 | _HEX[data[at + 1]]
        place += 1
    found.ends[text, row + 1] = place
    return end, digits % 2 == 0


@compiled
def _read_text(data: np.ndarray, at: int, quote: int, out: np.ndarray, end: int) -> tuple[int, int]:
    """Copy a string from behind its first quote to ``out[end:]``, escapes undone.

    Where in data it ends (-1: it does not in this line), and where in ``out``.
    """
    while True:
        byte = data[at]
        if byte == quote:
            if data[at + 1] != quote:
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
def _skip_text(data: np.ndarray, at: int, quote: int) -> int:
    """Where a string ends, -1 where it does not in this line."""
    while True:
        byte = data[at]
        if byte == quote:
            if data[at + 1] != quote:
                return at + 1
            at += 1
        elif byte == _BACKSLASH:
            at += 1
            if data[at] == _NEWLINE:
                return -1
        elif byte == _NEWLINE:
            return -1
        at += 1
