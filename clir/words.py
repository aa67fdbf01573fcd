"""Words in a buffer of UTF-8 bytes: where they are, and a hash of every one.

A word is a run of letters, marks and digits; an apostrophe between two of them belongs to it.
Characters of scripts written without blanks (Han, Kana) are words of their own, so that a
dictionary entry of several characters is found as a phrase. The bytes are walked once, by loops
that Numba compiles.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from clir.compiled import compiled

_OTHER, _LETTER, _SINGLE = 0, 1, 2  # of a character: not in a word, in a word, a word by itself
_APOSTROPHES = (ord("'"), ord("’"))
_CODE_POINTS = 0x32400  # beyond: private use and the like are no letters and have no case
_BASE = np.uint64(0x9E3779B97F4A7C15)


class Words(NamedTuple):
    """The words of a batch of texts, in order: one element per word, but for ``lower``."""

    lower: np.ndarray  # uint8: all bytes of the texts in lower case; lengths stay, so places do
    start: np.ndarray  # int32: byte where it starts
    end: np.ndarray  # int32: byte after its end
    text: np.ndarray  # int32: which text of the batch
    position: np.ndarray  # int32: which word of its text, from 0
    key: np.ndarray  # uint64: hash of its lower-cased bytes


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


def find_words(buffer: Buffer) -> Words:
    """All words of a batch, which has less than 2 GB."""
    size = len(buffer.data)
    assert size < 2**31, "texts come in smaller batches"
    most = size // 2 + len(buffer.offsets)  # untouched memory costs nothing
    start, end, text, position = (np.empty(most, np.int32) for _ in range(4))
    words = Words(_lowered(buffer), start, end, text, position, np.empty(most, np.uint64))
    classes, _ = _unicode_tables()
    count = _find(buffer.data, buffer.offsets, classes, words)
    return Words(words.lower, *(column[:count] for column in words[1:]))


def hash_texts(texts: pa.Array) -> np.ndarray:
    """A 64-bit hash of each whole text, letter case ignored."""
    buffer = buffer_of(texts)
    return _hash_all(_lowered(buffer), buffer.offsets)


def count_words(texts: pa.Array) -> np.ndarray:
    """Words in each text."""
    return np.bincount(find_words(buffer_of(texts)).text, minlength=len(texts))


@compiled
def span_hash(lower: np.ndarray, start: int, end: int) -> np.uint64:
    """Polynomial hash of lower[start:end]: the sum of (byte_j + 1) B^j modulo 2^64."""
    value, power = np.uint64(0), np.uint64(1)
    for at in range(start, end):
        value += (np.uint64(lower[at]) + np.uint64(1)) * power
        power *= _BASE
    return value


def mix(value: np.ndarray | np.uint64) -> np.ndarray:
    """Spread every bit of a 64-bit number over all bits (the finaliser of SplitMix64)."""
    with np.errstate(over="ignore"):
        return np.asarray(_mix(value))


def _mix(value):  # type: ignore[no-untyped-def]
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


mix_one = compiled(_mix)  # ``mix`` in compiled loops


def _lowered(buffer: Buffer) -> np.ndarray:
    lower = np.empty(len(buffer.data), np.uint8)
    _, lower_of = _unicode_tables()
    _lower(buffer.data, lower_of, lower)
    return lower


@compiled
def _lower(data: np.ndarray, lower_of: np.ndarray, out: np.ndarray) -> None:
    at = 0
    while at < len(data):
        code, size = _character(data, at)
        if code < _CODE_POINTS:
            code = lower_of[code]
        if size == 1:
            out[at] = code
        else:
            for k in range(size - 1, 0, -1):
                out[at + k] = 0x80 | code & 0x3F
                code >>= 6
            out[at] = (0xF00 >> size) & 0xFF | code  # as many bits as bytes lead
        at += size


@compiled
def _find(data: np.ndarray, offsets: np.ndarray, classes: np.ndarray, words: Words) -> int:
    """Fill ``words`` (their ``lower`` is there already); how many they are."""
    lower = words.lower  # out of the loop: every look into a tuple costs
    place = words.start, words.end, words.text, words.position, words.key
    count = 0
    for text in range(len(offsets) - 1):
        at, stop = offsets[text], offsets[text + 1]
        first, begin, before = count, -1, _OTHER
        key, power = np.uint64(0), np.uint64(1)
        while at < stop:
            code, size = _character(data, at)
            kind = _class_of(code, classes)
            inside = kind == _LETTER
            if code in _APOSTROPHES and before == _LETTER and at + size < stop:
                inside = _class_of(_character(data, at + size)[0], classes) == _LETTER
            if inside:
                if begin < 0:
                    begin, key, power = at, np.uint64(0), np.uint64(1)
                for k in range(at, at + size):  # as span_hash does it
                    key += (np.uint64(lower[k]) + np.uint64(1)) * power
                    power *= _BASE
            else:
                if begin >= 0:
                    _put(place, count, begin, at, text, count - first, key)
                    count, begin = count + 1, -1
                if kind == _SINGLE:
                    key = span_hash(lower, at, at + size)
                    _put(place, count, at, at + size, text, count - first, key)
                    count += 1
            before = kind
            at += size
        if begin >= 0:
            _put(place, count, begin, stop, text, count - first, key)
            count += 1
    return count


@compiled
def _put(place, n, start, end, text, position, key):  # type: ignore[no-untyped-def]
    starts, ends, texts, positions, keys = place
    starts[n], ends[n], texts[n] = start, end, text
    positions[n], keys[n] = position, key


@compiled
def _character(data: np.ndarray, at: int) -> tuple[np.int64, int]:
    """The code point that begins here, and how many bytes it takes."""
    byte = np.int64(data[at])
    if byte < 0x80:
        return byte, 1
    if byte < 0xE0:
        return (byte & 0x1F) << 6 | data[at + 1] & 0x3F, 2
    if byte < 0xF0:
        return (byte & 0x0F) << 12 | (data[at + 1] & 0x3F) << 6 | data[at + 2] & 0x3F, 3
    high = (byte & 0x07) << 18 | (data[at + 1] & 0x3F) << 12
    return high | (data[at + 2] & 0x3F) << 6 | data[at + 3] & 0x3F, 4


@compiled
def _class_of(code: np.int64, classes: np.ndarray) -> int:
    return classes[code] if code < _CODE_POINTS else _OTHER


@compiled
def _hash_all(lower: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for n in range(len(hashes)):
        hashes[n] = span_hash(lower, offsets[n], offsets[n + 1])
    return hashes


@cache
def _unicode_tables() -> tuple[np.ndarray, np.ndarray]:
    """Class, and lower case where it takes as many bytes, of every code point."""
    class_of = np.zeros(_CODE_POINTS, np.uint8)
    lower_of = np.arange(_CODE_POINTS, dtype=np.int32)
    for code in range(_CODE_POINTS):
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
