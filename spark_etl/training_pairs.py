"""Collections + lexicon -> training pairs of one method, switched, shuffled and sharded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.dataset
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from clir import lexicon as lexicons
from clir import manifest, tables
from clir.errors import InputError
from clir.experiment import Experiment
from clir.switching import MAX_TITLE_WORDS, Switcher
from clir.words import count_words
from spark_etl.session import Spark

_SWITCHED = (
    "pair_id string, collection string, domain string, query_id string, doc_id string, "
    "query_lang string, doc_lang string, query string, passage string, label int, "
    "method string, probability double, seed long, query_words int, query_switched int, "
    "passage_words int, passage_switched int"
)


class Plan(NamedTuple):
    """How one method switches: the languages of each side, and what is replaced how often."""

    method: str
    query_languages: tuple[str, ...]  # empty: this side is left alone
    passage_languages: tuple[str, ...]
    probability: float
    origins: tuple[str, ...]  # the chain of lexicons asked
    phrases: bool  # phrases of up to three words, language drawn per text; else words
    translations: int


def plan(experiment: Experiment, method: str) -> Plan:
    """The plan of a trained method, from the experiment."""
    switching, lexicon = experiment.switching, experiment.lexicons
    words, phrases = tuple(lexicon.words), tuple(lexicon.phrases)
    seen, translations = tuple(switching.languages), lexicon.translations
    if method == "bl-cs":
        query, passage = switching.pair
        left = [(lang,) if lang != "en" else () for lang in (query, passage)]
        return Plan(method, *left, switching.probability, words, False, translations)
    if method == "ml-cs":
        return Plan(method, seen, seen, switching.probability, words, False, translations)
    if method == "wiki-cs":
        share = switching.phrase_probability
        return Plan(method, seen, seen, share, phrases, True, translations)
    return Plan(method, (), (), 0.0, (), False, translations)


def build(
    spark: Spark, experiment: Experiment, method: str, collections: Path, lexicon: Path
) -> Path:
    """Make the training pairs of one method; returns their folder."""
    folder = experiment.output / "pairs" / method
    chosen = plan(experiment, method)
    seed = experiment.seeds[0]
    settings = {
        "plan": chosen._asdict(),
        "switching": experiment.switching.model_dump(),
        "train": [c.path.name for c in experiment.collections.train],
        "split": experiment.collections.train_split,
        "seed": seed,
    }

    def write(out: Path) -> dict[str, int]:
        pairs = shuffled(_pairs(spark(), experiment, method, collections, seed), experiment, seed)
        switched = pairs.mapInArrow(_switch(chosen, str(lexicon / "data"), seed), _SWITCHED)
        switched.write.parquet(str(out / "data"))
        counts = _counts(spark().read.parquet(str(out / "data")))
        if not counts["pairs"]:
            raise InputError(
                f"{method}: the training collections have no pairs "
                f"(split {experiment.collections.train_split})"
            )
        return counts

    manifest.build(folder, [collections, lexicon], settings, write)
    return folder


def _pairs(
    spark: SparkSession, experiment: Experiment, method: str, collections: Path, seed: int
) -> DataFrame:
    """Positive pairs (and their negatives) in the method's languages: ``tables.PAIRS``."""
    names = [c.path.name for c in experiment.collections.train]
    translated = method == "fine-tuning"
    query_lang, doc_lang = experiment.switching.pair if translated else ("en", "en")

    def table(kind: str) -> DataFrame:
        return spark.read.parquet(str(collections / kind)).where(F.col("collection").isin(names))

    queries = table("queries").where(F.col("lang") == query_lang)
    documents = table("documents").where(F.col("lang") == doc_lang)
    passages = documents.select(
        "collection",
        "doc_id",
        F.trim(F.concat_ws(" ", "title", "text")).alias("passage"),
    )
    judged = table("judgments").where(
        (F.col("split") == experiment.collections.train_split) & (F.col("grade") > 0)
    )
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
        pairs = pairs.unionByName(
            _negatives(positives, passages, judged, experiment.switching.negatives, seed)
        )
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
    )


