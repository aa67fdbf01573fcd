"""Words in a buffer of UTF-8 bytes: where they are, and the key of every one.

A word is a run of letters, marks and digits. An apostrophe between two of them belongs to it, but
what a language elides before the next word (l', dell') is a word by itself. Characters of scripts
written without blanks (Han, Kana) are words of their own, so that a dictionary entry of several
characters is found as a phrase. Web and e-mail addresses, @names, #tags, HTML entities and names in
code are no words.

Words and terms that differ only in what ``clir.text.folding`` folds away have the same key.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from clir.compiling import compiled
from clir.text import left_alone
from clir.text.characters import (
    APOSTROPHE,
    BLANK,
    FORMAT,
    LETTER,
    MARK,
    SINGLE,
    Letters,
    character,
    class_at,
    class_of,
    step_back,
)
from clir.text.folding import letters_of
from clir.text.hashing import BASE, ONE, folded, hash_all


class Buffer(NamedTuple):
    """The bytes of a string array, and where each text begins (one more than texts)."""

    data: np.ndarray
    offsets: np.ndarray


class Words(NamedTuple):
    """The words of a batch of texts, in order: one element per word."""

    start: np.ndarray  # int32: byte where it starts
    end: np.ndarray  # int32: byte after its end
    text: np.ndarray  # int32: which text of the batch
    position: np.ndarray  # int32: which word of its text, from 0
    key: np.ndarray  # uint64: hash of its folded characters


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


def find_words(buffer: Buffer, lang: str) -> Words:
    """All words of a batch of texts in a language; a batch has less than 2 GB."""
    size = len(buffer.data)
    assert size < 2**31, "texts come in smaller batches"
    most = size // 2 + len(buffer.offsets)  # untouched memory costs nothing
    start, end, text, position = (np.empty(most, np.int32) for _ in range(4))
    words = Words(start, end, text, position, np.empty(most, np.uint64))
    letters = letters_of(lang)
    pieces = left_alone.find_pieces(*buffer, letters.classes)
    count = _find_all(*buffer, pieces, letters, words)
    return Words(*(column[:count] for column in words))


def count_words(texts: pa.Array, lang: str) -> np.ndarray:
    """Words in each text."""
    return np.bincount(find_words(buffer_of(texts), lang).text, minlength=len(texts))


def hash_ids(ids: pa.Array) -> np.ndarray:
    """A 64-bit hash of the bytes of each id."""
    return hash_all(*buffer_of(ids))


@compiled
def _find_all(
    data: np.ndarray, offsets: np.ndarray, pieces: np.ndarray, letters: Letters, words: Words
) -> int:
    """Fill ``words``; how many they are. In ``pieces`` (begin and end of each) there are none."""
    classes, fold, more = letters.classes, letters.fold, letters.more
    elided = letters.elided
    place = words.start, words.end, words.text, words.position, words.key
    count, text, first, piece = 0, 0, 0, 0
    at = offsets[0]
    while True:
        while text < len(offsets) - 1 and at == offsets[text + 1]:
            text, first = text + 1, count
        if text == len(offsets) - 1:
            return count
        stop = offsets[text + 1]
        before_piece = piece < len(pieces) and pieces[piece, 0] < stop
        if before_piece:
            stop = pieces[piece, 0]
        begin, end = -1, at  # of the word that is being read
        key, power = np.uint64(0), ONE
        while at < stop:
            # Most characters are ASCII letters, and blanks between words. Unsigned indices,
            # because Numba asks of signed ones whether they are negative, which costs time.
            here, last = np.uint64(at), np.uint64(stop)
            byte = data[here]
            if byte < 0x80 and classes[np.uint64(byte)] == LETTER:
                if begin < 0:
                    begin, key, power = at, np.uint64(0), ONE
                while byte < 0x80 and classes[np.uint64(byte)] == LETTER:
                    key += (np.uint64(fold[np.uint64(byte)]) + ONE) * power
                    power *= BASE
                    here += ONE
                    if here == last:
                        break
                    byte = data[here]
                at = end = np.int64(here)
                continue
            if byte == BLANK:
                if begin >= 0:
                    _put(place, count, begin, end, text, count - first, key)
                    count, begin = count + 1, -1
                at += 1
                continue
            code, size = character(data, at)
            kind = class_of(code, classes)
            if kind == LETTER:
                if begin < 0:
                    begin, key, power = at, np.uint64(0), ONE
                key, power = folded(key, power, code, fold, more)
                at += size
                end = at
                continue
            if begin >= 0:
                if kind == MARK:
                    key, power = folded(key, power, code, fold, more)
                    at += size
                    end = at
                    continue
                if kind == FORMAT:
                    at += size
                    continue
                if kind == APOSTROPHE and at == end:
                    goes_on = _goes_on(data, begin, at + size, offsets[text], stop, classes)
                    if goes_on and _is_among(elided, key):
                        at += size  # lexicons have it with its apostrophe or without
                        _put(place, count, begin, at, text, count - first, key)
                        count, begin = count + 1, -1
                        continue
                    after = at + size
                    if after < stop and class_at(data, after, classes) == LETTER:
                        key, power = folded(key, power, code, fold, more)
                        at = after
                        continue
            if begin >= 0:
                _put(place, count, begin, end, text, count - first, key)
                count, begin = count + 1, -1
            if kind == SINGLE:
                key, end = _single(data, at, stop, letters)
                _put(place, count, at, end, text, count - first, key)
                count, at = count + 1, end
                continue
            at += size
        if begin >= 0:
            _put(place, count, begin, end, text, count - first, key)
            count += 1
        if before_piece:
            at, piece = pieces[piece, 1], piece + 1


@compiled
def _goes_on(
    data: np.ndarray, begin: int, at: int, bottom: int, stop: int, classes: np.ndarray
) -> bool:
    """Whether the apostrophe behind a word elides it, and does not close a quotation: 'un'."""
    if at < stop and class_at(data, at, classes) in (LETTER, SINGLE):
        return True
    return begin == bottom or class_at(data, step_back(data, begin), classes) != APOSTROPHE


@compiled
def _put(place, n, start, end, text, position, key):  # type: ignore[no-untyped-def]
    starts, ends, texts, positions, keys = place
    starts[n], ends[n], texts[n] = start, end, text
    positions[n], keys[n] = position, key


@compiled
def _single(data: np.ndarray, at: int, stop: int, letters: Letters) -> tuple[np.uint64, int]:
    """Key and end of the word of one character that begins here, with its marks."""
    code, size = character(data, at)
    key, power = folded(np.uint64(0), ONE, code, letters.fold, letters.more)
    at += size
    end = at
    while at < stop:
        code, size = character(data, at)
        kind = class_of(code, letters.classes)
        if kind != MARK and kind != FORMAT:
            break
        at += size
        if kind == MARK:
            key, power = folded(key, power, code, letters.fold, letters.more)
            end = at
    return key, end


@compiled
def _is_among(keys: np.ndarray, key: np.uint64) -> bool:
    if len(keys) == 0:
        return False
    place = np.searchsorted(keys, key)
    return bool(place < len(keys) and keys[place] == key)
