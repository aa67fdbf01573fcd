"""The loops over words, compiled by Numba the first time they run: finding, look-up, switching.

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

OTHER, LETTER, SINGLE = 0, 1, 2  # of a character: not in a word, in a word, a word by itself
CODE_POINTS = 0x32400  # beyond: private use and the like are no letters and have no case
EMPTY = -1  # a slot of a hash table without a row
_APOSTROPHES = (ord("'"), ord("’"))
_BLANK = ord(" ")
_BASE = np.uint64(0x9E3779B97F4A7C15)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing: the high bits of a product

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile a function of numbers and NumPy arrays."""
    result: Any
    try:
        result = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder to keep it in: a container whose disk is read-only
        result = njit(nogil=True)(function)
    return result


class Words(NamedTuple):
    """The words of a batch of texts, in order: one element per word, but for ``lower``."""

    lower: np.ndarray  # uint8: all bytes of the texts in lower case; lengths stay, so places do
    start: np.ndarray  # int32: byte where it starts
    end: np.ndarray  # int32: byte after its end
    text: np.ndarray  # int32: which text of the batch
    position: np.ndarray  # int32: which word of its text, from 0
    key: np.ndarray  # uint64: hash of its lower-cased bytes


class Matches(NamedTuple):
    """Terms found among words, in order."""

    first: np.ndarray  # the first word of each
    length: np.ndarray  # how many words it has
    term: np.ndarray  # its row in the index


class Replaced(NamedTuple):
    """What is replaced, in order."""

    match: np.ndarray  # which of the matches
    entry: np.ndarray  # by the target of which entry
    target_bytes: int  # of all these targets


@compiled
def span_hash(lower: np.ndarray, start: int, end: int) -> np.uint64:
    """Polynomial hash of lower[start:end]: the sum of (byte_j + 1) B^j modulo 2^64."""
    value, power = np.uint64(0), np.uint64(1)
    for at in range(start, end):
        value += (np.uint64(lower[at]) + np.uint64(1)) * power
        power *= _BASE
    return value


def mixed(value):  # type: ignore[no-untyped-def]
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


mix_one = compiled(mixed)


@compiled
def lower(data: np.ndarray, lower_of: np.ndarray, out: np.ndarray) -> None:
    at = 0
    while at < len(data):
        code, size = _character(data, at)
        if code < CODE_POINTS:
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
def find_all(data: np.ndarray, offsets: np.ndarray, classes: np.ndarray, words: Words) -> int:
    """Fill ``words`` (their ``lower`` is there already); how many they are."""
    lower = words.lower  # out of the loop: every look into a tuple costs
    place = words.start, words.end, words.text, words.position, words.key
    count = 0
    for text in range(len(offsets) - 1):
        at, stop = offsets[text], offsets[text + 1]
        first, begin, before = count, -1, OTHER
        key, power = np.uint64(0), np.uint64(1)
        while at < stop:
            here = np.uint64(at)  # a signed index would be asked whether it counts from the end
            if data[here] < 0x80 and classes[np.uint64(data[here])] == LETTER:  # most are these
                if begin < 0:
                    begin, key, power = at, np.uint64(0), np.uint64(1)
                key += (np.uint64(lower[here]) + np.uint64(1)) * power
                power *= _BASE
                before = LETTER
                at += 1
                continue
            code, size = _character(data, at)
            kind = _class_of(code, classes)
            inside = kind == LETTER
            if code in _APOSTROPHES and before == LETTER and at + size < stop:
                inside = _class_of(_character(data, at + size)[0], classes) == LETTER
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
                if kind == SINGLE:
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
    return classes[code] if code < CODE_POINTS else OTHER


