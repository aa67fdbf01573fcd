"""What is ranked: MoIR, CLIR and MLIR, each with its languages of queries and of documents."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clir.experiment import Evaluation
from clir.text.hashing import mix
from clir.text.words import hash_ids


class Languages(NamedTuple):
    """The languages of a condition's queries, or of its documents.

    One, or several of which each id has one: drawn by hash of the id, in one of several
    independent draws.
    """

    label: str  # de; or xx-14-2, the second draw among fourteen
    codes: tuple[str, ...]
    draw: int = 0  # from 1 on, where there are several


class Condition(NamedTuple):
    """What is ranked on a collection: queries in a language, documents in it or another one."""

    name: str  # MoIR, CLIR, MLIR-xx-en, MLIR-en-xx or MLIR-xx-xx
    queries: Languages
    documents: Languages

    @property
    def label(self) -> str:
        return f"{self.queries.label}.{self.documents.label}"

    @property
    def languages(self) -> int:
        """How many languages are drawn among; 1 where none are."""
        return max(len(self.queries.codes), len(self.documents.codes))

    @property
    def draw(self) -> int:
        """The number of the draw; 0 where none is made."""
        return max(self.queries.draw, self.documents.draw)


class Held(NamedTuple):
    """The languages that a collection has documents in, and queries of a split."""

    documents: list[str]
    queries: list[str]


class Partly(NamedTuple):
    """The ids that only some of several languages have: which ones have each of them."""

    ids: pa.Array
    held: np.ndarray  # ids x languages


def conditions(held: Held, evaluation: Evaluation) -> Iterator[Condition]:
    """All conditions of a collection that holds these languages."""
    for query_lang in _asked(held.queries, evaluation):
        for doc_lang in _asked(held.documents, evaluation):
            name = "MoIR" if query_lang == doc_lang else "CLIR"
            yield Condition(name, _one(query_lang), _one(doc_lang))
    for name, languages in evaluation.mixed({*held.documents, *held.queries}).items():
        of_queries, of_documents = (
            tuple(code for code in languages if code in codes)
            for codes in (held.queries, held.documents)
        )
        for draw in range(1, evaluation.mlir_draws + 1):
            label = f"xx-{name}-{draw}"
            queries = Languages(label, of_queries, draw)
            documents = Languages(label, of_documents, draw)
            if len(of_queries) > 1 and "en" in held.documents:
                yield Condition("MLIR-xx-en", queries, _one("en"))
            if len(of_documents) > 1 and "en" in held.queries:
                yield Condition("MLIR-en-xx", _one("en"), documents)
            if len(of_queries) > 1 and len(of_documents) > 1:
                yield Condition("MLIR-xx-xx", queries, documents)


def read_languages(kind: str, held: Held, evaluation: Evaluation) -> list[str]:
    """The languages of a kind of texts (documents, queries) that some condition reads."""
    found = conditions(held, evaluation)
    return sorted({code for condition in found for code in getattr(condition, kind).codes})


def drawn(
    ids: pa.Array, choices: Sequence[str], draw: int, partly: Partly | None = None
) -> np.ndarray:
    """The language of each id, the same in every condition and run: a draw by hash of the id.

    It is one of those that have the id: all choices, but for the ids in ``partly``.
    """
    key = mix(hash_ids(ids) ^ mix(np.uint64(draw)))
    choice = (key % np.uint64(len(choices))).astype(np.int64)
    if partly is not None and len(partly.ids):
        place = pc.index_in(ids, value_set=partly.ids)
        few = np.asarray(place.is_valid())
        held = partly.held[place.drop_null().to_numpy()]
        nth = (key[few] % held.sum(axis=1).astype(np.uint64)).astype(np.int64)
        choice[few] = (held.cumsum(axis=1) > nth[:, None]).argmax(axis=1)
    return np.array(choices)[choice]


def _one(lang: str) -> Languages:
    return Languages(lang, (lang,))


def _asked(held: list[str], evaluation: Evaluation) -> list[str]:
    """Those of the languages that MoIR and CLIR ask for."""
    if evaluation.languages is None:
        return held
    return [lang for lang in evaluation.languages if lang in held]
