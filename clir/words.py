"""Words in a buffer of UTF-8 bytes: where they are, and a hash of every one, all at once.

A word is a run of letters, marks and digits; an apostrophe between two of them belongs to it.
Characters of scripts written without blanks (Han, Kana) are words of their own, so that a
dictionary entry of several characters is found as a phrase.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa

_OTHER, _LETTER, _SINGLE = 0, 1, 2  # class of a byte: not in a word, in a word, a word by itself
_APOSTROPHE, _CURLY_APOSTROPHE = ord("'"), 0x2019
_CODE_POINTS = 0x32400  # beyond: emoji are below, private use and the like are no letters
# Any odd number has an inverse modulo 2**64, which makes the hash of a span independent of place.
_BASE = 0x9E3779B97F4A7C15
_BASE_INVERSE = pow(_BASE, -1, 1 << 64)


class Words(NamedTuple):
    """The words of a batch of texts, in order. All arrays have one element per word."""

    start: np.ndarray  # byte where it starts
    end: np.ndarray  # byte after its end
    text: np.ndarray  # which text of the batch
    position: np.ndarray  # which word of its text, from 0


class Buffer(NamedTuple):
    """The bytes of a string array, and where each text begins (one more than texts)."""

    data: np.ndarray
    offsets: np.ndarray


def buffer_of(texts: pa.Array) -> Buffer:
    """The bytes behind a string array without nulls (copied only if it is not one block)."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    texts = texts.cast(pa.large_string())
    assert texts.null_count == 0, "texts must not be null"
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]]
    return Buffer(data, bounds - bounds[0])


def fold(buffer: Buffer) -> tuple[np.ndarray, np.ndarray]:
    """Lower-cased bytes and each byte's class (0: in no word); lengths stay, so positions do."""
    data = buffer.data
    lower, kind = (_translated(data, table) for table in (_ASCII_LOWER, _ASCII_CLASS))
    lead = np.flatnonzero(data >= 0xC0)
    if len(lead):
        _fold_beyond_ascii(buffer, lead, lower, kind)
    _join_apostrophes(np.flatnonzero(data == _APOSTROPHE), 1, kind, buffer.offsets)
    return lower, kind


def find_words(buffer: Buffer, kind: np.ndarray) -> Words:
    """Where the words are, by the classes that ``fold`` gave."""
    data, offsets = buffer
    n = len(data)
    inside = kind != _OTHER
    before = np.zeros(n + 1, bool)
    before[1:] = inside
    before[offsets[offsets < n]] = False  # a word ends with its text
    starts_character = (data & 0xC0) != 0x80
    single = kind == _SINGLE
    begins = inside & ~before[:-1]
    if single.any():
        begins |= single & starts_character
        begins[1:] |= inside[1:] & single[:-1] & starts_character[1:]
    start = np.flatnonzero(begins)
    # A word ends where the next byte is outside, in another text, or begins another word.
    after = np.ones(n + 1, bool)
    after[:-1] = ~inside | begins
    after[offsets] = True
    end = np.flatnonzero(after[1:] & inside) + 1
    first = np.searchsorted(start, offsets)
    text = np.repeat(np.arange(len(offsets) - 1), np.diff(first))
    return Words(start, end, text, np.arange(len(start)) - first[text])


