"""Terms of a lexicon laid out for look-ups by hash, in arrays that can be mapped into memory.

Once written, the folder of an index is opened by any number of processes on a machine, which then
share one copy in the page cache: nothing is pickled, parsed or built again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clir.kernels import EMPTY, fill_slots
from clir.words import buffer_of, find_words, hash_texts

_ROOM = 2  # slots per term, at least


class Slots(NamedTuple):
    """An open-addressing hash table with linear probing; ``kernels.find`` looks keys up."""

    keys: np.ndarray  # uint64
    rows: np.ndarray  # int32, -1 where a slot is empty

    @classmethod
    def of(cls, keys: np.ndarray) -> Slots:
        """A table that finds the row of each of some distinct keys."""
        size = 1 << max(1, int(_ROOM * len(keys) - 1).bit_length())
        slots = cls(np.zeros(size, np.uint64), np.full(size, EMPTY, np.int32))
        fill_slots(keys, slots.keys, slots.rows)
        return slots


class TermIndex(NamedTuple):
    """Entries of a lexicon by term and target language.

    Entries lie in the order of cells, terms x languages row by row, in each the best first: those
    of a cell are numbers ``first[cell]`` to ``first[cell + 1]`` (not included). The target of entry
    n is the bytes ``target_offsets[n]`` to ``target_offsets[n + 1]`` of ``target_bytes``.
    """

    keys: np.ndarray  # the terms' hashes, as in Slots
    rows: np.ndarray
    languages: np.ndarray  # terms x languages: the numbers of those that have the term, first
    spread: np.ndarray  # how many these are, of each term
    first: np.ndarray  # one more than cells
    target_offsets: np.ndarray
    target_bytes: np.ndarray
    phrase_keys: np.ndarray  # a hash table of the first words of phrases, to skip all other places
    phrase_rows: np.ndarray
    longest: np.ndarray  # words of the longest term (one number)

    @classmethod
    def of(cls, lexicon: pa.Table, languages: Sequence[str]) -> TermIndex:
        """Index a lexicon with one source language (``tables.LEXICON``)."""
        term = hash_texts(lexicon["source_term"])
        language = pc.index_in(lexicon["target_lang"], pa.array(languages)).to_numpy()
        order = np.lexsort((lexicon["rank"].to_numpy(), language, term))
        terms, row = np.unique(term[order], return_inverse=True)
        shape = (len(terms), len(languages))
        cells = shape[0] * shape[1]
        count = np.bincount(row * len(languages) + language[order], minlength=cells)
        targets = buffer_of(lexicon["target_term"].take(pa.array(order)))
        words = lexicon["source_words"].to_numpy()
        has = count.reshape(shape) > 0
        slots = Slots.of(terms)
        phrases = Slots.of(_first_words(lexicon["source_term"].filter(pa.array(words > 1))))
        index = cls(
            keys=slots.keys,
            rows=slots.rows,
            languages=np.argsort(~has, axis=1, kind="stable").astype(np.uint8),
            spread=has.sum(axis=1).astype(np.uint8),
            first=np.concatenate([[0], np.cumsum(count)]).astype(np.int32),
            target_offsets=targets.offsets,
            target_bytes=targets.data,
            phrase_keys=phrases.keys,
            phrase_rows=phrases.rows,
            longest=words.max(keepdims=True),
        )
        return cls(*map(_read_only, index))  # as when it is opened: one kind to compile for

    def save(self, folder: Path, languages: Sequence[str]) -> None:
        """Write a file for each array; ``open`` reads them."""
        folder.mkdir(parents=True)
        for name, array in self._asdict().items():
            np.save(folder / f"{name}.npy", array)
        (folder / "languages.json").write_text(json.dumps(list(languages)))

    @classmethod
    def open(cls, folder: Path) -> tuple[TermIndex, list[str]]:
        """An index mapped into memory, and its languages."""
        files = (folder / f"{name}.npy" for name in cls._fields)
        arrays = (np.asarray(np.load(file, mmap_mode="r")) for file in files)
        return cls(*arrays), json.loads((folder / "languages.json").read_text())


def _read_only(array: np.ndarray) -> np.ndarray:
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view


def _first_words(phrases: pa.ChunkedArray) -> np.ndarray:
    """Distinct hashes of the words that begin a phrase."""
    words = find_words(buffer_of(phrases))
    return np.unique(words.key[words.position == 0])
