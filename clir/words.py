"""Words in a buffer of UTF-8 bytes: where they are, and a hash of every one.

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

from clir import kernels
from clir.kernels import CODE_POINTS, LETTER, SINGLE, Words, mixed


class Buffer(NamedTuple):
    """The bytes of a string array, and where each text begins (one more than texts)."""

    data: np.ndarray
    offsets: np.ndarray


def buffer_of(texts: pa.Array) -> Buffer:
    """The bytes behind a string array without nulls (copied only if it is not one block)."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    texts = texts.cast(pa.large_string())
    texts.validate(full=True)  # kernels rely on UTF-8
    assert texts.null_count == 0, "texts must not be null"
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]]
    data.setflags(write=False)  # Arrow's memory, or not: one kind to compile for
    return Buffer(data, bounds - bounds[0])


def find_words(buffer: Buffer) -> Words:
    """All words of a batch, which has less than 2 GB."""
    size = len(buffer.data)
    assert size < 2**31, "texts come in smaller batches"
    most = size // 2 + len(buffer.offsets)  # untouched memory costs nothing
    start, end, text, position = (np.empty(most, np.int32) for _ in range(4))
    words = Words(_lowered(buffer), start, end, text, position, np.empty(most, np.uint64))
    classes, _ = _unicode_tables()
    count = kernels.find_all(buffer.data, buffer.offsets, classes, words)
    return Words(words.lower, *(column[:count] for column in words[1:]))


def hash_texts(texts: pa.Array) -> np.ndarray:
    """A 64-bit hash of each whole text, letter case ignored."""
    buffer = buffer_of(texts)
    return kernels.hash_all(_lowered(buffer), buffer.offsets)


def count_words(texts: pa.Array) -> np.ndarray:
    """Words in each text."""
    return np.bincount(find_words(buffer_of(texts)).text, minlength=len(texts))


def mix(value: np.ndarray | np.uint64) -> np.ndarray:
    """Spread every bit of a 64-bit number over all bits (the finaliser of SplitMix64)."""
    with np.errstate(over="ignore"):
        return np.asarray(mixed(value))


def _lowered(buffer: Buffer) -> np.ndarray:
    lower = np.empty(len(buffer.data), np.uint8)
    _, lower_of = _unicode_tables()
    kernels.lower(buffer.data, lower_of, lower)
    return lower


@cache
def _unicode_tables() -> tuple[np.ndarray, np.ndarray]:
    """Class, and lower case where it takes as many bytes, of every code point."""
    class_of = np.zeros(CODE_POINTS, np.uint8)
    lower_of = np.arange(CODE_POINTS, dtype=np.int32)
    for code in range(CODE_POINTS):
        if 0xD800 <= code < 0xE000:
            continue
        character = chr(code)
        if unicodedata.category(character)[0] in "LNM":
            class_of[code] = SINGLE if _is_unspaced(code) else LETTER
        lower = character.lower()
        if len(lower) == 1 and len(lower.encode()) == len(character.encode()):
            lower_of[code] = ord(lower)
    return class_of, lower_of


def _is_unspaced(code: int) -> bool:
    return (
        0x3040 <= code <= 0x30FF  # Hiragana, Katakana
        or 0x3400 <= code <= 0x9FFF  # Han
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code < CODE_POINTS
        or code == 0x3005  # the iteration mark of kanji
    )
