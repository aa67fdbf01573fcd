"""The queries or the documents of a condition: their ids as runs sort them, and their texts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from clir.collections import trec
from clir.switching.translate_test import into_english
from clir.text.hashing import mix
from clir.text.prefixes import prefixed
from clir.text.words import hash_ids
from ray_app.evaluation import texts
from ray_app.evaluation.conditions import Languages, drawn
from ray_app.evaluation.systems import Sources, System


class Side:
    """One side: ``ids`` in the order of runs, and their ``domains``.

    At most so many of them, if a number is given: the same ones in every language that has them.
    """

    def __init__(
        self,
        sources: Sources,
        collection: str,
        kind: str,
        languages: Languages,
        at_most: int | None = None,
    ):
        self.kind, self.languages = kind, languages
        self._sources, self._collection = sources, collection
        table = self._of_languages(texts.read_ids)
        if at_most is not None and at_most < len(table):
            lots = np.argsort(mix(hash_ids(table["id"])), kind="stable")
            table = table.take(pa.array(np.sort(lots[:at_most])))
        self.ids = table["id"].combine_chunks()
        self.domains = table["domain"].combine_chunks()
        self._sorted = _keys(self.ids)
        self._words: pa.ListArray | None = None

    def has(self, ids: pa.ChunkedArray, lang: str) -> np.ndarray:
        """Which ids this side has in one of its languages: all, or those that drew it."""
        codes, draw = self.languages.codes, self.languages.draw
        if not draw:
            return np.ones(len(ids), bool)
        sources = self._sources
        partly = texts.partly_held(
            sources.tables, self.kind, self._collection, codes, sources.split
        )
        return drawn(ids, codes, draw, partly) == lang

    def places(self, ids: pa.Array | pa.ChunkedArray) -> np.ndarray:
        """Where these ids of the side stand among its ids."""
        return np.searchsorted(self._sorted, _keys(ids))

    def texts(self, system: System, places: np.ndarray) -> pa.Array:
        """The texts at some places among the ids, as a system reads them."""
        wanted, which = np.unique(places, return_inverse=True)
        ids = self.ids.take(pa.array(wanted))

        def read(tables: Path, kind: str, collection: str, lang: str, split: str) -> pa.Table:
            table = texts.read_texts(tables, kind, collection, lang, split, ids)
            content = as_read(system, self._sources, table, kind, lang)
            return table.set_column(table.column_names.index("text"), "text", content)

        return self._of_languages(read)["text"].combine_chunks().take(pa.array(which))

    def words(self, words: Callable[[pa.Array, str], pa.ListArray]) -> pa.ListArray:
        """The words of all texts, in order of their ids, by a first stage's ``words``."""
        if self._words is not None:  # queries are ranked against many sides of documents
            return self._words

        def read(tables: Path, kind: str, collection: str, lang: str, split: str) -> pa.Table:
            table = texts.read_texts(tables, kind, collection, lang, split, self.ids)
            found = words(table["text"].combine_chunks(), lang)
            return table.set_column(table.column_names.index("text"), "text", found)

        self._words = self._of_languages(read)["text"].combine_chunks()
        return self._words

    def flawed(self) -> list[str]:
        """The ids whose text is a translation that failed."""
        return self._of_languages(texts.read_flawed)["id"].to_pylist()

    def _of_languages(self, read: Callable[[Path, str, str, str, str], pa.Table]) -> pa.Table:
        """What ``read`` gives of every language, as far as this side has it, in order of ids."""
        parts, sources = [], self._sources
        for lang in self.languages.codes:
            part = read(sources.tables, self.kind, self._collection, lang, sources.split)
            parts.append(part.filter(pa.array(self.has(part["id"], lang))))
        return texts.in_order(pa.concat_tables(parts))


def as_read(system: System, sources: Sources, table: pa.Table, kind: str, lang: str) -> pa.Array:
    """The texts of a kind in one language, in English where the system does that, prefixed."""
    content, ids = table["text"].combine_chunks(), table["id"].combine_chunks()
    if system.translates:
        content = into_english(content, ids, lang, str(sources.translators))
    return prefixed(system.prefixes[kind == "documents"], content)


def _keys(ids: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Ids as runs hold them, to search among; NumPy's strings would lose a NUL at the end."""
    return np.array(trec.encoded(ids).to_pylist(), np.str_)
