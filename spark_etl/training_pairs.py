"""Collections + lexicon -> training pairs of one method, switched, shuffled and sharded."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from clir import manifest, stages, tables
from clir.errors import InputError
from clir.experiment import Experiment, Switching
from clir.retrieval.first_stages import FIRST_STAGES
from clir.switching import rates
from clir.switching.methods import BASELINE, METHODS
from clir.switching.pairs import build_switchers, switch_pairs
from clir.switching.plans import Plan, on_the_fly, pairs_folder, plan
from spark_etl.negatives import (
    candidate_negatives,
    find_candidates,
    hard_candidates,
    random_negatives,
)
from spark_etl.session import Spark, read_table


def build_all(spark: Spark, experiment: Experiment) -> None:
    """Make the training pairs of every method, and the English ones for a teacher to score."""
    teacher = [BASELINE] if experiment.learns_of_teacher else []
    for method in dict.fromkeys([*experiment.methods, *teacher]):
        build(spark, experiment, method)


def build(spark: Spark, experiment: Experiment, method: str) -> Path:
    """Make the training pairs of one method; returns their folder.

    Of a method that is switched on the fly these are the English ones. Its look-up tables are made
    too, and the rates that it reaches are measured.
    """
    chosen = plan(experiment, method)
    if on_the_fly(experiment, method):
        build_switchers(experiment, method)
        english = build(spark, experiment, BASELINE)
        _measure(spark, experiment, method)
        return english
    stage, seed = stages.pairs(experiment, method), experiment.seeds[0]
    given = _given_candidates(spark, experiment)
    if chosen.switches:
        build_switchers(experiment, method)

    def write(out: Path) -> dict[str, Any]:
        pairs = _pairs(spark(), experiment, method, given(), seed)
        pairs = shuffled(pairs, experiment, _sizes(pairs, experiment, method), seed)
        _switched(pairs, experiment, method).write.parquet(str(out / "data"))
        written = read_table(spark(), out / "data")
        labels = F.count("*").alias("pairs"), F.count_if(F.col("label") == 1).alias("positives")
        (plain,) = written.agg(*labels).collect()
        return plain.asDict() | _rates(written, chosen) | _drops(spark(), experiment, method)

    manifest.build(experiment.workspace, *stage, write)
    return stage.folder


def _measure(spark: Spark, experiment: Experiment, method: str) -> None:
    """Leave a manifest in ``switch_rates/METHOD``: the rates reached by one draw over all pairs.

    Training draws anew in every pass, from the same lexicon at the same p.
    """

    def write(_: object) -> dict[str, Any]:
        english = read_table(spark(), pairs_folder(experiment, BASELINE) / "data")
        return _rates(_switched(english, experiment, method), plan(experiment, method))

    manifest.build(experiment.workspace, *stages.switch_rates(experiment, method), write)


def _switched(pairs: DataFrame, experiment: Experiment, method: str) -> DataFrame:
    """``tables.SWITCHED_PAIRS`` of English pairs, by the seed of written pairs."""
    chosen, switchers = plan(experiment, method), str(experiment.workspace.switchers(method))
    switch = _switch(chosen, switchers, experiment.seeds[0])
    return pairs.mapInArrow(switch, from_arrow_schema(tables.SWITCHED_PAIRS))


def _pairs(
    spark: SparkSession,
    experiment: Experiment,
    method: str,
    given: DataFrame | None,
    seed: int,
) -> DataFrame:
    """Positive pairs (and their negatives) in the method's languages: ``tables.PAIRS``."""
    translated = METHODS[method].translated
    query_lang, doc_lang = experiment.switching.pair if translated else ("en", "en")
    table = partial(_training, spark, experiment)
    queries = table("queries").where(F.col("lang") == query_lang)
    documents = table("documents").where(F.col("lang") == doc_lang)
    if translated:
        for_queries, for_documents = _flawed(table("flawed_translations"), query_lang, doc_lang)
        queries = queries.join(for_queries, ["collection", "query_id"], "left_anti")
        documents = documents.join(for_documents, ["collection", "doc_id"], "left_anti")
    passages = documents.select(
        "collection",
        "doc_id",
        F.trim(F.concat_ws(" ", "title", "text")).alias("passage"),
    )
    judged = _judged(table("judgments"), experiment)
    positives = judged.join(
        queries.select("collection", "domain", "query_id", F.col("text").alias("query")),
        ["collection", "query_id"],
    ).select("collection", "domain", "query_id", "doc_id", "query")
    if experiment.switching.title_pairs and not translated:
        titled = documents.where("length(title) > 3").select(
            "collection",
            "domain",
            F.concat(F.lit("title of "), "doc_id").alias("query_id"),
            "doc_id",
            F.col("title").alias("query"),
        )
        positives = positives.unionByName(titled)
        # The title is the query here; as part of the passage it would give the answer away.
        bare = documents.select("collection", "doc_id", F.col("text").alias("bare"))
        passages = passages.join(bare, ["collection", "doc_id"])
    pairs = positives.withColumn("label", F.lit(1))
    if experiment.switching.negatives:
        wrong = _negatives(positives, passages, judged, given, experiment.switching, seed)
        pairs = pairs.unionByName(wrong.withColumn("label", F.lit(0)))
    pairs = pairs.join(passages, ["collection", "doc_id"])
    if experiment.switching.title_pairs and not translated:
        is_title = F.col("query_id").startswith("title of ")
        pairs = pairs.withColumn(
            "passage", F.when(is_title, F.col("bare")).otherwise(F.col("passage"))
        )
    return pairs.select(
        F.concat_ws("/", "collection", "query_id", "doc_id").alias("pair_id"),
        "collection",
        "domain",
        "query_id",
        "doc_id",
        F.lit(query_lang).alias("query_lang"),
        F.lit(doc_lang).alias("doc_lang"),
        "query",
        "passage",
        "label",
        F.lit(None).cast("double").alias("score"),
    )