@compiled
def hash_all(lower: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for n in range(len(hashes)):
        hashes[n] = span_hash(lower, offsets[n], offsets[n + 1])
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
def match(words: Words, drawn: np.ndarray, index: TermIndex) -> Matches:
    keys, rows = index.keys, index.rows
    text, key = words.text, words.key  # out of the loops: every look into a tuple costs
    phrase_length, phrase = np.zeros(len(key), np.int8), np.empty(len(key), np.int32)
    taken = np.zeros(len(key), np.bool_)
    if index.longest[0] > 1:
        _match_phrases(words, drawn, index, phrase_length, phrase, taken)
    first, length = np.empty(len(key), np.int32), np.empty(len(key), np.int8)
    term = np.empty(len(key), np.int32)
    count = 0
    for at in range(len(key)):
        size, row = phrase_length[at], phrase[at]
        if not taken[at]:
            row = find(keys, rows, key[at])
            if row >= 0 and _is_translated(index, row, drawn[text[at]]):
                size = 1
        first[count], length[count], term[count] = at, size, row
        count += size > 0
    return Matches(first[:count], length[:count], term[:count])


@compiled
def _match_phrases(
    words: Words,
    drawn: np.ndarray,
    index: TermIndex,
    length: np.ndarray,
    term: np.ndarray,
    taken: np.ndarray,
) -> None:
    """Find terms of several words: where one begins, its length and term; which are ``taken``."""
    keys, rows = index.keys, index.rows
    first_keys, first_rows = index.phrase_keys, index.phrase_rows
    text, start, end, lower = words.text, words.start, words.end, words.lower
    begins = np.empty(len(text), np.int32)  # the words that some phrase begins with
    count = 0
    for at in range(len(text)):
        if find(first_keys, first_rows, words.key[at]) >= 0:
            begins[count] = at
            count += 1
    for size in range(index.longest[0], 1, -1):
        for at in begins[:count]:
            last = at + size - 1
            if last >= len(text) or text[last] != text[at] or taken[at : last + 1].any():
                continue
            row = find(keys, rows, span_hash(lower, start[at], end[last]))
            if row >= 0 and _is_translated(index, row, drawn[text[at]]):
                length[at], term[at] = size, row
                taken[at : last + 1] = True


@compiled
def _is_translated(index: TermIndex, term: np.int32, language: int) -> bool:
    """Whether a term has an entry in a language, or in any (-1)."""
    if language < 0:
        return True
    cell = np.int64(term) * index.languages.shape[1] + language
    return index.first[cell + 1] > index.first[cell]


@compiled
def draw(
    words: Words,
    matches: Matches,
    key: np.ndarray,
    probability: float,
    drawn: np.ndarray,
    index: TermIndex,
    by_language: np.ndarray,
) -> Replaced:
    """Draw which matches are replaced, and by which entry; counts their words by language.

    Where no language is drawn for the text, one of those that have the term is; then one of the
    term's translations. All draws hang on the text's key and the word's position.
    """
    firsts, lengths, terms = matches.first, matches.length, matches.term
    texts, positions = words.text, words.position
    languages, spread, first_entry = index.languages, index.spread, index.first
    target_offsets = index.target_offsets
    chosen, chances = np.empty(len(firsts), np.int32), np.empty(len(firsts), np.uint64)
    count, target_bytes = 0, 0
    for n in range(len(firsts)):
        word = firsts[n]
        chance = mix_one(key[texts[word]] + np.uint64(positions[word] + 1))
        chosen[count], chances[count] = n, chance
        # No branch: it would be guessed wrong every other time.
        count += int((chance >> np.uint64(11)) * 2.0**-53 < probability)
    entry = np.empty(count, np.int32)
    for n in range(count):
        term, text = np.int64(terms[chosen[n]]), texts[firsts[chosen[n]]]
        language = drawn[text]
        if language < 0:
            nth = mix_one(chances[n] ^ np.uint64(1)) % np.uint64(spread[term])
            language = np.int64(languages[term, np.int64(nth)])
        cell = term * languages.shape[1] + language
        choices = np.uint64(first_entry[cell + 1] - first_entry[cell])
        entry[n] = first_entry[cell] + np.int64(mix_one(chances[n] ^ np.uint64(2)) % choices)
        by_language[text, language] += lengths[chosen[n]]
        target_bytes += target_offsets[entry[n] + 1] - target_offsets[entry[n]]
    return Replaced(chosen[:count], entry, target_bytes)


@compiled
def write(
    data: np.ndarray,
    bounds: np.ndarray,
    words: Words,
    matches: Matches,
    replaced: Replaced,
    index: TermIndex,
    out: np.ndarray,
    offsets: np.ndarray,
) -> None:
    """Write the texts with targets in place of what is replaced, and where each text begins."""
    firsts, lengths = matches.first, matches.length
    chosen, entry = replaced.match, replaced.entry
    texts, start, end = words.text, words.start, words.end
    target_offsets, targets = index.target_offsets, index.target_bytes
    read = at = n = 0
    previous = -1  # the last word replaced
    for text in range(len(bounds) - 1):
        offsets[text] = at
        while n < len(chosen) and texts[firsts[chosen[n]]] == text:
            first = firsts[chosen[n]]
            last = first + lengths[chosen[n]] - 1
            at = _copied(data, read, start[first], out, at)
            # Only characters of unspaced scripts touch the next word without anything between.
            if previous != first - 1 and _touch(texts, start, end, first - 1):
                out[at] = _BLANK
                at += 1
            at = _copied(targets, target_offsets[entry[n]], target_offsets[entry[n] + 1], out, at)
            if _touch(texts, start, end, last):
                out[at] = _BLANK
                at += 1
            read, previous = end[last], last
            n += 1
        at = _copied(data, read, bounds[text + 1], out, at)
        read = bounds[text + 1]
    offsets[len(bounds) - 1] = at


@compiled
def _touch(text: np.ndarray, start: np.ndarray, end: np.ndarray, word: int) -> bool:
    """Whether a word and the next are of one text, with nothing between them."""
    if word < 0 or word + 1 >= len(start):
        return False
    return end[word] == start[word + 1] and text[word] == text[word + 1]


@compiled
def _copied(data: np.ndarray, begin: int, end: int, out: np.ndarray, at: int) -> int:
    """Copy data[begin:end] to ``at``; the place behind it."""
    source, target = np.uint64(begin), np.uint64(at)  # see find_all
    for k in range(np.uint64(end - begin)):
        out[target + k] = data[source + k]
    return at + end - begin