class SpanHashes:
    """64-bit hashes of any spans of a buffer, from one pass over its bytes.

    With P(k) = sum over j < k of (byte_j + 1) B^j modulo 2^64, the hash of [s, e) is
    (P(e) - P(s)) B^-s: the polynomial hash of the bytes, wherever they stand.
    """

    def __init__(self, lower: np.ndarray):
        n = len(lower)
        prefix = np.zeros(n + 1, np.uint64)
        np.cumsum((lower.astype(np.uint64) + np.uint64(1)) * _powers(_BASE, n)[:n], out=prefix[1:])
        self._prefix = prefix
        self._inverse = _powers(_BASE_INVERSE, n)

    def __call__(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        return (self._prefix[end] - self._prefix[start]) * self._inverse[start]


def hash_texts(texts: pa.Array) -> np.ndarray:
    """A 64-bit hash of each whole text, letter case ignored."""
    buffer = buffer_of(texts)
    lower, _ = fold(buffer)
    return SpanHashes(lower)(buffer.offsets[:-1], buffer.offsets[1:])


def count_words(texts: pa.Array) -> np.ndarray:
    """Words in each text."""
    buffer = buffer_of(texts)
    _, kind = fold(buffer)
    return np.bincount(find_words(buffer, kind).text, minlength=len(texts))


def mix(value: np.ndarray | np.uint64) -> np.ndarray:
    """Spread every bit of a 64-bit number over all bits (the finaliser of SplitMix64)."""
    with np.errstate(over="ignore"):
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(value ^ (value >> np.uint64(31)))


_POWERS: dict[int, np.ndarray] = {}


def _powers(base: int, n: int) -> np.ndarray:
    """base**0 .. base**n modulo 2**64, kept and doubled when a longer buffer comes."""
    powers = _POWERS.get(base)
    if powers is None or len(powers) <= n:
        powers = np.full(max(2 * n, 1 << 16), base, np.uint64)
        powers[0] = 1
        np.multiply.accumulate(powers, out=powers)
        _POWERS[base] = powers
    return powers


def _fold_beyond_ascii(
    buffer: Buffer, lead: np.ndarray, lower: np.ndarray, kind: np.ndarray
) -> None:
    """Write the classes and lower case of the characters of two to four bytes at ``lead``."""
    data = buffer.data
    class_of, lower_of = _unicode_tables()
    first = data[lead].astype(np.int64)
    size = 2 + (first >= 0xE0) + (first >= 0xF0)
    code = first & np.array([0, 0, 0x1F, 0x0F, 0x07])[size]
    for k in range(1, 4):
        more = size > k
        code[more] = code[more] << 6 | data[lead[more] + k] & 0x3F
    code = np.minimum(code, _CODE_POINTS - 1)
    to = lower_of[code]
    for k in range(4):
        here = lead[size > k]
        kind[here + k] = class_of[code[size > k]]
        if k:
            shift = 6 * (size[size > k] - 1 - k)
            lower[here + k] = 0x80 | (to[size > k] >> shift) & 0x3F
    head = np.array([0, 0, 0xC0, 0xE0, 0xF0])[size]
    lower[lead] = head | to >> 6 * (size - 1)
    _join_apostrophes(lead[code == _CURLY_APOSTROPHE], 3, kind, buffer.offsets)


def _join_apostrophes(at: np.ndarray, size: int, kind: np.ndarray, offsets: np.ndarray) -> None:
    """Make apostrophes (of ``size`` bytes) between two letters of one text letters too."""
    # The text that an apostrophe lies in; one that begins or ends a text joins nothing.
    text = np.searchsorted(offsets, at, "right") - 1
    at = at[(at > offsets[text]) & (at + size < offsets[text + 1])]
    at = at[(kind[at - 1] == _LETTER) & (kind[at + size] == _LETTER)]
    for k in range(size):
        kind[at + k] = _LETTER


def _translated(data: np.ndarray, table: bytes) -> np.ndarray:
    """``table[data]`` in a fifth of the time."""
    return np.frombuffer(bytearray(data).translate(table), np.uint8)


_ASCII_CLASS = bytes(_LETTER if chr(b).isalnum() and b < 128 else _OTHER for b in range(256))
_ASCII_LOWER = bytes(range(256)).lower()


@cache
def _unicode_tables() -> tuple[np.ndarray, np.ndarray]:
    """Class, and lower case where it takes as many bytes, of every code point."""
    class_of = np.zeros(_CODE_POINTS, np.uint8)
    lower_of = np.arange(_CODE_POINTS)
    for code in range(128, _CODE_POINTS):
        if 0xD800 <= code < 0xE000:
            continue
        character = chr(code)
        if unicodedata.category(character)[0] in "LNM":
            class_of[code] = _SINGLE if _is_unspaced(code) else _LETTER
        lower = character.lower()
        if len(lower) == 1 and len(lower.encode()) == len(character.encode()):
            lower_of[code] = ord(lower)
    return class_of, lower_of


def _is_unspaced(code: int) -> bool:
    return (
        0x3040 <= code <= 0x30FF  # Hiragana, Katakana
        or 0x3400 <= code <= 0x9FFF  # Han
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code < _CODE_POINTS
        or code == 0x3005  # the iteration mark of kanji
    )
