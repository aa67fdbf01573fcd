"""Parallel texts -> which translations failed, so that scores can be told without them.

A translation is held against the English text of the same id. Only signs of the texts travel (a
length, two flags), and only what is flawed is kept.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from clir import tables
from clir.collections.translation_quality import LONG_SOURCE, SIGNS, flaws, signs
from spark_etl.session import read_table

_TEXT = ["collection", "kind", "lang", "id"]
_SIGNED = pa.schema([*((name, pa.string()) for name in _TEXT), *SIGNS])


def write(spark: SparkSession, folder: Path) -> DataFrame:
    """Find the flawed ones among a folder's documents and queries: ``tables.FLAWED``, beside."""
    staging = folder / "signs"
    _texts(spark, folder).mapInArrow(_signs, from_arrow_schema(_SIGNED)).write.parquet(str(staging))
    signed = read_table(spark, staging)
    found = _against_english(signed).mapInArrow(_flaws, from_arrow_schema(tables.FLAWED))
    found.orderBy(*_TEXT).write.parquet(str(folder / "flawed_translations"))
    shutil.rmtree(staging)
    return read_table(spark, folder / "flawed_translations")


def _texts(spark: SparkSession, folder: Path) -> DataFrame:
    """Documents and queries alike: collection, kind, lang, id, text."""
    documents, queries = (read_table(spark, folder / kind) for kind in tables.TEXT_IDS)
    return documents.selectExpr(
        "collection", "'documents' as kind", "lang", "doc_id as id",
        "concat_ws(' ', title, text) as text",
    ).unionByName(
        queries.selectExpr("collection", "'queries' as kind", "lang", "query_id as id", "text")
    )  # fmt: skip


def _signs(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for lang in batch["lang"].unique().to_pylist():
            part = batch.filter(pc.equal(batch["lang"], lang))
            found = signs(part["text"], lang)
            columns = [part[name] for name in _TEXT] + found.columns
            yield pa.RecordBatch.from_arrays(columns, schema=_SIGNED)


def _against_english(signed: DataFrame) -> DataFrame:
    """Every translation's signs, its source's, and how long translations like it usually are."""
    source = [F.col(name).alias(f"source_{name}") for name in SIGNS.names]
    english = signed.where("lang = 'en'").select("collection", "kind", "id", *source)
    pairs = signed.where("lang != 'en'").join(english, ["collection", "kind", "id"])
    # An exact median, and the same however the rows lie; rounded, it counts few distinct values.
    usual = (
        pairs.where(F.col("source_length") >= LONG_SOURCE)
        .groupBy("collection", "kind", "lang")
        .agg(F.median(F.round(F.col("length") / F.col("source_length"), 2)).alias("usual"))
    )
    return pairs.join(F.broadcast(usual), ["collection", "kind", "lang"], "left")


def _flaws(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        own = batch.select(SIGNS.names)
        source = batch.select([f"source_{name}" for name in SIGNS.names])
        found = flaws(own, source.rename_columns(SIGNS.names), batch["usual"])
        table = batch.select(_TEXT).append_column("flaw", found)
        yield table.filter(pc.is_valid(found))
