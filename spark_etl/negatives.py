"""Passages that do not answer: random ones or candidates, without a judgment.

Every draw is decided by a hash of (query, passage, seed), so the same negatives come out whatever
the number of partitions.
"""

import shutil
from pathlib import Path

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from clir import manifest, stages
from clir.experiment import Experiment, Switching
from clir.retrieval.candidates import Search
from spark_etl.session import Spark, run_each

_BUCKETS = 1024  # that a collection's passages are numbered in, side by side
_KEYS = ["collection", "query_id", "doc_id"]


def random_negatives(positives: DataFrame, passages: DataFrame, count: int, seed: int) -> DataFrame:
    """``count`` random passages of the same collection for each positive: it, and ``negative``.

    ``positives`` has collection, query_id and doc_id, ``passages`` collection and doc_id. One
    passage may be drawn twice.
    """
    numbered = number_passages(passages)
    sizes = numbered.groupBy("collection").agg(F.max("number").alias("last"))
    draws = (
        positives.join(F.broadcast(sizes), "collection")
        .withColumn("draw", F.explode(F.sequence(F.lit(1), F.lit(count))))
        .withColumn("number", F.expr(f"pmod(xxhash64(query_id, doc_id, draw, {seed}), last + 1)"))
    )
    found = numbered.withColumnRenamed("doc_id", "negative")
    return draws.join(found, ["collection", "number"]).drop("draw", "last", "number")


def number_passages(passages: DataFrame) -> DataFrame:
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


def hard_candidates(candidates: DataFrame, judged: DataFrame, settings: Switching) -> DataFrame:
    """Those of a first stage's candidates that may be drawn, by their ranks and scores.

    ``judged`` has collection, query_id and doc_id of right passages.
    """
    hard = candidates.where(F.col("rank") > settings.negatives_skip)
    if settings.negatives_below is None:
        return hard
    right = candidates.join(judged.select(*_KEYS).distinct(), _KEYS)
    best = right.groupBy("collection", "query_id").agg(F.max("score").alias("best"))
    bound = F.col("best") * F.lit(settings.negatives_below)
    hard = hard.join(best, ["collection", "query_id"], "left")
    return hard.where(F.col("best").isNull() | (F.col("score") <= bound)).drop("best")


def find_candidates(spark: Spark, experiment: Experiment) -> Path:
    """Make ``tables.CANDIDATES`` of all English training queries, by a first stage; their folder.

    One task indexes a collection; any number of tasks look queries up in its index.
    """
    stage, collections = stages.training_candidates(experiment), experiment.workspace.collections
    names, split = stage.settings["names"], stage.settings["split"]

    def write(out: Path) -> dict[str, int]:
        work = out / "work"
        first_stages = [
            # Folders are called by a collection's number: its name may mean something in a path.
            Search(stage.settings["from"], collections, name, split, "en", work / str(number))
            for number, name in enumerate(names)
        ]
        blocks = run_each(spark(), first_stages, Search.index)
        asked = [
            (one, block, stage.settings["depth"], out / "data" / f"{number:04}.{block:06}.parquet")
            for number, one in enumerate(first_stages)
            for block in range(blocks[number])
        ]
        found = run_each(spark(), asked, lambda one: Search.write(*one))
        shutil.rmtree(work)
        return {"candidates": sum(found)}

    manifest.build(experiment.workspace, *stage, write)
    return stage.folder
