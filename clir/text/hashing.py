"""Hashes of characters and of numbers, modulo 2^64; compiled by Numba.

A word's key is the polynomial hash of its folded characters (``clir.text.folding``).
"""

import numpy as np

from clir.compiling import compiled
from clir.text.characters import BLANK, CODE_POINTS, Letters, character

COMBINING = 1 << 24  # flag of a folded character: a mark whose place among others is free
# Odd numbers.
BASE = np.uint64(0x9E3779B97F4A7C15)
_WORD_AFTER = np.uint64(0xD6E8FEB86659FD93)
BEFORE, _AFTER = np.uint64(0xA0761D6478BD642F), np.uint64(0xE7037ED1A0B428DB)
_GAP = np.uint64(0x589965CC75374CC3)
_MARK = np.uint64(0x8EBC6AF09C88C6E3)
ONE = np.uint64(1)


@compiled
def folded(
    key: np.uint64, power: np.uint64, code: np.int64, fold: np.ndarray, more: np.ndarray
) -> tuple[np.uint64, np.uint64]:
    """A key and its next power of the base, after one more character.

    The key is the polynomial hash of the folded characters, the sum of (code_j + 1) B^j modulo
    2^64. A combining mark takes no place of its own: marks may stand in any order.
    """
    if code >= CODE_POINTS:  # only tags and variation selectors get here
        return key, power
    value = fold[code]
    if value >= 0 and value < COMBINING:
        return key + (np.uint64(value) + ONE) * power, power * BASE
    if value >= 0:
        return key + np.uint64(value) * _MARK * power, power
    place = -1 - value
    for k in range(place + 1, place + 1 + more[place]):
        value = more[k]
        if value < COMBINING:
            key += (np.uint64(value) + ONE) * power
            power *= BASE
        else:
            key += np.uint64(value) * _MARK * power
    return key, power


@compiled
def span_hash(data: np.ndarray, at: int, stop: int, letters: Letters) -> np.uint64:
    """The same hash of any characters; a run of blanks counts as one."""
    key, power, blank = np.uint64(0), ONE, False
    while at < stop:
        code, size = character(data, at)
        at += size
        is_blank = bool(code < CODE_POINTS and letters.fold[code] == BLANK)
        if not (is_blank and blank):
            key, power = folded(key, power, code, letters.fold, letters.more)
        blank = is_blank
    return key


@compiled
def key_of(data: np.ndarray, letters: Letters) -> np.uint64:
    """The key of one word, whatever its characters are."""
    return span_hash(data, 0, len(data), letters)


@compiled
def with_next(
    key: np.uint64, data: np.ndarray, start: int, end: int, word: np.uint64, letters: Letters
) -> np.uint64:
    """The key of a phrase after one more word; data[start:end] stands between."""
    if end == start + 1 and data[start] == BLANK:
        gap = np.uint64(BLANK) + ONE  # as span_hash has it
    else:
        gap = span_hash(data, start, end, letters)
    return key * _WORD_AFTER + gap * _GAP + word


@compiled
def with_marks(
    core: np.uint64,
    data: np.ndarray,
    left: int,
    start: int,
    end: int,
    right: int,
    letters: Letters,
) -> np.uint64:
    """The key of words with data[left:start] before and data[end:right] after them."""
    if left < start:
        core = core * _WORD_AFTER + span_hash(data, left, start, letters) * BEFORE
    if end < right:
        core = core * _WORD_AFTER + span_hash(data, end, right, letters) * _AFTER
    return core


@compiled
def hash_all(data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The polynomial hash of the bytes of each text."""
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for n in range(len(hashes)):
        value, power = np.uint64(0), ONE
        for at in range(offsets[n], offsets[n + 1]):
            value += (np.uint64(data[at]) + ONE) * power
            power *= BASE
        hashes[n] = value
    return hashes


def mixed(value):  # type: ignore[no-untyped-def]
    """Every bit of a 64-bit number spread over all bits (the finaliser of SplitMix64)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


mix_one = compiled(mixed)


def mix(value: np.ndarray | np.uint64) -> np.ndarray:
    """Spread every bit of each 64-bit number over all its bits."""
    with np.errstate(over="ignore"):
        return np.asarray(mixed(value))
