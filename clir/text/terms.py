"""Terms of a lexicon as look-ups take them: a text each, with one key.

Terms and the words of a text that differ only in what ``clir.text.folding`` folds away have the
same key.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from clir.compiling import compiled
from clir.text.characters import (
    BLANK,
    CODE_POINTS,
    FORMAT,
    Letters,
    character,
    class_of,
    step_back,
)
from clir.text.folding import letters_of
from clir.text.hashing import BEFORE, span_hash, with_marks, with_next
from clir.text.words import Words, buffer_of, find_words


class Terms(NamedTuple):
    """Keys of a batch of terms: one element per term."""

    key: np.ndarray  # uint64: of the whole term
    core: np.ndarray  # uint64: of its words and what is between them
    first: np.ndarray  # uint64: of its first word
    words: np.ndarray  # int32: how many it has for a reader: U.S. and e-mail are one; 0: none
    length: np.ndarray  # int32: how many it has for the loops, which part it at every mark
    before: np.ndarray  # bool: whether marks before the first word belong to it, as in .NET
    after: np.ndarray  # bool: whether marks after the last word do, as in C++


def find_terms(terms: pa.Array, lang: str) -> Terms:
    """Keys of terms, each a text of its own, and how many words each has."""
    buffer = buffer_of(terms)
    count = len(terms)
    keys = (np.empty(count, np.uint64) for _ in range(3))
    sizes = (np.empty(count, np.int32) for _ in range(2))
    found = Terms(*keys, *sizes, *(np.empty(count, np.bool_) for _ in range(2)))
    _key_terms(*buffer, find_words(buffer, lang), letters_of(lang), found)
    return found


def term_keys(terms: pa.Array, lang: str) -> np.ndarray:
    """The key of each term, uint64: equal for terms that a look-up takes for the same."""
    return find_terms(terms, lang).key


@compiled
def _key_terms(
    data: np.ndarray, offsets: np.ndarray, words: Words, letters: Letters, terms: Terms
) -> None:
    """Fill ``terms`` from the words of each."""
    start, end, text = words.start, words.end, words.text
    word = 0
    for n in range(len(offsets) - 1):
        first = word
        while word < len(text) and text[word] == n:
            word += 1
        terms.length[n], terms.words[n] = word - first, word > first
        terms.before[n] = terms.after[n] = False
        if word == first:
            # No text holds it; the key only tells it from others.
            key = span_hash(data, offsets[n], offsets[n + 1], letters) * BEFORE
            terms.key[n], terms.core[n], terms.first[n] = key, key, key
            continue
        core = words.key[first]
        for k in range(first + 1, word):
            terms.words[n] += _parts(data, end[k - 1], start[k], letters)
            core = with_next(core, data, end[k - 1], start[k], words.key[k], letters)
        left = _after_blanks(data, offsets[n], start[first], letters)
        right = _before_blanks(data, end[word - 1], offsets[n + 1], letters)
        terms.core[n], terms.first[n] = core, words.key[first]
        terms.before[n], terms.after[n] = left < start[first], end[word - 1] < right
        key = with_marks(core, data, left, start[first], end[word - 1], right, letters)
        terms.key[n] = key


@compiled
def _parts(data: np.ndarray, at: int, stop: int, letters: Letters) -> int:
    """1 if what stands between two words parts them for a reader: a blank, or nothing; else 0."""
    parts = int(at == stop)
    while at < stop:
        code, size = character(data, at)
        parts |= int(code < CODE_POINTS and letters.fold[code] == BLANK)
        at += size
    return parts


@compiled
def _after_blanks(data: np.ndarray, at: int, stop: int, letters: Letters) -> int:
    """Where blanks and format characters end that begin here."""
    while at < stop:
        code, size = character(data, at)
        if not _is_blank(code, letters):
            break
        at += size
    return at


@compiled
def _before_blanks(data: np.ndarray, start: int, at: int, letters: Letters) -> int:
    """Where blanks and format characters begin that end here."""
    while at > start:
        before = step_back(data, at)
        if not _is_blank(character(data, before)[0], letters):
            break
        at = before
    return at


@compiled
def _is_blank(code: np.int64, letters: Letters) -> bool:
    if code >= CODE_POINTS:
        return class_of(code, letters.classes) == FORMAT
    return letters.fold[code] == BLANK or letters.classes[code] == FORMAT
