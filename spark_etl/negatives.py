"""Passages that do not answer: random ones, BM25's best, or given candidates, without a judgment.

Every draw is decided by a hash of (query, passage, seed), so the same negatives come out whatever
the number of partitions.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from clir import manifest, stages, tables
from clir.experiment import Experiment
from clir.retrieval import bm25
from spark_etl.session import Spark, one_task_each, read_table

_BUCKETS = 1024  # that a collection's passages are numbered in, side by side
_QUERIES = 2048  # looked up by one task
_KEYS = ["collection", "query_id", "doc_id"]


def random_negatives(positives: DataFrame, passages: DataFrame, count: int, seed: int) -> DataFrame:
    """``count`` random passages of the same collection for each positive: it, and ``negative``.

    ``positives`` has collection, query_id and doc_id, ``passages`` collection and doc_id. One
    passage may be drawn twice.
    """
    numbered = _numbered(passages)
    sizes = numbered.groupBy("collection").agg(F.max("number").alias("last"))
    draws = (
        positives.join(F.broadcast(sizes), "collection")
        .withColumn("draw", F.explode(F.sequence(F.lit(1), F.lit(count))))
        .withColumn("number", F.expr(f"pmod(xxhash64(query_id, doc_id, draw, {seed}), last + 1)"))
    )
    found = numbered.withColumnRenamed("doc_id", "negative")
    return draws.join(found, ["collection", "number"]).drop("draw", "last", "number")


def _numbered(passages: DataFrame) -> DataFrame:
    """collection, doc_id, number: from 0 in each collection, in a fixed order, by many tasks."""
    bucketed = passages.select(
        "collection", "doc_id", F.expr(f"pmod(xxhash64(doc_id), {_BUCKETS})").alias("bucket")
    )
    sizes = bucketed.groupBy("collection", "bucket").agg(F.count("*").alias("size"))
    before = Window.partitionBy("collection").orderBy("bucket")
    offsets = sizes.select(
        "collection", "bucket", (F.sum("size").over(before) - F.col("size")).alias("offset")
    )
    within = Window.partitionBy("collection", "bucket").orderBy("doc_id")
    return (
        bucketed.withColumn("within", F.row_number().over(within) - 1)
        .join(F.broadcast(offsets), ["collection", "bucket"])
        .select("collection", "doc_id", (F.col("offset") + F.col("within")).alias("number"))
    )


def candidate_negatives(
    positives: DataFrame, candidates: DataFrame, judged: DataFrame, count: int, seed: int
) -> DataFrame:
    """Up to ``count`` of a query's candidates for each of its positives: it, and ``negative``.

    ``candidates`` and ``judged`` have collection, query_id and doc_id; judged ones are no
    negatives.
    """
    wrong = candidates.select(*_KEYS).distinct().join(judged, _KEYS, "left_anti")
    drawn = Window.partitionBy(*_KEYS).orderBy("place", "negative")
    return (
        positives.join(wrong.withColumnRenamed("doc_id", "negative"), ["collection", "query_id"])
        .withColumn("place", F.expr(f"xxhash64(query_id, doc_id, negative, {seed})"))
        .withColumn("drawn", F.row_number().over(drawn))
        .where(F.col("drawn") <= count)
        .drop("place", "drawn")
    )


def bm25_candidates(spark: Spark, experiment: Experiment, collections: Path) -> Path:
    """Make ``tables.CANDIDATES`` of all English training queries, by BM25; their folder.

    One task indexes a collection, which it holds in memory; any number of tasks look queries up in
    the index, which is mapped into memory from its files.
    """
    stage = stages.training_candidates(experiment)
    names = [collection.id for collection in experiment.collections.train]
    split, depth = experiment.collections.train_split, experiment.switching.negatives_depth

    def write(out: Path) -> dict[str, int]:
        session, work = spark(), out / "work"
        judged = read_table(session, collections / "judgments")
        asked = judged.where((F.col("split") == split) & F.col("collection").isin(names))
        queries = read_table(session, collections / "queries").where("lang = 'en'")
        queries = queries.join(asked, ["collection", "query_id"], "left_semi")
        # Folders are called by a collection's number: its name may mean something in a path.
        numbers = F.array_position(F.array(*map(F.lit, names)), F.col("collection"))
        queries.select("collection", numbers.alias("number"), "query_id", "text").orderBy(
            "collection", "query_id"
        ).write.partitionBy("number").parquet(str(work / "queries"))
        sizes = queries.groupBy("collection", numbers.alias("number")).count().collect()
        columns = "collection string, number long"
        table = one_task_each(session, [(row[0], row["number"]) for row in sizes], columns)
        table.mapInArrow(_indexer(collections, work), columns).count()
        blocks = [
            (row[0], row["number"], at) for row in sizes for at in range(0, row["count"], _QUERIES)
        ]
        found = one_task_each(session, blocks, f"{columns}, first long").mapInArrow(
            _searcher(work, split, depth), from_arrow_schema(tables.CANDIDATES)
        )
        found.write.parquet(str(out / "data"))
        shutil.rmtree(work)
        return {"candidates": read_table(session, out / "data").count()}

    manifest.build(experiment.workspace, *stage, write)
    return stage.folder


def _indexer(
    collections: Path, work: Path
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """A task per collection: index its English documents."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for name, number in zip(*map(pa.Array.to_pylist, batch.columns), strict=True):
                data = pyarrow.dataset.dataset(str(collections / "documents"), format="parquet")
                wanted = (pc.field("collection") == name) & (pc.field("lang") == "en")
                documents = data.to_table(columns=["doc_id", "title", "text"], filter=wanted)
                documents = documents.sort_by("doc_id")
                texts = pc.binary_join_element_wise(documents["title"], documents["text"], " ")
                index = work / "index" / str(number)
                bm25.save_index(texts, index)
                pq.write_table(documents.select(["doc_id"]), index.with_suffix(".parquet"))
            yield batch

    return run


def _searcher(
    work: Path, split: str, depth: int
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """A task per block of a collection's queries: look them up."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for block in batch.to_pylist():
                yield from _found(work, split, depth, **block).to_batches()

    return run


def _found(
    work: Path, split: str, depth: int, collection: str, number: int, first: int
) -> pa.Table:
    """``tables.CANDIDATES`` of the queries from number ``first`` on."""
    index = work / "index" / str(number)
    files = sorted((work / "queries" / f"number={number}").glob("*.parquet"))
    queries = pyarrow.dataset.dataset(files).to_table(columns=["query_id", "text"])
    queries = queries.slice(first, _QUERIES)
    documents = pq.read_table(index.with_suffix(".parquet"))["doc_id"]
    rows, scores = bm25.best(index, queries["text"], depth)
    count = rows.size
    columns = {
        "collection": pa.repeat(collection, count),
        "split": pa.repeat(split, count),
        "query_id": queries["query_id"].take(pa.array(np.arange(len(rows)).repeat(rows.shape[1]))),
        "doc_id": documents.take(pa.array(rows.ravel())),
        "rank": pa.array(np.tile(np.arange(1, rows.shape[1] + 1), len(rows))),
        "score": pa.array(scores.ravel()),
        "source": pa.repeat("bm25", count),
    }
    return pa.table({field.name: columns[field.name] for field in tables.CANDIDATES}).cast(
        tables.CANDIDATES
    )
