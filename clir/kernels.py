"""The loops over words, compiled by Numba the first time they run: finding and look-up.

What was compiled is kept beside this file, or else in the user's cache folder, so the next process
loads it in half a second. Numba then looks whether a function's own file has changed, but not those
of the functions it calls: so none calls one of another file (a test sees to it). Compiled functions
let other threads run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from clir.term_index import TermIndex

# What a character is: not in a word; a letter or digit; a word by itself; what goes on with a word
# but begins none; what goes on with a word and leaves no trace in its key; an apostrophe.
OTHER, LETTER, SINGLE, MARK, FORMAT, APOSTROPHE = range(6)
CODE_POINTS = 0x32400  # beyond: private use, tags and variation selectors
COMBINING = 1 << 24  # flag of a folded character: a mark whose place among others is free
EMPTY = -1  # a slot of a hash table without a row
NONE, FIRST, ALL = range(3)  # which letters of a term are capitals in the text
LONGEST_MARKS = 8  # characters before or after a term's words that belong to it
_BLANK, _SMALL_A, _SMALL_Z = b" az"
_TAGS, _SELECTORS = (0xE0000, 0xE0080), (0xE0100, 0xE01F0)  # format characters; marks
# Odd numbers for hashes modulo 2^64.
_BASE = np.uint64(0x9E3779B97F4A7C15)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing: the high bits of a product
_WORD_AFTER = np.uint64(0xD6E8FEB86659FD93)
_BEFORE, _AFTER = np.uint64(0xA0761D6478BD642F), np.uint64(0xE7037ED1A0B428DB)
_GAP = np.uint64(0x589965CC75374CC3)
_MARK = np.uint64(0x8EBC6AF09C88C6E3)
_ONE = np.uint64(1)

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile a function of numbers and NumPy arrays."""
    result: Any
    try:
        result = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder to keep it in: a container whose disk is read-only
        result = njit(nogil=True)(function)
    return result


class Letters(NamedTuple):
    """What characters are and how they fold, in one language; see ``clir.folding``."""

    classes: np.ndarray  # uint8, of each code point
    fold: np.ndarray  # int32, of each code point
    more: np.ndarray  # int32, folded forms of several characters
    capital: np.ndarray  # bool, of each code point: whether it is a capital letter
    elided: np.ndarray  # uint64, keys of what is written together with the next word: l', dell'


class Words(NamedTuple):
    """The words of a batch of texts, in order: one element per word."""

    start: np.ndarray  # int32: byte where it starts
    end: np.ndarray  # int32: byte after its end
    text: np.ndarray  # int32: which text of the batch
    position: np.ndarray  # int32: which word of its text, from 0
    key: np.ndarray  # uint64: hash of its folded characters


class Terms(NamedTuple):
    """Keys of a batch of terms: one element per term."""

    key: np.ndarray  # uint64: of the whole term
    core: np.ndarray  # uint64: of its words and what is between them
    first: np.ndarray  # uint64: of its first word
    words: np.ndarray  # int32: how many it has for a reader: U.S. and e-mail are one; 0: none
    length: np.ndarray  # int32: how many it has for the loops, which part it at every mark
    before: np.ndarray  # bool: whether marks before the first word belong to it, as in .NET
    after: np.ndarray  # bool: whether marks after the last word do, as in C++


class Matches(NamedTuple):
    """Terms found among words, in order."""

    first: np.ndarray  # the first word of each
    length: np.ndarray  # how many words it has
    term: np.ndarray  # its row in the index
    start: np.ndarray  # byte where it starts
    end: np.ndarray  # byte after its end
    capitals: np.ndarray  # NONE, FIRST or ALL


