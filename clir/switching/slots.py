"""Hash tables in arrays, which can be mapped into memory; compiled by Numba."""

from typing import NamedTuple, Self

import numpy as np

from clir.compiling import compiled

EMPTY = -1  # a slot without a row
_ROOM = 2  # slots per key, at least
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing: the high bits of a product


class Slots(NamedTuple):
    """An open-addressing hash table with linear probing; ``find`` looks keys up."""

    keys: np.ndarray  # uint64
    rows: np.ndarray  # int32, -1 where a slot is empty

    @classmethod
    def of(cls, keys: np.ndarray) -> Self:
        """A table that finds the row of each of some distinct keys."""
        size = 1 << max(1, int(_ROOM * len(keys) - 1).bit_length())
        slots = cls(np.zeros(size, np.uint64), np.full(size, EMPTY, np.int32))
        _fill(keys, slots.keys, slots.rows)
        return slots


@compiled
def find(keys: np.ndarray, rows: np.ndarray, key: np.uint64) -> np.int32:
    """The row of a key in the ``keys`` and ``rows`` of Slots, -1 where it is none of theirs."""
    last = np.uint64(len(rows) - 1)
    place = (key * _SPREAD) >> np.uint64(32) & last
    while rows[place] != EMPTY and keys[place] != key:
        place = (place + np.uint64(1)) & last
    return rows[place]


@compiled
def _fill(wanted: np.ndarray, keys: np.ndarray, rows: np.ndarray) -> None:
    last = len(rows) - 1
    for row in range(len(wanted)):
        place = np.int64((wanted[row] * _SPREAD) >> np.uint64(32)) & last
        while rows[place] != EMPTY:
            place = (place + 1) & last
        keys[place], rows[place] = wanted[row], row
