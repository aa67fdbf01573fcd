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

from clir.errors import InputError
from clir.experiment import Evaluation
from clir.words import hash_ids, mix


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


def settings(held: list[str], evaluation: Evaluation) -> Iterator[Setting]:
    """All settings of a collection that holds these languages."""
    asked = [lang for lang in evaluation.languages if lang in held]
    for query_lang in asked:
        for doc_lang in asked:
            yield Setting("MoIR" if query_lang == doc_lang else "CLIR", query_lang, doc_lang)
    for size, languages in evaluation.mlir.items():
        if "en" not in held or len(set(languages) & set(held)) < 2:
            continue
        for draw in range(1, evaluation.mlir_draws + 1):
            many = f"xx-{size}-{draw}"
            yield Setting("MLIR-xx-en", many, "en")
            yield Setting("MLIR-en-xx", "en", many)
            yield Setting("MLIR-xx-xx", many, many)


def members(lang: str, held: list[str], evaluation: Evaluation) -> list[str]:
    """The languages behind a side's language: itself, or those an ``xx-N-D`` draws from."""
    if not lang.startswith("xx-"):
        return [lang]
    return [code for code in evaluation.mlir[lang.split("-")[1]] if code in held]


def drawn(ids: pa.Array, choices: list[str], draw: int) -> np.ndarray:
    """The language of each id, the same in every setting and run: a draw by hash of the id."""
    key = mix(hash_ids(ids) ^ mix(np.uint64(draw)))
    return np.array(choices)[(key % np.uint64(len(choices))).astype(np.int64)]


def read_ids(tables: Path, kind: str, collection: str, lang: str, split: str) -> pa.Table:
    """Ids (ascending) of one language, with their domains: columns id, domain.

    Of queries, only those with a judgment in the split: a collection may hold many more.
    """
    id_name = "doc_id" if kind == "documents" else "query_id"
    table = _read(tables, kind, collection, lang, split, [id_name, "domain"])
    return table.rename_columns(["id", "domain"]).sort_by("id").combine_chunks()


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
    return result.sort_by("id").combine_chunks()


@lru_cache(maxsize=256)
def read_flawed(tables: Path, kind: str, collection: str, lang: str, split: str) -> pa.Table:
    """Ids of one language's texts that are failed translations: column id."""
    folder = tables / "flawed_translations"
    if not folder.exists():
        raise InputError(f"{tables}: made by an older version; run jobs/load_collections.py again")
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
def held_languages(tables: Path, collection: str) -> list[str]:
    """The languages a collection has documents in."""
    data = pyarrow.dataset.dataset(sorted(map(str, (tables / "documents").glob("*.parquet"))))
    langs = data.to_table(columns=["lang"], filter=pc.field("collection") == collection)["lang"]
    return sorted(langs.unique().to_pylist())