@compiled
def find_all(
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
        key, power = np.uint64(0), _ONE
        while at < stop:
            # Most characters are ASCII letters, and blanks between words. Unsigned indices,
            # because Numba asks of signed ones whether they are negative, which costs time.
            here, last = np.uint64(at), np.uint64(stop)
            byte = data[here]
            if byte < 0x80 and classes[np.uint64(byte)] == LETTER:
                if begin < 0:
                    begin, key, power = at, np.uint64(0), _ONE
                while byte < 0x80 and classes[np.uint64(byte)] == LETTER:
                    key += (np.uint64(fold[np.uint64(byte)]) + _ONE) * power
                    power *= _BASE
                    here += _ONE
                    if here == last:
                        break
                    byte = data[here]
                at = end = np.int64(here)
                continue
            if byte == _BLANK:
                if begin >= 0:
                    _put(place, count, begin, end, text, count - first, key)
                    count, begin = count + 1, -1
                at += 1
                continue
            code, size = _character(data, at)
            kind = _class_of(code, classes)
            if kind == LETTER:
                if begin < 0:
                    begin, key, power = at, np.uint64(0), _ONE
                key, power = _folded(key, power, code, fold, more)
                at += size
                end = at
                continue
            if begin >= 0:
                if kind == MARK:
                    key, power = _folded(key, power, code, fold, more)
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
                    if after < stop and _class_at(data, after, classes) == LETTER:
                        key, power = _folded(key, power, code, fold, more)
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
    if at < stop and _class_at(data, at, classes) in (LETTER, SINGLE):
        return True
    return begin == bottom or _class_at(data, _step_back(data, begin), classes) != APOSTROPHE


@compiled
def _put(place, n, start, end, text, position, key):  # type: ignore[no-untyped-def]
    starts, ends, texts, positions, keys = place
    starts[n], ends[n], texts[n] = start, end, text
    positions[n], keys[n] = position, key


@compiled
def _single(data: np.ndarray, at: int, stop: int, letters: Letters) -> tuple[np.uint64, int]:
    """Key and end of the word of one character that begins here, with its marks."""
    code, size = _character(data, at)
    key, power = _folded(np.uint64(0), _ONE, code, letters.fold, letters.more)
    at += size
    end = at
    while at < stop:
        code, size = _character(data, at)
        kind = _class_of(code, letters.classes)
        if kind != MARK and kind != FORMAT:
            break
        at += size
        if kind == MARK:
            key, power = _folded(key, power, code, letters.fold, letters.more)
            end = at
    return key, end


@compiled
def _is_among(keys: np.ndarray, key: np.uint64) -> bool:
    if len(keys) == 0:
        return False
    place = np.searchsorted(keys, key)
    return bool(place < len(keys) and keys[place] == key)


@compiled
def _folded(
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
        return key + (np.uint64(value) + _ONE) * power, power * _BASE
    if value >= 0:
        return key + np.uint64(value) * _MARK * power, power
    place = -1 - value
    for k in range(place + 1, place + 1 + more[place]):
        value = more[k]
        if value < COMBINING:
            key += (np.uint64(value) + _ONE) * power
            power *= _BASE
        else:
            key += np.uint64(value) * _MARK * power
    return key, power


@compiled
def _span_hash(data: np.ndarray, at: int, stop: int, letters: Letters) -> np.uint64:
    """The same hash of any characters; a run of blanks counts as one."""
    key, power, blank = np.uint64(0), _ONE, False
    while at < stop:
        code, size = _character(data, at)
        at += size
        is_blank = bool(code < CODE_POINTS and letters.fold[code] == _BLANK)
        if not (is_blank and blank):
            key, power = _folded(key, power, code, letters.fold, letters.more)
        blank = is_blank
    return key


@compiled
def key_of(data: np.ndarray, letters: Letters) -> np.uint64:
    """The key of one word, whatever its characters are."""
    return _span_hash(data, 0, len(data), letters)


@compiled
def _with_next(
    key: np.uint64, data: np.ndarray, start: int, end: int, word: np.uint64, letters: Letters
) -> np.uint64:
    """The key of a phrase after one more word; data[start:end] stands between."""
    if end == start + 1 and data[start] == _BLANK:
        gap = np.uint64(_BLANK) + _ONE  # as _span_hash has it
    else:
        gap = _span_hash(data, start, end, letters)
    return key * _WORD_AFTER + gap * _GAP + word


@compiled
def key_terms(
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
            key = _span_hash(data, offsets[n], offsets[n + 1], letters) * _BEFORE
            terms.key[n], terms.core[n], terms.first[n] = key, key, key
            continue
        core = words.key[first]
        for k in range(first + 1, word):
            terms.words[n] += _parts(data, end[k - 1], start[k], letters)
            core = _with_next(core, data, end[k - 1], start[k], words.key[k], letters)
        left = _after_blanks(data, offsets[n], start[first], letters)
        right = _before_blanks(data, end[word - 1], offsets[n + 1], letters)
        terms.core[n], terms.first[n] = core, words.key[first]
        terms.before[n], terms.after[n] = left < start[first], end[word - 1] < right
        key = _with_marks(core, data, left, start[first], end[word - 1], right, letters)
        terms.key[n] = key


@compiled
def _parts(data: np.ndarray, at: int, stop: int, letters: Letters) -> int:
    """1 if what stands between two words parts them for a reader: a blank, or nothing; else 0."""
    parts = int(at == stop)
    while at < stop:
        code, size = _character(data, at)
        parts |= int(code < CODE_POINTS and letters.fold[code] == _BLANK)
        at += size
    return parts


@compiled
def _with_marks(
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
        core = core * _WORD_AFTER + _span_hash(data, left, start, letters) * _BEFORE
    if end < right:
        core = core * _WORD_AFTER + _span_hash(data, end, right, letters) * _AFTER
    return core


@compiled
def _after_blanks(data: np.ndarray, at: int, stop: int, letters: Letters) -> int:
    """Where blanks and format characters end that begin here."""
    while at < stop:
        code, size = _character(data, at)
        if not _is_blank(code, letters):
            break
        at += size
    return at


@compiled
def _before_blanks(data: np.ndarray, start: int, at: int, letters: Letters) -> int:
    """Where blanks and format characters begin that end here."""
    while at > start:
        before = _step_back(data, at)
        if not _is_blank(_character(data, before)[0], letters):
            break
        at = before
    return at


@compiled
def _is_blank(code: np.int64, letters: Letters) -> bool:
    if code >= CODE_POINTS:
        return _class_of(code, letters.classes) == FORMAT
    return letters.fold[code] == _BLANK or letters.classes[code] == FORMAT


@compiled
def _step_back(data: np.ndarray, at: int) -> int:
    """Where the character begins that ends here."""
    at -= 1
    while data[at] & 0xC0 == 0x80:
        at -= 1
    return at


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
    if code < CODE_POINTS:
        return classes[code]
    if _SELECTORS[0] <= code < _SELECTORS[1]:
        return MARK
    return FORMAT if _TAGS[0] <= code < _TAGS[1] else OTHER


@compiled
def _class_at(data: np.ndarray, at: int, classes: np.ndarray) -> int:
    return _class_of(_character(data, at)[0], classes)


@compiled
def hash_all(data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The polynomial hash of the bytes of each text."""
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for n in range(len(hashes)):
        value, power = np.uint64(0), _ONE
        for at in range(offsets[n], offsets[n + 1]):
            value += (np.uint64(data[at]) + _ONE) * power
            power *= _BASE
        hashes[n] = value
    return hashes


@compiled
def find(keys: np.ndarray, rows: np.ndarray, key: np.uint64) -> np.int32:
    """The row of a key in the ``keys`` and ``rows`` of Slots, -1 where it is none of theirs."""
    last = np.uint64(len(rows) - 1)
    place = (key * _SPREAD) >> np.uint64(32) & last
    while rows[place] != EMPTY and keys[place] != key:
        place = (place + np.uint64(1)) & last
    return rows[place]


@compiled
def fill_slots(wanted: np.ndarray, keys: np.ndarray, rows: np.ndarray) -> None:
    last = len(rows) - 1
    for row in range(len(wanted)):
        place = np.int64((wanted[row] * _SPREAD) >> np.uint64(32)) & last
        while rows[place] != EMPTY:
            place = (place + 1) & last
        keys[place], rows[place] = wanted[row], row


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
        code, size = _character(data, at)
        at += size
        is_letter = _class_of(code, classes) == LETTER
        if is_letter and not capital[code]:
            return FIRST if count else NONE
        together |= before and is_letter
        before = is_letter
        count += int(is_letter)
    return ALL if together else FIRST if count else NONE


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
            whole = _with_next(whole, data, end[last - 1], start[last], key[last], letters)
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
    before, after = np.empty(LONGEST_MARKS + 1, np.int64), np.empty(LONGEST_MARKS + 1, np.int64)
    befores = _steps_back(data, start, bottom, index.marks[row, 0], before)
    afters = _steps(data, end, stop, index.marks[row, 1], after)
    spaced = (
        _class_at(data, start if first == last else words.start[last], letters.classes) == LETTER
    )
    for n in range(afters - 1, -1, -1):
        right = after[n]
        # Latin letters may follow what a word of an unspaced script ends with.
        if n > 0 and spaced and _is_letter(data, right, offsets[text + 1], letters):
            continue
        for k in range(befores - 1, -1, -1):
            left = before[k]
            if k == 0 and n == 0:
                continue
            beyond = _step_back(data, left) if k > 0 and left > offsets[text] else left
            if _is_letter(data, beyond, left, letters):
                continue
            key = _with_marks(core, data, left, start, end, right, letters)
            other = find(index.keys, index.rows, key)
            if other >= 0 and _is_translated(index, other, language):
                return other, left, right
    return row if _is_translated(index, row, language) else np.int32(-1), start, end


@compiled
def _steps(data: np.ndarray, at: int, stop: int, any_: bool, places: np.ndarray) -> int:
    """Note the places after 0, 1, 2, ... characters from here, if ``any_`` count; how many."""
    places[0], count = at, 1
    while any_ and count < len(places) and at < stop:
        at += _character(data, at)[1]
        places[count] = at
        count += 1
    return count


@compiled
def _steps_back(data: np.ndarray, at: int, bottom: int, any_: bool, places: np.ndarray) -> int:
    """The same before here."""
    places[0], count = at, 1
    while any_ and count < len(places) and at > bottom:
        at = _step_back(data, at)
        places[count] = at
        count += 1
    return count


@compiled
def _is_letter(data: np.ndarray, at: int, stop: int, letters: Letters) -> bool:
    return at < stop and _class_at(data, at, letters.classes) == LETTER


@compiled
def _is_translated(index: TermIndex, term: np.int32, language: int) -> bool:
    """Whether a term has an entry in a language, or in any (-1)."""
    if language < 0:
        return index.spread[term] > 0
    cell = np.int64(term) * index.languages.shape[1] + language
    return index.first[cell + 1] > index.first[cell]