def _negatives(
    positives: DataFrame, passages: DataFrame, judged: DataFrame, count: int, seed: int
) -> DataFrame:
    """``count`` random unjudged passages of the same collection for each positive."""
    numbered = passages.select("collection", "doc_id").withColumn(
        "number",
        F.expr("row_number() over (partition by collection order by doc_id) - 1"),
    )
    sizes = numbered.groupBy("collection").agg(F.count("*").alias("size"))
    draws = (
        positives.join(F.broadcast(sizes), "collection")
        .withColumn("draw", F.explode(F.sequence(F.lit(1), F.lit(count))))
        .withColumn(
            "number", F.expr(f"pmod(xxhash64(query_id, doc_id, draw, {seed}), size)").cast("int")
        )
        .drop("doc_id")
    )
    return (
        draws.join(numbered, ["collection", "number"])
        .join(judged, ["collection", "query_id", "doc_id"], "left_anti")
        .select("collection", "domain", "query_id", "doc_id", "query", F.lit(0).alias("label"))
        .distinct()
    )


def shuffled(pairs: DataFrame, experiment: Experiment, seed: int) -> DataFrame:
    """``copies`` passes over the pairs, each in an order of its own, as even shards.

    A pass holds every pair once, so a batch does not meet a pair twice, and a query's negatives
    follow its positive.
    """
    copies = pairs.withColumn(
        "copy", F.explode(F.sequence(F.lit(1), F.lit(experiment.switching.copies)))
    ).withColumn("place", F.expr(f"xxhash64(collection, query_id, copy, {seed})"))
    order = ["copy", "place", "query_id", F.desc("label"), "doc_id"]
    return (
        copies.repartitionByRange(experiment.spark.shuffle_partitions, "copy", "place")
        .sortWithinPartitions(*order)
        .withColumn("pair_id", F.concat_ws("#", "pair_id", "copy"))
        .select(*tables.PAIRS.names)
    )


def _switch(
    plan: Plan, lexicon: str, seed: int
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield switch_batch(batch, plan, lexicon, seed)

    return run


def switch_batch(batch: pa.RecordBatch, plan: Plan, lexicon: str, seed: int) -> pa.RecordBatch:
    """A batch of ``tables.PAIRS`` as one of ``tables.SWITCHED_PAIRS``."""
    columns = {name: batch[name] for name in tables.PAIRS.names}
    for side, languages in (("query", plan.query_languages), ("passage", plan.passage_languages)):
        if languages:
            done = switcher(lexicon, plan, languages).switch(
                batch[side], batch["pair_id"], side, plan.probability, seed, per_text=plan.phrases
            )
            columns[side], words, switched = done.texts, done.words, done.switched
        else:
            words = count_words(batch[side])
            switched = words * 0
        columns[f"{side}_words"], columns[f"{side}_switched"] = words, switched
    columns["method"] = pa.repeat(plan.method, batch.num_rows)
    columns["probability"] = pa.repeat(plan.probability, batch.num_rows)
    columns["seed"] = pa.repeat(seed, batch.num_rows)
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[f.name]).cast(f.type) for f in tables.SWITCHED_PAIRS],
        schema=tables.SWITCHED_PAIRS,
    )


@cache
def switcher(lexicon: str, plan: Plan, languages: tuple[str, ...]) -> Switcher:
    """The switcher of a plan, made once per worker process."""
    table = read_lexicon(lexicon)
    chained = lexicons.chain(
        table.filter(pa.compute.equal(table["origin"], origin)) for origin in plan.origins
    )
    return Switcher(
        chained,
        languages,
        max_words=MAX_TITLE_WORDS if plan.phrases else 1,
        translations=plan.translations,
        keep_stop_words=plan.phrases,
    )


def read_lexicon(folder: str) -> pa.Table:
    table = pa.dataset.dataset(folder, format="parquet", exclude_invalid_files=True).to_table()
    tables.check(table.schema, tables.LEXICON, folder)
    return table.combine_chunks()


def _counts(pairs: DataFrame) -> dict[str, int]:
    names = ("query_words", "query_switched", "passage_words", "passage_switched")
    row = pairs.agg(
        F.count("*").alias("pairs"),
        F.count_if(F.col("label") == 1).alias("positives"),
        *(F.coalesce(F.sum(name), F.lit(0)).alias(name.replace("_", " ")) for name in names),
    ).first()
    return row.asDict()