def _training(spark: SparkSession, experiment: Experiment, kind: str) -> DataFrame:
    """A table of the training collections."""
    names = [c.id for c in experiment.collections.train]
    table = read_table(spark, experiment.workspace.collections / kind)
    return table.where(F.col("collection").isin(names))


def _judged(judgments: DataFrame, experiment: Experiment) -> DataFrame:
    """Those of the training split that say a passage answers."""
    return judgments.where(
        (F.col("split") == experiment.collections.train_split) & (F.col("grade") > 0)
    )


def _flawed(flawed: DataFrame, query_lang: str, doc_lang: str) -> tuple[DataFrame, DataFrame]:
    """The queries and the documents that are translations that failed, in these languages."""
    sides = (("queries", query_lang, "query_id"), ("documents", doc_lang, "doc_id"))
    queries, documents = (
        flawed.where((F.col("kind") == kind) & (F.col("lang") == lang)).select(
            "collection", F.col("id").alias(key)
        )
        for kind, lang, key in sides
    )
    return queries, documents


def _drops(spark: SparkSession, experiment: Experiment, method: str) -> dict[str, int]:
    """Judged pairs that became no training pairs, by reason."""
    if not METHODS[method].translated:
        return {}
    table = partial(_training, spark, experiment)
    judged = _judged(table("judgments"), experiment)
    queries, documents = _flawed(table("flawed_translations"), *experiment.switching.pair)
    by_query = judged.join(queries, ["collection", "query_id"], "left_semi")
    by_document = judged.join(documents, ["collection", "doc_id"], "left_semi")
    failed = by_query.union(by_document).distinct().count()
    return {"dropped: translation that failed": failed}


def _negatives(
    positives: DataFrame,
    passages: DataFrame,
    judged: DataFrame,
    given: DataFrame | None,
    settings: Switching,
    seed: int,
) -> DataFrame:
    """Wrong passages of the positives' queries, from ``given`` candidates or random ones."""
    if given is None:
        found = random_negatives(positives, passages, settings.negatives, seed)
    else:
        if settings.negatives_from in FIRST_STAGES:
            given = hard_candidates(given, judged, settings)
        found = candidate_negatives(positives, given, judged, settings.negatives, seed)
    found = found.drop("doc_id").withColumnRenamed("negative", "doc_id")
    return found.join(judged, ["collection", "query_id", "doc_id"], "left_anti").distinct()


