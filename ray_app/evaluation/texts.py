"""The test texts, their ids and their judgments, as runs sort them."""

from __future__ import annotations

from functools import lru_cache, reduce
from operator import and_
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset

from clir.collections import trec
from clir.languages import OF_COLLECTIONS
from ray_app.evaluation.conditions import Held, Partly


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


@lru_cache(maxsize=64)
def read_flawed(tables: Path, kind: str, collection: str, lang: str, split: str) -> pa.Table:
    """Ids of one language's texts that are failed translations: column id."""
    folder = tables / "flawed_translations"
    data = pyarrow.dataset.dataset(sorted(map(str, folder.glob("*.parquet"))))
    same = {"collection": collection, "kind": kind, "lang": lang}
    wanted = reduce(and_, (pc.field(name) == value for name, value in same.items()))
    return data.to_table(columns=["id"], filter=wanted)


# Small tables stay: every condition reads them again, one that mixes languages all of them.
_kept: dict[tuple, pa.Table] = {}
_SMALL, _MOST = 2 << 20, 256  # bytes, tables


def _read(
    tables: Path, kind: str, collection: str, lang: str, split: str, columns: list[str] | None
) -> pa.Table:
    key = (tables, kind, collection, lang, split, tuple(columns or ()))
    if key not in _kept:
        table = _read_from_disk(tables, kind, collection, lang, split, columns)
        if table.nbytes > _SMALL:
            return table
        if len(_kept) >= _MOST:
            _kept.clear()
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
