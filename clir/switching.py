"""Arrow batch of texts + lexicon -> Arrow batch of switched texts: the kernel both engines call.

Everything between the words stays byte for byte, nothing inside a word is touched and no output
is switched again. Each word is decided by a hash of (seed, text id, side, position), never by the
order of work, so the same corpus comes out whatever the number of partitions or workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clir.errors import InputError
from clir.lexicon import STOP_WORDS
from clir.term_index import TermIndex
from clir.words import Buffer, SpanHashes, Words, buffer_of, find_words, fold, hash_texts, mix

MAX_PHRASE_WORDS = 8
MAX_TITLE_WORDS = 3  # of a term from a title


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
        lower, kind = fold(buffer)
        words = find_words(buffer, kind)
        total = np.bincount(words.text, minlength=len(texts))
        key = _text_keys(ids, side, seed)
        drawn = (key % np.uint64(len(self.languages))).astype(np.int64) if per_text else None
        first, length, term = self.matches(SpanHashes(lower), words, drawn)

        chance = mix(
            key[words.text[first]] + words.position[first].astype(np.uint64) + np.uint64(1)
        )
        chosen = (chance >> np.uint64(11)) * 2.0**-53 < probability
        first, length, term, chance = first[chosen], length[chosen], term[chosen], chance[chosen]
        text = words.text[first]
        language, entry = self._draw(term, chance, None if drawn is None else drawn[text])
        replaced = self._replace(buffer, words, first, first + length - 1, entry)
        shape = (len(texts), len(self.languages))
        cell = text * shape[1] + language
        switched = np.bincount(cell, weights=length, minlength=shape[0] * shape[1])
        return Switched(replaced, total, switched.reshape(shape).astype(np.int32))

    def matches(
        self, span_hash: SpanHashes, words: Words, drawn: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """First word, number of words and term of every match: longest first, no overlap."""
        free = np.ones(len(words.start), bool)
        single = span_hash(words.start, words.end)
        found = []
        longest = int(self._index.longest[0])
        if longest > 1:
            starts = np.flatnonzero(self._index.phrase_starts.find(single) >= 0)
        for n in range(longest, 0, -1):
            if n > 1:
                at = starts[starts <= len(single) - n]
                at = at[words.text[at] == words.text[at + n - 1]]
                hashes = span_hash(words.start[at], words.end[at + n - 1])
            else:
                at, hashes = np.arange(len(single)), single
            term = self._index.terms.find(hashes)
            known = term >= 0
            if drawn is not None:
                known[known] = self._index.choices[term[known], drawn[words.text[at[known]]]] > 0
            at, term = at[known], term[known]
            for k in range(n):
                still = free[at + k]
                at, term = at[still], term[still]
            kept = _leftmost(at, n)
            at, term = at[kept], term[kept]
            for k in range(n):
                free[at + k] = False
            found.append((at, np.full(len(at), n), term))
        first, length, term = (np.concatenate(column) for column in zip(*found, strict=True))
        order = np.argsort(first, kind="stable")
        return first[order], length[order], term[order]

    def _draw(
        self, term: np.ndarray, chance: np.ndarray, language: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """For each match a language that has the term, then an entry: one of its translations."""
        if language is None:
            nth = mix(chance ^ np.uint64(1)) % self._index.spread[term]
            language = self._index.languages[term, nth.astype(np.int64)].astype(np.int64)
        count = self._index.choices[term, language].astype(np.uint64)
        nth = (mix(chance ^ np.uint64(2)) % count).astype(np.int64)
        return language, self._index.first[term, language] + nth

    def _replace(
        self, buffer: Buffer, words: Words, first: np.ndarray, last: np.ndarray, entry: np.ndarray
    ) -> pa.Array:
        """Write each match's target over its bytes; words that touched are parted by a blank."""
        data, offsets = buffer
        start, end = words.start[first], words.end[last]
        begin = self._index.target_offsets[entry]
        size = self._index.target_offsets[entry + 1] - begin
        # Only characters of unspaced scripts touch the next word without anything between.
        same_text = words.text[1:] == words.text[:-1]
        touches = np.append((words.start[1:] == words.end[:-1]) & same_text, False)
        after = touches[last]
        before = np.append(False, touches)[first]
        before[1:] &= last[:-1] + 1 != first[1:]
        grown = size + before + after
        # Where targets go in the output, and the bytes of the input that are kept around them.
        change = np.cumsum(grown - (end - start))
        place = start + np.concatenate(([0], change[:-1])) if len(start) else start
        out = np.full(len(data) + (int(change[-1]) if len(change) else 0), ord(" "), np.uint8)
        out[~covered(place, place + grown, len(out))] = data[~covered(start, end, len(data))]
        into, source = _ragged(place + before, size), _ragged(begin, size)
        out[into] = self._index.target_bytes[source]
        shift = np.concatenate(([0], change))[np.searchsorted(start, offsets)]
        return pa.Array.from_buffers(
            pa.large_string(),
            len(offsets) - 1,
            [None, pa.py_buffer(offsets + shift), pa.py_buffer(out)],
        ).cast(pa.string())


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


def _leftmost(at: np.ndarray, n: int) -> np.ndarray:
    """Of sorted places of n words each, those a reader from the left would take: no overlap."""
    kept = np.ones(len(at), bool)
    if n == 1 or len(at) < 2:
        return kept
    # Within a chain of overlaps each kept place rules out those up to n - 1 after it; chains are
    # short, so passes over the places still open are few.
    state = np.zeros(len(at), np.int8)  # 0 open, 1 kept, -1 out
    while (state == 0).any():
        still = np.flatnonzero(state == 0)
        place = at[still]
        leads = np.append(True, np.diff(place) >= n)
        state[still[leads]] = 1
        taken = at[state == 1]
        previous = np.searchsorted(taken, place, "right") - 1
        near = (previous >= 0) & (place - taken[previous] < n) & ~leads
        state[still[near]] = -1
    return state == 1


def covered(start: np.ndarray, end: np.ndarray, size: int) -> np.ndarray:
    """Which of ``size`` bytes lie in one of the sorted, disjoint spans."""
    edge = np.zeros(size + 1, np.int8)
    edge[start] = 1
    edge[end] -= 1  # where the next span begins at once, nothing changes
    return np.cumsum(edge[:-1], dtype=np.int8).view(bool)


def _ragged(start: np.ndarray, size: np.ndarray) -> np.ndarray:
    """start[0], start[0] + 1, ... (size[0] of them), start[1], ..."""
    ends = np.cumsum(size)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(start - (ends - size), size)
