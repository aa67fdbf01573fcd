"""Arrow batch of texts + lexicon -> Arrow batch of switched texts: the kernel both engines call.

Everything between the words stays byte for byte, nothing inside a word is touched and no output
is switched again. Each word is decided by a hash of (seed, text id, side, position), never by the
order of work, so the same corpus comes out whatever the number of partitions or workers. Its loops
are compiled by Numba.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clir.compiled import compiled
from clir.errors import InputError
from clir.lexicon import STOP_WORDS
from clir.term_index import TermIndex, find
from clir.words import (
    Buffer,
    Words,
    buffer_of,
    find_words,
    hash_texts,
    mix,
    mix_one,
    span_hash,
)

MAX_PHRASE_WORDS = 8
MAX_TITLE_WORDS = 3  # of a term from a title
_BLANK = ord(" ")


@dataclass(frozen=True)
class Switched:
    """What a batch became: one element per text."""

    texts: pa.Array
    words: np.ndarray  # words in the original
    by_language: np.ndarray  # words that were replaced by one of each language: texts x languages

    @property
    def switched(self) -> np.ndarray:
        """Words that were replaced."""
        return self.by_language.sum(axis=1)


class Switcher:
    """A lexicon laid out for look-ups, ready to switch any number of batches.

    ``lexicon`` has the columns of ``tables.LEXICON`` with one source language. ``languages`` are
    the target languages that may be drawn. ``max_words`` is the longest phrase looked for, and
    ``translations`` how many ranks of each entry may be drawn. Stop words (and phrases made of
    nothing else) are left alone if ``keep_stop_words``. Raises InputError for a language without
    entries.
    """

    def __init__(
        self,
        lexicon: pa.Table,
        languages: Sequence[str],
        max_words: int = 1,
        translations: int = 1,
        keep_stop_words: bool = False,
    ):
        lexicon = _relevant(lexicon, languages, max_words, translations)
        if keep_stop_words:
            lexicon = lexicon.filter(pc.invert(_only_stop_words(lexicon["source_term"])))
        present = set(lexicon["target_lang"].unique().to_pylist())
        missing = [language for language in languages if language not in present]
        if missing:
            raise InputError(
                f"the lexicon has no entries for {', '.join(missing)}: "
                "give a dictionary or dumps that link to these languages"
            )
        self.languages, self._index = list(languages), TermIndex.of(lexicon, languages)

    @classmethod
    def open(cls, folder: Path) -> Switcher:
        """A switcher that was saved, its lexicon mapped into memory."""
        switcher = cls.__new__(cls)
        switcher._index, switcher.languages = TermIndex.open(folder)
        return switcher

    def save(self, folder: Path) -> None:
        """Write the lexicon's look-up tables into a new folder, for ``open``."""
        self._index.save(folder, self.languages)

    def switch(
        self,
        texts: pa.Array,
        ids: pa.Array,
        side: str,
        probability: float,
        seed: int,
        per_text: bool = False,
    ) -> Switched:
        """Switch each text (no nulls); ``ids`` name them for good, ``side`` is query or passage.

        The language is drawn per text if ``per_text``, else per word among those that have the
        word.
        """
        assert 0 <= probability <= 1
        buffer = buffer_of(texts)
        words = find_words(buffer)
        key = _text_keys(ids, side, seed)
        drawn = _no_language(len(texts))
        if per_text:
            drawn = (key % np.uint64(len(self.languages))).astype(np.int64)
        matches = self.matches(words, drawn)
        shape = (len(texts), len(self.languages))
        by_language = np.zeros(shape, np.int32)
        chosen = _choose(words, matches, key, probability, drawn, self._index, by_language)
        switched = _write(buffer, chosen, self._index)
        counts = np.bincount(words.text, minlength=len(texts))
        return Switched(switched, counts, by_language)

    def matches(self, words: Words, drawn: np.ndarray | None = None) -> Matches:
        """Every term among the words: longest first, no overlap.

        ``drawn``: the number of the language of each text, -1 for any.
        """
        if drawn is None:
            drawn = _no_language(int(words.text[-1]) + 1 if len(words.text) else 0)
        return _match(words, drawn, self._index)


class Matches(NamedTuple):
    """Terms found among words, in order."""

    first: np.ndarray  # the first word of each
    length: np.ndarray  # how many words it has
    term: np.ndarray  # its row in the index


class _Chosen(NamedTuple):
    """What is replaced, in order: bytes [start, end) by an entry's target, blanks around it."""

    start: np.ndarray
    end: np.ndarray
    entry: np.ndarray
    before: np.ndarray  # blanks, 0 or 1
    after: np.ndarray
    grown: int  # bytes that the texts grow by in all


def _no_language(texts: int) -> np.ndarray:
    return np.full(texts, -1, np.int64)


@compiled
def _match(words: Words, drawn: np.ndarray, index: TermIndex) -> Matches:
    keys, rows, choices = index.keys, index.rows, index.choices
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
            if row >= 0 and (drawn[text[at]] < 0 or choices[row, drawn[text[at]]]):
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
    keys, rows, choices = index.keys, index.rows, index.choices
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
            if row >= 0 and (drawn[text[at]] < 0 or choices[row, drawn[text[at]]]):
                length[at], term[at] = size, row
                taken[at : last + 1] = True


