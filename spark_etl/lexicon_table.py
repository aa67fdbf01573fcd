"""Titles, dictionaries and word vectors -> the lexicon table; each source is ranked by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from clir import manifest, tables
from clir.errors import InputError
from clir.experiment import Experiment
from clir.languages import LANGUAGES
from clir.lexicon import read_dictionary, terms_of_titles
from clir.words import count_words
from spark_etl import vector_lexicon
from spark_etl.session import Spark, one_task_each

_ENTRY = (
    "source_lang string, target_lang string, source_term string, target_term string, "
    "source_words int, suffixed boolean"
)


def build(spark: Spark, experiment: Experiment, titles: Path) -> Path:
    """Make the lexicon table of the experiment; returns its folder."""
    folder = experiment.output / "lexicon"
    dictionaries = _dictionaries(experiment)
    inputs = [titles, *dictionaries.values()]

    def titled() -> DataFrame:
        return from_titles(spark().read.parquet(str(titles / "data")))

    def written_down() -> DataFrame:
        return _from_dictionaries(spark(), dictionaries)

    vectors = None
    if experiment.lexicons.vectors:
        by_titles = experiment.lexicons.vector_seed == "wikipedia-titles"
        vectors = vector_lexicon.build(
            spark, experiment, titled if by_titles else written_down, inputs
        )
        inputs.append(vectors)

    def write(out: Path) -> dict[str, int]:
        session = spark()
        lexicon = titled()
        if dictionaries:
            lexicon = lexicon.unionByName(written_down())
        if vectors:
            lexicon = lexicon.unionByName(session.read.parquet(str(vectors / "data")))
        order = ["origin", "source_lang", "target_lang", "source_term", "rank"]
        lexicon.orderBy(*order).write.parquet(str(out / "data"))
        written = session.read.parquet(str(out / "data"))
        rows = written.groupBy("origin").count().collect()
        return {f"entries from {row['origin']}": row["count"] for row in sorted(rows)}

    manifest.build(folder, inputs, {}, write)
    return folder


def from_titles(titles: DataFrame) -> DataFrame:
    """Entries of up to three words, the best first: ``tables.LEXICON``.

    A link counts 1, one that had a disambiguation suffix ½: plain titles are the usual meaning.
    """
    entries = titles.mapInArrow(_entries, _ENTRY).where("source_words between 1 and 3")
    scored = entries.groupBy(
        "source_lang", "target_lang", "source_term", "target_term", "source_words"
    ).agg(F.sum(F.when(F.col("suffixed"), 0.5).otherwise(1.0)).alias("score"))
    best_first = Window.partitionBy("source_lang", "target_lang", "source_term").orderBy(
        F.desc("score"), "target_term"
    )
    return scored.select(
        "source_lang",
        "target_lang",
        "source_term",
        "target_term",
        "source_words",
        F.row_number().over(best_first).alias("rank"),
        "score",
        F.lit("wikipedia-titles").alias("origin"),
    )


def _entries(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        source = _terms(batch["source_title"], batch["source_lang"])
        target = _terms(batch["target_title"], batch["target_lang"])
        kept = pc.and_(pc.is_valid(source), pc.is_valid(target))
        rows = pa.RecordBatch.from_arrays(
            [
                batch["source_lang"],
                batch["target_lang"],
                source,
                target,
                pa.array(count_words(pc.fill_null(source, "")), pa.int32()),
                pc.ends_with(batch["source_title"], ")"),
            ],
            [
                "source_lang",
                "target_lang",
                "source_term",
                "target_term",
                "source_words",
                "suffixed",
            ],
        )
        yield rows.filter(kept)


def _terms(titles: pa.Array, langs: pa.Array) -> pa.Array:
    """Terms of titles in several languages, in place."""
    result = pa.nulls(len(titles), pa.string())
    for lang in langs.unique().to_pylist():
        here = pc.equal(langs, lang)
        result = pc.replace_with_mask(result, here, terms_of_titles(titles.filter(here), lang))
    return result


def _dictionaries(experiment: Experiment) -> dict[str, Path]:
    folder = experiment.lexicons.dictionary
    if folder is None:
        return {}
    if not folder.is_dir():
        raise InputError(f"{folder}: lexicons.dictionary must be a folder of en-XX.tsv files")
    paths = {code: folder / f"en-{code}.tsv" for code in LANGUAGES}
    return {code: path for code, path in paths.items() if path.exists()}


def _from_dictionaries(spark: SparkSession, dictionaries: dict[str, Path]) -> DataFrame:
    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for work in batch.to_pylist():
                lexicon = read_dictionary(Path(work["path"]), work["lang"])
                yield from lexicon.select(tables.LEXICON.names).to_batches()

    work = [(lang, str(path)) for lang, path in dictionaries.items()]
    return one_task_each(spark, work, "lang string, path string").mapInArrow(
        read, vector_lexicon.LEXICON_COLUMNS
    )
