"""Arrow batch of texts + lexicon -> Arrow batch of switched texts: the kernel both engines call.

Everything between the words stays byte for byte, nothing inside a word is touched and no output
is switched again. Each word is decided by a hash of (seed, text id, side, position), never by the
order of work, so the same corpus comes out whatever the number of partitions or workers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clir.errors import InputError
from clir.languages import STOP_WORDS
from clir.switching import replacing
from clir.switching.matching import Matches, match
from clir.switching.term_index import TermIndex, source_language
from clir.text.folding import letters_of
from clir.text.hashing import mix
from clir.text.terms import term_keys
from clir.text.words import Buffer, Words, buffer_of, find_words, hash_ids

MAX_PHRASE_WORDS = 8
MAX_TITLE_WORDS = 3  # of a term from a title


@dataclass(frozen=True)
class Switched:
    """What a batch became: one element per text."""

    texts: pa.Array
    words: np.ndarray  # words in the original
    by_language: np.ndarray  # words that were replaced by one of each language: texts x languages
    copied: np.ndarray  # words whose translation is the word itself, likewise

    @property
    def switched(self) -> np.ndarray:
        """Words that were replaced by others."""
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
        self.source, self.languages = source_language(lexicon), list(languages)
        self._index = TermIndex.of(lexicon, languages)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """A switcher that was saved, its lexicon mapped into memory."""
        switcher = cls.__new__(cls)
        switcher._index, switcher.source, switcher.languages = TermIndex.open(folder)
        return switcher

    def save(self, folder: Path) -> None:
        """Write the lexicon's look-up tables into a new folder, for ``open``."""
        self._index.save(folder, self.source, self.languages)

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
        words = find_words(buffer, self.source)
        key = _text_keys(ids, side, seed)
        drawn = _no_language(len(texts))
        if per_text:
            drawn = (key % np.uint64(len(self.languages))).astype(np.int64)
        matches = self._matches(buffer, words, drawn)
        shape = (len(texts), len(self.languages))
        by_language, copied = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        replaced = replacing.draw(
            words, matches, key, probability, drawn, self._index, by_language, copied
        )
        # Room for all targets, with a blank on both sides, beside all that was there.
        most = len(buffer.data) + replaced.target_bytes + 2 * len(replaced.match)
        out, offsets = np.empty(most, np.uint8), np.empty(len(texts) + 1, np.int64)
        replacing.write(*buffer, words, matches, replaced, self._index, out, offsets)
        counts = np.bincount(words.text, minlength=len(texts))
        return Switched(_strings(out, offsets), counts, by_language, copied)

    def matches(self, buffer: Buffer, words: Words) -> Matches:
        """Every term among the words of a batch of texts: longest first, no overlap."""
        return self._matches(buffer, words, _no_language(len(buffer.offsets) - 1))

    def finds(self, terms: pa.Array) -> np.ndarray:
        """Whether each term is found in a text that holds nothing else."""
        buffer = buffer_of(terms)
        words = find_words(buffer, self.source)
        matches = self.matches(buffer, words)
        text = words.text[matches.first]
        same = self._index.term_keys()[matches.term] == term_keys(terms, self.source)[text]
        found = np.zeros(len(terms), bool)
        found[text[same]] = True
        return found

    def _matches(self, buffer: Buffer, words: Words, drawn: np.ndarray) -> Matches:
        """``drawn``: the number of the language of each text, -1 for any."""
        return match(*buffer, words, drawn, letters_of(self.source), self._index)


@cache
def opened(folder: Path) -> Switcher:
    """A saved switcher, opened once per process."""
    return Switcher.open(folder)


def _no_language(texts: int) -> np.ndarray:
    return np.full(texts, -1, np.int64)


def _strings(data: np.ndarray, offsets: np.ndarray) -> pa.Array:
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data[: offsets[-1]])]
    return pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, buffers).cast(pa.string())


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
    """Whether all words of a term are stop words (English)."""
    words = find_words(buffer_of(terms), "en")
    others = ~np.isin(words.key, term_keys(pa.array(sorted(STOP_WORDS)), "en"))
    return pa.array(np.bincount(words.text, weights=others, minlength=len(terms)) == 0)


def _text_keys(ids: pa.Array, side: str, seed: int) -> np.ndarray:
    salt = mix(np.uint64(seed)) ^ mix(np.uint64({"query": 1, "passage": 2}[side]))
    return mix(hash_ids(ids) ^ salt)
