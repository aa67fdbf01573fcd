"""Terms of a lexicon laid out for look-ups by hash, in arrays that can be mapped into memory.

Once written, the folder of an index is opened by any number of processes on a machine, which then
share one copy in the page cache: nothing is pickled, parsed or built again.
"""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clir import tables
from clir.errors import InputError, in_a_line
from clir.switching.matching import capitals_of
from clir.switching.slots import EMPTY, Slots
from clir.text.folding import letters_of
from clir.text.terms import Terms, find_terms
from clir.text.words import buffer_of

# What damaged files of NumPy's and JSON end in.
_DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError, SyntaxError, TokenError, UserWarning)
_MOST_WORDS = 127  # of a term, as the loops count them
_CAPITALS = 3  # forms of a target: as it is, first letter a capital, all capitals


class TermIndex(NamedTuple):
    """Entries of a lexicon by term and target language.

    Entries lie in the order of cells, terms x languages row by row, in each the best first: those
    of a cell are numbers ``first[cell]`` to ``first[cell + 1]`` (not included). Their targets lie
    there three times: all as they are, then all with a capital as first letter, then all in
    capitals; target t is the bytes ``target_offsets[t]`` to ``target_offsets[t + 1]`` of
    ``target_bytes``.
    The words of a term with marks around it (C++) have a row too, with no entries if need be.
    """

    keys: np.ndarray  # uint64: the terms' keys, as in Slots
    rows: np.ndarray  # int32
    languages: np.ndarray  # terms x languages: the numbers of those that have the term, first
    spread: np.ndarray  # how many these are, of each term
    marks: np.ndarray  # bool, terms x 2: whether marks before, after these words make other terms
    first: np.ndarray  # int32: one more than cells
    copy: np.ndarray  # bool: whether an entry's target is the term itself
    capitals: np.ndarray  # int8: which letters of an entry's term are capitals, matching.NONE, ...
    target_offsets: np.ndarray
    target_bytes: np.ndarray
    phrase_keys: np.ndarray  # a hash table of the first words of phrases, to skip all other places
    phrase_rows: np.ndarray
    phrase_longest: np.ndarray  # words of the longest phrase with each first word
    longest: np.ndarray  # words of the longest term (one number)

    @classmethod
    def of(cls, lexicon: pa.Table, languages: Sequence[str]) -> Self:
        """Index a lexicon with one source language (``tables.LEXICON``).

        A translation that is the term itself is left out where the term has another one.
        """
        lang = source_language(lexicon)
        found, copy = find_terms(lexicon["source_term"], lang), np.asarray(lexicon["copy"])
        kept = (~copy | ~np.isin(found.key, found.key[~copy])) & (found.length <= _MOST_WORDS)
        lexicon = lexicon.filter(pa.array(kept))
        found = Terms(*(column[kept] for column in found))
        capitals = capitals_of(*buffer_of(lexicon["source_term"]), letters_of(lang))
        marked = found.before | found.after
        terms = np.unique(np.concatenate([found.key, found.core[marked]]))
        marks = np.zeros((len(terms), 2), np.bool_)
        for side, has_marks in enumerate((found.before, found.after)):
            marks[np.searchsorted(terms, found.core[has_marks]), side] = True
        language = pc.index_in(lexicon["target_lang"], pa.array(languages)).to_numpy()
        order = np.lexsort((lexicon["rank"].to_numpy(), language, found.key))
        row = np.searchsorted(terms, found.key[order])
        shape = (len(terms), len(languages))
        cells = shape[0] * shape[1]
        count = np.bincount(row * len(languages) + language[order], minlength=cells)
        sorted_targets = lexicon["target_term"].take(pa.array(order)).combine_chunks()
        targets = buffer_of(_by_capitals(sorted_targets, found.words[order]))
        has = count.reshape(shape) > 0
        order_of_languages, spread = _languages_of(has)
        slots = Slots.of(terms)
        firsts, longest = _first_words(found.first, found.length)
        phrases = Slots.of(firsts)
        index = cls(
            keys=slots.keys,
            rows=slots.rows,
            languages=order_of_languages,
            spread=spread,
            marks=marks,
            first=np.concatenate([[0], np.cumsum(count)]).astype(np.int32),
            copy=np.asarray(lexicon["copy"])[order],
            capitals=capitals[order],
            target_offsets=targets.offsets,
            target_bytes=targets.data,
            phrase_keys=phrases.keys,
            phrase_rows=phrases.rows,
            phrase_longest=longest,
            longest=found.length.max(keepdims=True, initial=0),
        )
        return cls(*map(_read_only, index))  # as when it is opened: one kind to compile for

    def term_keys(self) -> np.ndarray:
        """The key of each term."""
        filled = self.rows != EMPTY
        keys = np.empty(len(self.spread), np.uint64)
        keys[self.rows[filled]] = self.keys[filled]
        return keys

    def save(self, folder: Path, source_lang: str, languages: Sequence[str]) -> None:
        """Write a file for each array; ``open`` reads them."""
        folder.mkdir(parents=True)
        for name, array in self._asdict().items():
            np.save(folder / f"{name}.npy", array)
        names = {"source": source_lang, "targets": list(languages)}
        (folder / "languages.json").write_text(json.dumps(names))

    @classmethod
    def open(cls, folder: Path) -> tuple[Self, str, list[str]]:
        """An index mapped into memory, its source language and its target languages.

        The compiled loops do not look whether an index is within its array. So all arrays are
        looked at here, once; InputError where one cannot be what was written.
        """
        try:
            names = json.loads((folder / "languages.json").read_text())
            source, targets = str(names["source"]), [str(name) for name in names["targets"]]
            with warnings.catch_warnings(action="error"):
                files = (folder / f"{name}.npy" for name in cls._fields)
                index = cls(*(np.asarray(np.load(file, mmap_mode="r")) for file in files))
            wrong = index._wrong(len(targets))
        except _DAMAGE as error:
            wrong = in_a_line(error)
        if wrong:
            raise InputError(
                f"{folder}: the look-up tables are damaged ({wrong}); delete the folder "
                f"{folder.parent} and run again"
            )
        return index, source, targets

    def _wrong(self, languages: int) -> str | None:
        """What is wrong with the arrays, in a few words; None if nothing is."""
        terms, entries = len(self.spread), len(self.copy)
        shapes = {
            "languages": (terms, languages),
            "marks": (terms, 2),
            "first": (terms * languages + 1,),
            "capitals": (entries,),
            "target_offsets": (_CAPITALS * entries + 1,),
            "longest": (1,),
        }
        of_nothing = TermIndex.of(tables.LEXICON.empty_table(), ["de"])
        for name, array, other in zip(self._fields, self, of_nothing, strict=True):
            if array.dtype != other.dtype or array.shape != shapes.get(name, (len(array),)):
                return f"{name} is {array.dtype}{list(array.shape)}"
        for keys, rows, count in (
            (self.keys, self.rows, terms),
            (self.phrase_keys, self.phrase_rows, len(self.phrase_longest)),
        ):
            # A look-up ends at an empty slot, and steps by a mask of the size.
            if len(keys) != len(rows) or len(rows) & (len(rows) - 1) or not (rows == EMPTY).any():
                return "a hash table without an empty slot, or of another size"
            if not (rows.min() >= EMPTY and rows.max() < count):
                return "a row beyond the last term"
        within = {
            "first": _rises(self.first, entries),
            "target_offsets": _rises(self.target_offsets, len(self.target_bytes)),
            "longest": 0 <= self.longest[0] <= _MOST_WORDS,
            "phrase_longest": bool(
                ((self.phrase_longest > 1) & (self.phrase_longest <= self.longest[0])).all()
            ),
            "spread": self._tells_languages(languages),
            "target_bytes": _is_text(self.target_bytes, self.target_offsets),
        }
        return next((f"{name} is out of bounds" for name, good in within.items() if not good), None)

    def _tells_languages(self, languages: int) -> bool:
        """Whether ``languages`` and ``spread`` say which cells have entries."""
        has = np.diff(self.first).reshape(-1, languages) > 0
        order, spread = _languages_of(has)
        return np.array_equal(order, self.languages) and np.array_equal(spread, self.spread)


