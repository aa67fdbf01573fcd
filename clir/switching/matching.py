"""Which terms of an index stand in texts: longest first, no overlap; compiled by Numba."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from clir.compiling import compiled
from clir.switching.slots import find
from clir.text.characters import (
    LETTER,
    Letters,
    character,
    class_at,
    class_of,
    is_letter,
    step_back,
)
from clir.text.hashing import with_marks, with_next
from clir.text.words import Words

if TYPE_CHECKING:
    from clir.switching.term_index import TermIndex

NONE, FIRST, ALL = range(3)  # which letters of a term are capitals in the text
_LONGEST_MARKS = 8  # characters before or after a term's words that belong to it
_SMALL_A, _SMALL_Z = b"az"


class Matches(NamedTuple):
    """Terms found among words, in order."""

    first: np.ndarray  # the first word of each
    length: np.ndarray  # how many words it has
    term: np.ndarray  # its row in the index
    start: np.ndarray  # byte where it starts
    end: np.ndarray  # byte after its end
    capitals: np.ndarray  # NONE, FIRST or ALL


@compiled
def match(
    data: np.ndarray,
    offsets: np.ndarray,
    words: Words,
    drawn: np.ndarray,
    letters: Letters,
    index: TermIndex,
) -> Matches:
    """Every term among the words that has an entry in its text's language: longest first."""
    keys, rows, marks = index.keys, index.rows, index.marks
    text, key = words.text, words.key  # out of the loops: every look into a tuple costs
    start, end = words.start.copy(), words.end.copy()
    phrase_length, phrase = np.zeros(len(key), np.int8), np.empty(len(key), np.int32)
    taken = np.zeros(len(key), np.bool_)
    if index.longest[0] > 1:
        _match_phrases(data, offsets, words, drawn, letters, index, phrase_length, phrase, taken,
                       start, end)  # fmt: skip
    first, length = np.empty(len(key), np.int32), np.empty(len(key), np.int8)
    term = np.empty(len(key), np.int32)
    count, done = 0, 0
    for at in range(len(key)):
        size, row = phrase_length[at], phrase[at]
        if not taken[at]:
            row = find(keys, rows, key[at])
            if row >= 0:
                if marks[row, 0] or marks[row, 1]:
                    row, start[at], end[at] = _longest(
                        data, offsets, words, at, at, key[at], row, drawn, letters, index
                    )
                if row >= 0 and _is_translated(index, row, drawn[text[at]]):
                    size = 1
        if size == 0 or start[at] < done:  # its marks are another term's already
            continue
        first[count], length[count], term[count] = at, size, row
        start[count], end[count] = start[at], end[at]
        done = end[count]
        count += 1
    capitals = np.zeros(count, np.int8)
    for n in range(count):
        byte = data[start[n]]
        if byte < _SMALL_A or byte > _SMALL_Z:
            capitals[n] = _capitals(data, start[n], end[n], letters.classes, letters.capital)
    return Matches(
        first[:count], length[:count], term[:count], start[:count], end[:count], capitals
    )


@compiled
def _match_phrases(
    data: np.ndarray,
    offsets: np.ndarray,
    words: Words,
    drawn: np.ndarray,
    letters: Letters,
    index: TermIndex,
    length: np.ndarray,
    term: np.ndarray,
    taken: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
) -> None:
    """Find terms of several words: where one begins, its length and term; which are ``taken``."""
    keys, rows, marks = index.keys, index.rows, index.marks
    text, start, end, key = words.text, words.start, words.end, words.key
    begins = np.empty(len(text), np.int32)  # the words that some phrase begins with
    longest = np.empty(len(text), np.int8)
    count, most = 0, 0
    for at in range(len(text)):
        row = find(index.phrase_keys, index.phrase_rows, key[at])
        if row >= 0:
            begins[count], longest[count] = at, index.phrase_longest[row]
            most += longest[count] - 1
            count += 1
    found = np.empty((most, 5), np.int32)  # first word, size, term, where it starts and ends
    known = 0
    for n in range(count):
        at, whole = begins[n], key[begins[n]]
        for size in range(2, longest[n] + 1):
            last = at + size - 1
            if last >= len(text) or text[last] != text[at]:
                break
            whole = with_next(whole, data, end[last - 1], start[last], key[last], letters)
            row = find(keys, rows, whole)
            if row < 0:
                continue
            left, right = start[at], end[last]
            if marks[row, 0] or marks[row, 1]:
                row, left, right = _longest(
                    data, offsets, words, at, last, whole, row, drawn, letters, index
                )
            if row >= 0 and _is_translated(index, row, drawn[text[at]]):
                found[known, 0], found[known, 1], found[known, 2] = at, size, row
                found[known, 3], found[known, 4] = left, right
                known += 1
    for size in range(index.longest[0], 1, -1):
        for n in range(known):
            at = found[n, 0]
            if found[n, 1] != size or taken[at : at + size].any():
                continue
            length[at], term[at] = size, found[n, 2]
            starts[at], ends[at] = found[n, 3], found[n, 4]
            taken[at : at + size] = True