@compiled
def _choose(
    words: Words,
    matches: Matches,
    key: np.ndarray,
    probability: float,
    drawn: np.ndarray,
    index: TermIndex,
    by_language: np.ndarray,
) -> _Chosen:
    """Draw which matches are replaced, and by which entry; counts their words by language.

    Where no language is drawn for the text, one of those that have the term is; then one of the
    term's translations. All draws hang on the text's key and the word's position.
    """
    firsts, lengths, terms = matches.first, matches.length, matches.term
    texts, positions = words.text, words.position
    word_start, word_end = words.start, words.end
    languages, spread, choices = index.languages, index.spread, index.choices
    first_entry, target_offsets = index.first, index.target_offsets
    most = len(firsts)
    start, end = np.empty(most, np.int64), np.empty(most, np.int64)
    entry = np.empty(most, np.int64)
    before, after = np.empty(most, np.int64), np.empty(most, np.int64)
    count, previous, grown = 0, -1, 0  # previous: the last word replaced
    for n in range(most):
        first, term = firsts[n], terms[n]
        text = texts[first]
        chance = mix_one(key[text] + np.uint64(positions[first] + 1))
        if (chance >> np.uint64(11)) * 2.0**-53 >= probability:
            continue
        last = first + lengths[n] - 1
        language = drawn[text]
        if language < 0:
            nth = mix_one(chance ^ np.uint64(1)) % np.uint64(spread[term])
            language = np.int64(languages[term, np.int64(nth)])
        nth = mix_one(chance ^ np.uint64(2)) % np.uint64(choices[term, language])
        start[count], end[count] = word_start[first], word_end[last]
        entry[count] = first_entry[term, language] + np.int64(nth)
        # Only characters of unspaced scripts touch the next word without anything between.
        after[count] = _touch(texts, word_start, word_end, last)
        before[count] = previous != first - 1 and _touch(texts, word_start, word_end, first - 1)
        by_language[text, language] += lengths[n]
        grown += target_offsets[entry[count] + 1] - target_offsets[entry[count]]
        grown += before[count] + after[count] - (end[count] - start[count])
        previous = last
        count += 1
    kept = slice(0, count)
    return _Chosen(start[kept], end[kept], entry[kept], before[kept], after[kept], grown)


@compiled
def _touch(text: np.ndarray, start: np.ndarray, end: np.ndarray, word: int) -> bool:
    """Whether a word and the next are of one text, with nothing between them."""
    if word < 0 or word + 1 >= len(start):
        return False
    return end[word] == start[word + 1] and text[word] == text[word + 1]


def _write(buffer: Buffer, chosen: _Chosen, index: TermIndex) -> pa.Array:
    """The texts with targets in place of what was chosen."""
    out = np.empty(len(buffer.data) + chosen.grown, np.uint8)
    offsets = np.empty(len(buffer.offsets), np.int64)
    _fill(buffer.data, buffer.offsets, chosen, index, out, offsets)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(out)]
    return pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, buffers).cast(pa.string())


@compiled
def _fill(
    data: np.ndarray,
    bounds: np.ndarray,
    chosen: _Chosen,
    index: TermIndex,
    out: np.ndarray,
    offsets: np.ndarray,
) -> None:
    starts, ends, entries = chosen.start, chosen.end, chosen.entry
    before, after = chosen.before, chosen.after
    target_offsets, targets = index.target_offsets, index.target_bytes
    read = at = n = 0
    for text in range(len(bounds) - 1):
        offsets[text] = at
        while n < len(starts) and starts[n] < bounds[text + 1]:
            at = _copied(data, read, starts[n], out, at)
            if before[n]:
                out[at] = _BLANK
                at += 1
            at = _copied(
                targets, target_offsets[entries[n]], target_offsets[entries[n] + 1], out, at
            )
            if after[n]:
                out[at] = _BLANK
                at += 1
            read = ends[n]
            n += 1
        at = _copied(data, read, bounds[text + 1], out, at)
        read = bounds[text + 1]
    offsets[len(bounds) - 1] = at


@compiled
def _copied(data: np.ndarray, begin: int, end: int, out: np.ndarray, at: int) -> int:
    """Copy data[begin:end] to ``at``; the place behind it."""
    while begin < end:
        out[at] = data[begin]
        at += 1
        begin += 1
    return at


def _relevant(
    lexicon: pa.Table, languages: Sequence[str], max_words: int, translations: int
) -> pa.Table:
    fits = pc.and_(
        pc.is_in(lexicon["target_lang"], pa.array(languages, pa.string())),
        pc.and_(
            pc.less_equal(lexicon["rank"], translations),
            pc.less_equal(lexicon["source_words"], min(max_words, MAX_PHRASE_WORDS)),
        ),
    )
    return lexicon.filter(fits).combine_chunks()


def _only_stop_words(terms: pa.ChunkedArray) -> pa.Array:
    pattern = "^(?:(?:" + "|".join(sorted(STOP_WORDS)) + ")(?: |$))+$"
    return pc.match_substring_regex(terms, pattern, ignore_case=True)


def _text_keys(ids: pa.Array, side: str, seed: int) -> np.ndarray:
    salt = mix(np.uint64(seed)) ^ mix(np.uint64({"query": 1, "passage": 2}[side]))
    return mix(hash_texts(ids) ^ salt)
