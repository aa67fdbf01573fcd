"""The test texts and which of them each setting pairs: MoIR, CLIR and MLIR."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, reduce
from operator import and_
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset

from clir.collections import trec
from clir.experiment import Evaluation
from clir.languages import LANGUAGES, OF_COLLECTIONS
from clir.text.hashing import mix
from clir.text.words import hash_ids


class Setting(NamedTuple):
    """One ranking task on a collection: queries in one language, documents in one.

    A side whose language is ``xx-N-D`` is multilingual: each id has one language, drawn among N,
    in the D-th of several independent draws.
    """

    name: str  # MoIR, CLIR, MLIR-xx-en, MLIR-en-xx or MLIR-xx-xx
    query_lang: str
    doc_lang: str

    @property
    def label(self) -> str:
        return f"{self.query_lang}.{self.doc_lang}"


class Held(NamedTuple):
    """The languages that a collection has documents in, and queries of a split."""

    documents: list[str]
    queries: list[str]


class Partly(NamedTuple):
    """The ids that only some of several languages have: which ones have each of them."""

    ids: pa.Array
    held: np.ndarray  # ids x languages


def settings(held: Held, evaluation: Evaluation) -> Iterator[Setting]:
    """All settings of a collection that holds these languages."""
    for query_lang in _asked(held.queries, evaluation):
        for doc_lang in _asked(held.documents, evaluation):
            yield Setting("MoIR" if query_lang == doc_lang else "CLIR", query_lang, doc_lang)
    for size, languages in _sets(held, evaluation).items():
        many_queries = len(set(languages) & set(held.queries)) > 1
        many_documents = len(set(languages) & set(held.documents)) > 1
        for draw in range(1, evaluation.mlir_draws + 1):
            many = f"xx-{size}-{draw}"
            if many_queries and "en" in held.documents:
                yield Setting("MLIR-xx-en", many, "en")
            if many_documents and "en" in held.queries:
                yield Setting("MLIR-en-xx", "en", many)
            if many_queries and many_documents:
                yield Setting("MLIR-xx-xx", many, many)


def _asked(held: list[str], evaluation: Evaluation) -> list[str]:
    """Those of the languages that MoIR and CLIR ask for."""
    if evaluation.languages is None:
        return held
    return [lang for lang in evaluation.languages if lang in held]


def _sets(held: Held, evaluation: Evaluation) -> dict[str, list[str]]:
    """The sets of languages that MLIR draws from, by their names.

    A collection with languages beyond the fourteen that no set names has one more, of all its
    languages.
    """
    every = [code for code in OF_COLLECTIONS if code in {*held.documents, *held.queries}]
    named = LANGUAGES.keys() | {lang for langs in evaluation.mlir.values() for lang in langs}
    return evaluation.mlir | ({"all": every} if set(every) - named else {})


def read_languages(kind: str, held: Held, evaluation: Evaluation) -> list[str]:
    """The languages of a kind of texts that some setting reads."""
    side = "doc_lang" if kind == "documents" else "query_lang"
    read = {
        code
        for setting in settings(held, evaluation)
        for code in members(getattr(setting, side), kind, held, evaluation)
    }
    return sorted(read)


def members(lang: str, kind: str, held: Held, evaluation: Evaluation) -> list[str]:
    """The languages behind a side's language: itself, or those an ``xx-N-D`` draws from."""
    if not lang.startswith("xx-"):
        return [lang]
    of_kind = held.documents if kind == "documents" else held.queries
    return [code for code in _sets(held, evaluation)[lang.split("-")[1]] if code in of_kind]