@compiled
def _longest(
    data: np.ndarray,
    offsets: np.ndarray,
    words: Words,
    first: int,
    last: int,
    core: np.uint64,
    row: np.int32,
    drawn: np.ndarray,
    letters: Letters,
    index: TermIndex,
) -> tuple[np.int32, int, int]:
    """Of terms that have these words, the one with most marks around them that stand here too.

    Its row (-1: there is none), where it starts and where it ends. Marks that touch a letter
    beyond them are part of something else: the dot of .NET in ASP.NET.
    """
    text = words.text[first]
    start, end = words.start[first], words.end[last]
    bottom, stop = offsets[text], offsets[text + 1]
    if first > 0 and words.text[first - 1] == text:
        bottom = words.end[first - 1]
    if last + 1 < len(words.text) and words.text[last + 1] == text:
        stop = words.start[last + 1]
    language = drawn[text]
    before, after = np.empty(_LONGEST_MARKS + 1, np.int64), np.empty(_LONGEST_MARKS + 1, np.int64)
    befores = _steps_back(data, start, bottom, index.marks[row, 0], before)
    afters = _steps(data, end, stop, index.marks[row, 1], after)
    spaced = (
        class_at(data, start if first == last else words.start[last], letters.classes) == LETTER
    )
    for n in range(afters - 1, -1, -1):
        right = after[n]
        # Latin letters may follow what a word of an unspaced script ends with.
        if n > 0 and spaced and is_letter(data, right, offsets[text + 1], letters):
            continue
        for k in range(befores - 1, -1, -1):
            left = before[k]
            if k == 0 and n == 0:
                continue
            beyond = step_back(data, left) if k > 0 and left > offsets[text] else left
            if is_letter(data, beyond, left, letters):
                continue
            key = with_marks(core, data, left, start, end, right, letters)
            other = find(index.keys, index.rows, key)
            if other >= 0 and _is_translated(index, other, language):
                return other, left, right
    return row if _is_translated(index, row, language) else np.int32(-1), start, end


@compiled
def _steps(data: np.ndarray, at: int, stop: int, any_: bool, places: np.ndarray) -> int:
    """Note the places after 0, 1, 2, ... characters from here, if ``any_`` count; how many."""
    places[0], count = at, 1
    while any_ and count < len(places) and at < stop:
        at += character(data, at)[1]
        places[count] = at
        count += 1
    return count


@compiled
def _steps_back(data: np.ndarray, at: int, bottom: int, any_: bool, places: np.ndarray) -> int:
    """The same before here."""
    places[0], count = at, 1
    while any_ and count < len(places) and at > bottom:
        at = step_back(data, at)
        places[count] = at
        count += 1
    return count


@compiled
def _is_translated(index: TermIndex, term: np.int32, language: int) -> bool:
    """Whether a term has an entry in a language, or in any (-1)."""
    if language < 0:
        return index.spread[term] > 0
    cell = np.int64(term) * index.languages.shape[1] + language
    return index.first[cell + 1] > index.first[cell]


@compiled
def capitals_of(data: np.ndarray, offsets: np.ndarray, letters: Letters) -> np.ndarray:
    """Which letters are capitals in each text: NONE, FIRST or ALL."""
    found = np.empty(len(offsets) - 1, np.int8)
    for n in range(len(found)):
        found[n] = _capitals(data, offsets[n], offsets[n + 1], letters.classes, letters.capital)
    return found


@compiled
def _capitals(data: np.ndarray, at: int, end: int, classes: np.ndarray, capital: np.ndarray) -> int:
    """Which letters are capitals; single ones (U.S.) tell only of the first."""
    count, together, before = 0, False, False
    while at < end:
        code, size = character(data, at)
        at += size
        is_letter = class_of(code, classes) == LETTER
        if is_letter and not capital[code]:
            return FIRST if count else NONE
        together |= before and is_letter
        before = is_letter
        count += int(is_letter)
    return ALL if together else FIRST if count else NONE
