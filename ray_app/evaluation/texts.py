"""The test texts, their ids and their judgments, as runs sort them."""

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
from clir.languages import OF_COLLECTIONS
from clir.tables import TEXT_IDS, dataset
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
    table = _read((tables, kind, collection, lang, split), (TEXT_IDS[kind], "domain"))
    return in_order(table.rename_columns(["id", "domain"])).combine_chunks()


def read_texts(
    tables: Path, kind: str, collection: str, lang: str, split: str, ids: pa.Array
) -> pa.Table:
    """The texts with these ids: columns id, domain, text (title in front)."""
    return _as_texts(_read((tables, kind, collection, lang, split), ids=ids), kind)


class RowGroup(NamedTuple):
    """A part of a file. It has texts of one language, and may have others."""

    file: Path
    number: int


def row_groups(tables: Path, kind: str, collection: str, lang: str) -> Iterator[RowGroup]:
    """Where the texts of one language are."""
    for piece in _pieces(tables, kind, collection, lang):
        yield RowGroup(Path(piece.path), piece.row_groups[0].id)


def read_row_group(
    part: RowGroup, tables: Path, kind: str, collection: str, lang: str, split: str
) -> pa.Table:
    """The texts of one language in it, as ``read_texts`` gives them."""
    (whole,) = pyarrow.dataset.dataset(str(part.file)).get_fragments()
    wanted = _wanted(tables, kind, collection, lang, split)
    table = whole.subset(row_group_ids=[part.number]).to_table(filter=wanted)
    return _as_texts(table, kind)


def _as_texts(table: pa.Table, kind: str) -> pa.Table:
    text = table["text"]
    if kind == "documents":
        text = pc.utf8_trim_whitespace(
            pc.binary_join_element_wise(table["title"], table["text"], " ")
        )
    result = pa.table({"id": table[TEXT_IDS[kind]], "domain": table["domain"], "text": text})
    return in_order(result).combine_chunks()


def in_order(table: pa.Table) -> pa.Table:
    """Rows by their ids ascending, as these are written into runs: ties are broken by that."""
    return table.take(pc.sort_indices(trec.encoded(table["id"])))


@lru_cache(maxsize=64)
def read_flawed(tables: Path, kind: str, collection: str, lang: str, split: str) -> pa.Table:
    """Ids of one language's texts that are failed translations: column id."""
    data = dataset(tables / "flawed_translations")
    same = {"collection": collection, "kind": kind, "lang": lang}
    wanted = reduce(and_, (pc.field(name) == value for name, value in same.items()))
    return data.to_table(columns=["id"], filter=wanted)


_SMALL = 2 << 20  # bytes
_Place = tuple[Path, str, str, str, str]  # the arguments that all readers here begin with


def _read(place: _Place, columns: tuple[str, ...] = (), ids: pa.Array | None = None) -> pa.Table:
    """Rows of one language, those with some ids only; of a large table, no others are held."""
    tables, kind, collection, lang, _ = place
    of_ids = None if ids is None else pc.field(TEXT_IDS[kind]).isin(ids)
    pieces = _pieces(tables, kind, collection, lang)
    if sum(piece.row_groups[0].total_byte_size for piece in pieces) > _SMALL:
        return _scanned(place, columns, of_ids)
    table = _kept(place, columns)
    return table if of_ids is None else table.filter(of_ids)


def _scanned(
    place: _Place, columns: tuple[str, ...], of_ids: pc.Expression | None = None
) -> pa.Table:
    tables, kind, *_ = place
    wanted = _wanted(*place)
    if of_ids is not None:
        wanted &= of_ids
    return dataset(tables / kind).to_table(columns=list(columns) or None, filter=wanted)


# Small tables stay: every condition reads them again, one that mixes languages all of them.
_kept = lru_cache(maxsize=256)(_scanned)


def _wanted(tables: Path, kind: str, collection: str, lang: str, split: str) -> pc.Expression:
    wanted = _of_language(collection, lang)
    if kind == "queries":
        wanted &= pc.field("query_id").isin(
            _judgments(tables, collection, split)["query_id"].unique()
        )
    return wanted


def _of_language(collection: str, lang: str) -> pc.Expression:
    return (pc.field("collection") == collection) & (pc.field("lang") == lang)


@lru_cache(maxsize=256)
def _pieces(
    tables: Path, kind: str, collection: str, lang: str
) -> list[pyarrow.dataset.ParquetFileFragment]:
    """The row groups that may hold texts of one language, as their files' statistics tell."""
    wanted = _of_language(collection, lang)
    files = dataset(tables / kind).get_fragments()
    return [piece for file in files for piece in file.split_by_row_group(wanted)]


def read_judgments(tables: Path, collection: str, split: str) -> pd.DataFrame:
    """query_id, doc_id, grade of one split."""
    return _judgments(tables, collection, split).select(["query_id", "doc_id", "grade"]).to_pandas()


def _judgments(tables: Path, collection: str, split: str) -> pa.Table:
    wanted = (pc.field("collection") == collection) & (pc.field("split") == split)
    return dataset(tables / "judgments").to_table(filter=wanted)


@lru_cache(maxsize=64)
def held_languages(tables: Path, collection: str, split: str) -> Held:
    """The languages that a collection has documents in, and queries of the split."""
    of_collection = pc.field("collection") == collection
    asked = _judgments(tables, collection, split)["query_id"].unique()
    of_split = of_collection & pc.field("query_id").isin(asked)
    found = (
        {
            lang
            for batch in dataset(tables / kind).to_batches(columns=["lang"], filter=wanted)
            for lang in batch["lang"].unique().to_pylist()
        }
        for kind, wanted in (("documents", of_collection), ("queries", of_split))
    )
    return Held(*([code for code in OF_COLLECTIONS if code in langs] for langs in found))