def _given_candidates(spark: Spark, experiment: Experiment) -> Callable[[], DataFrame | None]:
    """What negatives are drawn from besides whole collections."""
    settings = experiment.switching
    if not settings.negatives or settings.negatives_from == "random":
        return lambda: None
    if stages.uses_candidates(experiment):
        folder = find_candidates(spark, experiment)
        return lambda: read_table(spark(), folder / "data")

    def read() -> DataFrame:
        table = _training(spark(), experiment, "candidates").where(
            F.col("split") == experiment.collections.train_split
        )
        if table.isEmpty():
            raise InputError(
                "switching.negatives_from is collection, but no training collection has any for "
                f"split {experiment.collections.train_split}: use random or a first stage"
            )
        return table

    return read


def _sizes(pairs: DataFrame, experiment: Experiment, method: str) -> dict[str, int]:
    """Positive pairs of each domain; InputError where there are none."""
    rows = pairs.where("label = 1").groupBy("domain").count().collect()
    if not rows:
        raise InputError(
            f"{method}: the training collections have no pairs "
            f"(split {experiment.collections.train_split})"
        )
    return {row["domain"]: row["count"] for row in rows}


def shuffled(
    pairs: DataFrame, experiment: Experiment, sizes: dict[str, int], seed: int
) -> DataFrame:
    """``copies`` passes over the pairs, each in an order of its own, as even shards.

    A pass holds every pair once, so a batch does not meet a pair twice. A query's pairs of a pass
    stand together in one shard, its positives before its negatives. Where domains are mixed by
    other shares than their own, each has as many passes as make that share; of a broken number, the
    rest is a part of its queries.
    """
    passes = passes_over_domains(sizes, experiment.switching)
    chances = F.create_map(*(F.lit(x) for pair in passes.items() for x in pair))[F.col("domain")]
    lot = F.expr(f"pmod(xxhash64(collection, query_id, {seed}), 1000000) / 1000000")
    copies = (
        pairs.withColumn("copies", F.floor(chances + lot).cast("int"))
        .where("copies > 0")
        .withColumn("copy", F.explode(F.sequence(F.lit(1), F.col("copies"))))
        .withColumn("place", F.expr(f"xxhash64(collection, query_id, copy, {seed})"))
    )
    order: list[Column | str] = ["copy", "place", "query_id", F.desc("label"), "doc_id"]
    return (
        copies.repartitionByRange(experiment.spark.shuffle_partitions, "copy", "place")
        .sortWithinPartitions(*order)
        .withColumn("pair_id", F.concat_ws("#", "pair_id", "copy"))
        .select(*tables.PAIRS.names)
    )


def passes_over_domains(sizes: dict[str, int], settings: Switching) -> dict[str, float]:
    """Passes over each domain that give it its share, as many pairs in all as ``copies`` passes."""
    weights = settings.domain_weights or {
        domain: size ** (1 / settings.domain_temperature) for domain, size in sizes.items()
    }
    if missing := sorted(set(sizes) - set(weights)):
        raise InputError(f"switching.domain_weights: no weight for {', '.join(missing)}")
    whole = sum(weights[domain] for domain in sizes)
    if not whole:
        raise InputError("switching.domain_weights: no domain has a weight above 0")
    total = settings.copies * sum(sizes.values())
    return {
        domain: round(total * weights[domain] / whole / size, 6) for domain, size in sizes.items()
    }


def _switch(
    plan: Plan, switchers: str, seed: int
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield switch_pairs(batch, plan, switchers, seed)

    return run


def _rates(pairs: DataFrame, chosen: Plan) -> dict[str, Any]:
    """Words, and (``switched``) the share of them that went into each language."""

    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield rates.count(batch, chosen)

    columns = from_arrow_schema(rates.COUNTS)
    counted = pairs.select(*rates.COLUMNS).mapInArrow(count, columns)
    summed = counted.groupBy(*rates.KEYS).agg(F.sum("words").alias("words"))
    return rates.summary(row.asDict() for row in summed.collect())