def drawn(ids: pa.Array, choices: list[str], draw: int, partly: Partly | None = None) -> np.ndarray:
    """The language of each id, the same in every setting and run: a draw by hash of the id.

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


@lru_cache(maxsize=64)
def partly_held(
    tables: Path, kind: str, collection: str, langs: tuple[str, ...], split: str
) -> Partly:
    """The ids of a kind that only some of these languages have; none where texts are parallel."""
    first, *others = (
        read_ids(tables, kind, collection, lang, split)["id"].combine_chunks() for lang in langs
    )
    if all(ids.equals(first) for ids in others):
        return Partly(first.slice(0, 0), np.empty((0, len(langs)), bool))
    each = [first, *others]
    counts = pc.value_counts(pa.chunked_array(each))  # in one array they may be too long
    ids = counts.field("values").filter(pc.less(counts.field("counts"), len(langs)))
    held = [np.asarray(pc.is_in(ids, value_set=of_lang)) for of_lang in each]
    return Partly(ids, np.stack(held, axis=1))


def read_ids(tables: Path, kind: str, collection: str, lang: str, split: str) -> pa.Table:
    """Ids of one language, as runs sort them, with their domains: columns id, domain.

    Of queries, only those with a judgment in the split: a collection may hold many more.
    """
    id_name = "doc_id" if kind == "documents" else "query_id"
    table = _read(tables, kind, collection, lang, split, [id_name, "domain"])
    return in_order(table.rename_columns(["id", "domain"])).combine_chunks()


def read_texts(tables: Path, kind: str, collection: str, lang: str, split: str) -> pa.Table:
    """As ``read_ids``, with the texts: columns id, domain, text (title in front)."""
    table = _read(tables, kind, collection, lang, split, None)
    id_name = "doc_id" if kind == "documents" else "query_id"
    text = table["text"]
    if kind == "documents":
        text = pc.utf8_trim_whitespace(
            pc.binary_join_element_wise(table["title"], table["text"], " ")
        )
    result = pa.table({"id": table[id_name], "domain": table["domain"], "text": text})
    return in_order(result).combine_chunks()


def in_order(table: pa.Table) -> pa.Table:
    """Rows by their ids ascending, as these are written into runs: ties are broken by that."""
    return table.take(pc.sort_indices(trec.encoded(table["id"])))


@lru_cache(maxsize=256)
def read_flawed(tables: Path, kind: str, collection: str, lang: str, split: str) -> pa.Table:
    """Ids of one language's texts that are failed translations: column id."""
    folder = tables / "flawed_translations"
    data = pyarrow.dataset.dataset(sorted(map(str, folder.glob("*.parquet"))))
    same = {"collection": collection, "kind": kind, "lang": lang}
    wanted = reduce(and_, (pc.field(name) == value for name, value in same.items()))
    return data.to_table(columns=["id"], filter=wanted)


# Small tables stay: every setting reads them again, one that mixes languages all of them.
_kept: dict[tuple, pa.Table] = {}
_SMALL = 2 << 20  # bytes


def _read(
    tables: Path, kind: str, collection: str, lang: str, split: str, columns: list[str] | None
) -> pa.Table:
    key = (tables, kind, collection, lang, split, tuple(columns or ()))
    if key not in _kept:
        table = _read_from_disk(tables, kind, collection, lang, split, columns)
        if table.nbytes > _SMALL:
            return table
        _kept[key] = table
    return _kept[key]


def _read_from_disk(
    tables: Path, kind: str, collection: str, lang: str, split: str, columns: list[str] | None
) -> pa.Table:
    data = pyarrow.dataset.dataset(sorted(map(str, (tables / kind).glob("*.parquet"))))
    wanted = (pc.field("collection") == collection) & (pc.field("lang") == lang)
    if kind == "queries":
        asked = _judgments(tables, collection, split)["query_id"].unique()
        wanted &= pc.field("query_id").isin(asked)
    return data.to_table(columns=columns, filter=wanted)


def read_judgments(tables: Path, collection: str, split: str) -> pd.DataFrame:
    """query_id, doc_id, grade of one split."""
    return _judgments(tables, collection, split).select(["query_id", "doc_id", "grade"]).to_pandas()


def _judgments(tables: Path, collection: str, split: str) -> pa.Table:
    data = pyarrow.dataset.dataset(sorted(map(str, (tables / "judgments").glob("*.parquet"))))
    wanted = (pc.field("collection") == collection) & (pc.field("split") == split)
    return data.to_table(filter=wanted)


@lru_cache(maxsize=64)
def held_languages(tables: Path, collection: str, split: str) -> Held:
    """The languages that a collection has documents in, and queries of the split."""
    documents = pyarrow.dataset.dataset(sorted(map(str, (tables / "documents").glob("*.parquet"))))
    of_collection = pc.field("collection") == collection
    asked = _judgments(tables, collection, split)["query_id"].unique()
    queries = pyarrow.dataset.dataset(sorted(map(str, (tables / "queries").glob("*.parquet"))))
    of_split = of_collection & pc.field("query_id").isin(asked)
    found = (
        {
            lang
            for batch in data.to_batches(columns=["lang"], filter=wanted)
            for lang in batch["lang"].unique().to_pylist()
        }
        for data, wanted in ((documents, of_collection), (queries, of_split))
    )
    return Held(*([code for code in OF_COLLECTIONS if code in langs] for langs in found))