def source_language(lexicon: pa.Table) -> str:
    """The one language of a lexicon's terms; English of an empty one."""
    langs = lexicon["source_lang"].unique().to_pylist()
    assert len(langs) <= 1, "a look-up is of terms in one language"
    return langs[0] if langs else "en"


def _languages_of(has: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each term the languages that have it, first, and how many; ``has``: terms x languages."""
    return np.argsort(~has, axis=1, kind="stable").astype(np.uint8), has.sum(axis=1, dtype=np.uint8)


def _by_capitals(targets: pa.Array, source_words: np.ndarray) -> pa.Array:
    """All targets as they are, then with a capital as first letter, then in capitals.

    Several words for one in capitals, which may be an acronym, get a capital as first letter.
    """
    first = pc.utf8_upper(pc.utf8_slice_codeunits(targets, 0, 1))
    capitalised = pc.binary_join_element_wise(first, pc.utf8_slice_codeunits(targets, 1), "")
    several = pc.and_(pc.match_substring(targets, " "), pa.array(source_words == 1))
    upper = pc.if_else(several, capitalised, pc.utf8_upper(targets))
    return pa.concat_arrays(
        [form.cast(pa.large_string()) for form in (targets, capitalised, upper)]
    )


def _read_only(array: np.ndarray) -> np.ndarray:
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view


def _first_words(first: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct keys of the words that begin a phrase, and words of the longest such phrase."""
    keys, place = np.unique(first[words > 1], return_inverse=True)
    longest = np.zeros(len(keys), np.int8)
    np.maximum.at(longest, place, words[words > 1].astype(np.int8))
    return keys, longest


def _rises(places: np.ndarray, last: int) -> bool:
    """Whether places go from 0 up to ``last``."""
    return places[0] == 0 and places[-1] == last and bool((np.diff(places) >= 0).all())


def _is_text(data: np.ndarray, offsets: np.ndarray) -> bool:
    """Whether all pieces of the bytes are UTF-8."""
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    texts = pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, buffers)
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
