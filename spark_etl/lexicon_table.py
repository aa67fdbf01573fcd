"""Titles, dictionaries and word vectors -> the lexicon table; each source is ranked by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from clir import manifest, tables
from clir.errors import InputError
from clir.experiment import Experiment
from clir.languages import LANGUAGES
from clir.lexicon import in_script, read_dictionary, terms_of_titles
from clir.switching import MAX_TITLE_WORDS
from clir.words import count_words
from spark_etl import trained_vectors, vector_lexicon
from spark_etl.session import Spark, one_task_each, read_table

_ENTRIES = pa.schema(
    {
        "source_lang": pa.string(),
        "target_lang": pa.string(),
        "source_term": pa.string(),
        "target_term": pa.string(),
        "source_words": pa.int32(),
        "wiki": pa.string(),  # the Wikipedia that says so
        "suffixed": pa.bool_(),
        "dropped": pa.string(),  # why this is no entry, or null
    }
)


def build(spark: Spark, experiment: Experiment, titles: Path) -> Path:
    """Make the lexicon table of the experiment; returns its folder."""
    folder = experiment.output / "lexicon"
    dictionaries = _dictionaries(experiment)
    inputs = [titles, *dictionaries.values()]

    def titled() -> DataFrame:
        return from_titles(read_table(spark(), titles / "data"))

    def written_down() -> DataFrame:
        return _from_dictionaries(spark(), dictionaries)

    def known() -> DataFrame:
        return titled().unionByName(written_down()) if dictionaries else titled()

    vectors = None
    settings = experiment.lexicons
    if settings.vectors or settings.vector_texts:
        trained = trained_vectors.train(spark, experiment, known, inputs)
        files = settings.vectors | {lang: path / "words.vec" for lang, path in trained.items()}
        by_titles = settings.vector_seed == "wikipedia-titles"
        made_from = [*settings.vectors.values(), *trained.values(), *inputs]
        seeds = titled if by_titles else written_down
        vectors = vector_lexicon.build(spark, experiment, files, seeds, made_from)
        inputs.append(vectors)

    def write(out: Path) -> dict[str, int]:
        session = spark()
        lexicon = known()
        if vectors:
            lexicon = lexicon.unionByName(read_table(session, vectors / "data"))
        order = ["origin", "source_lang", "target_lang", "source_term", "rank"]
        lexicon.orderBy(*order).write.parquet(str(out / "data"))
        written = read_table(session, out / "data")
        rows = written.groupBy("origin").count().collect()
        counts = {f"entries from {row['origin']}": row["count"] for row in sorted(rows)}
        return counts | drops_of_titles(read_table(session, titles / "data"))

    manifest.build(experiment.workspace, folder, inputs, {}, write)
    return folder


def from_titles(titles: DataFrame) -> DataFrame:
    """Entries of up to three words, the best first: ``tables.LEXICON``.

    The score counts the Wikipedias that have an article linking both titles: the English one, the
    target language's own (the other direction), third ones. One that knows the English title only
    with a disambiguation suffix counts ½: plain titles are the usual meaning.
    """
    entry = ["source_lang", "target_lang", "source_term", "target_term", "source_words"]
    voices = _entries(titles).where("dropped is null").groupBy(*entry, "wiki")
    weights = voices.agg(F.when(F.bool_and("suffixed"), 0.5).otherwise(1.0).alias("weight"))
    scored = weights.groupBy(*entry).agg(F.sum("weight").alias("score"))
    best_first = Window.partitionBy("source_lang", "target_lang", "source_term").orderBy(
        F.desc("score"), "target_term"
    )
    return scored.select(
        *entry,
        F.row_number().over(best_first).alias("rank"),
        "score",
        (F.lower("source_term") == F.lower("target_term")).alias("copy"),
        F.lit("wikipedia-titles").alias("origin"),
    )


def drops_of_titles(titles: DataFrame) -> dict[str, int]:
    """How many pairs of titles became no entries, by reason."""
    reasons = _entries(titles).where("dropped is not null").groupBy("dropped").count().collect()
    return {f"titles {row['dropped']}": row["count"] for row in sorted(reasons)}


def _entries(titles: DataFrame) -> DataFrame:
    return _with_english(titles).mapInArrow(_normalised, from_arrow_schema(_ENTRIES))


def _with_english(titles: DataFrame) -> DataFrame:
    """wiki, english, lang, title: what each Wikipedia calls the same thing in English and others.

    An article names its subject in its own language and in those it links to.
    """
    own = titles.where("source_lang = 'en'").selectExpr(
        "source_lang as wiki", "source_title as english", "target_lang as lang",
        "target_title as title",
    )  # fmt: skip
    others = titles.where("source_lang != 'en'")
    named = others.where("target_lang = 'en'").selectExpr(
        "source_lang", "page_id", "target_title as english", "source_title"
    )
    back = named.selectExpr("source_lang as wiki", "english", "source_lang as lang",
                            "source_title as title")  # fmt: skip
    third = (
        others.where("target_lang != 'en'")
        .join(named.drop("source_title"), ["source_lang", "page_id"])
        .selectExpr("source_lang as wiki", "english", "target_lang as lang",
                    "target_title as title")
    )  # fmt: skip
    return own.unionByName(back).unionByName(third)


def _normalised(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        source = terms_of_titles(batch["english"], "en")
        target, good_script = _terms(batch["title"], batch["lang"])
        good_script = pc.and_(good_script, in_script(pc.fill_null(source, ""), "en"))
        words = pa.array(count_words(pc.fill_null(source, "")), pa.int32())
        dropped = pc.case_when(
            pc.make_struct(
                pc.or_(pc.is_null(source), pc.is_null(target)),
                pc.invert(good_script),
                pc.or_(pc.less(words, 1), pc.greater(words, MAX_TITLE_WORDS)),
            ),
            "without a letter",
            "in another script",
            "longer than three words",
        )
        columns = [
            pa.repeat("en", batch.num_rows), batch["lang"], source, target, words, batch["wiki"],
            pc.ends_with(batch["english"], ")"), dropped,
        ]  # fmt: skip
        yield pa.RecordBatch.from_arrays(columns, schema=_ENTRIES)


def _terms(titles: pa.Array, langs: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Terms of titles in several languages, in place, and whether they are in its script."""
    terms, good = pa.nulls(len(titles), pa.string()), pa.nulls(len(titles), pa.bool_())
    for lang in langs.unique().to_pylist():
        here = pc.equal(langs, lang)
        found = terms_of_titles(titles.filter(here), lang)
        terms = pc.replace_with_mask(terms, here, found)
        good = pc.replace_with_mask(good, here, in_script(pc.fill_null(found, ""), lang))
    return terms, good


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

    work = [(lang, str(path.absolute())) for lang, path in dictionaries.items()]
    return one_task_each(spark, work, "lang string, path string").mapInArrow(
        read, from_arrow_schema(tables.LEXICON)
    )
