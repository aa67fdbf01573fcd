"""Titles, dictionaries and word vectors -> the lexicon table; each source is ranked by itself."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from clir import manifest, stages, tables
from clir.experiment import Experiment
from clir.lexicons.dictionaries import read_dictionary
from clir.lexicons.titles import terms_of_titles, why_dropped
from clir.switching.switcher import MAX_TITLE_WORDS
from clir.text.terms import find_terms, term_keys
from spark_etl import trained_vectors, vector_lexicon
from spark_etl.session import Spark, read_each, read_table

_ENTRIES = pa.schema(
    {
        "source_lang": pa.string(),
        "target_lang": pa.string(),
        "source_term": pa.string(),
        "target_term": pa.string(),
        "source_key": pa.int64(),
        "target_key": pa.int64(),
        "source_words": pa.int32(),
        "wiki": pa.string(),  # the Wikipedia that says so
        "suffixed": pa.bool_(),
        "dropped": pa.string(),  # why this is no entry, or null
    }
)


def build(spark: Spark, experiment: Experiment) -> Path:
    """Make the lexicon table of the experiment; returns its folder."""
    titles = experiment.workspace.titles / "data"
    stage, dictionaries = stages.lexicon(experiment), stages.dictionaries(experiment)

    def titled() -> DataFrame:
        return from_titles(read_table(spark(), titles))

    def written_down() -> DataFrame:
        return _from_dictionaries(spark(), dictionaries)

    def known() -> DataFrame:
        return titled().unionByName(written_down()) if dictionaries else titled()

    vectors = None
    if stages.uses_vectors(experiment):
        settings = experiment.lexicons
        trained = trained_vectors.train(spark, experiment, known)
        files = settings.vectors | {lang: path / "words.vec" for lang, path in trained.items()}
        by_titles = settings.vector_seed == "wikipedia-titles"
        vectors = vector_lexicon.build(
            spark, experiment, files, titled if by_titles else written_down
        )

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
        return counts | drops_of_titles(read_table(session, titles))

    manifest.build(experiment.workspace, *stage, write)
    return stage.folder


def from_titles(titles: DataFrame) -> DataFrame:
    """Entries of up to three words, the best first: ``tables.LEXICON``.

    The score counts the Wikipedias that have an article linking both titles: the English one, the
    target language's own (the other direction), third ones. One that knows the English title only
    with a disambiguation suffix counts ½: plain titles are the usual meaning.
    """
    pair = ["source_lang", "target_lang", "source_key", "target_key"]
    # Titles that differ only in what look-ups ignore are one, in the spelling that sorts first.
    spelled = F.struct("target_term", "source_term", "source_words").alias("spelled")
    weight = F.when(F.bool_and("suffixed"), 0.5).otherwise(1.0).alias("weight")
    voices = _entries(titles).where("dropped is null").groupBy(*pair, "wiki")
    weights = voices.agg(weight, F.min(spelled).alias("spelled"))
    scored = weights.groupBy(*pair).agg(
        F.sum("weight").alias("score"), F.min("spelled").alias("spelled")
    )
    best_first = Window.partitionBy("source_lang", "target_lang", "source_key").orderBy(
        F.desc("score"), "spelled"
    )
    return scored.select(
        "source_lang",
        "target_lang",
        *(f"spelled.{name}" for name in ("source_term", "target_term", "source_words")),
        F.row_number().over(best_first).alias("rank"),
        "score",
        (F.col("source_key") == F.col("target_key")).alias("copy"),
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
        english = pa.repeat("en", batch.num_rows)
        source, source_keys, source_drops = _terms(batch["english"], english)
        target, target_keys, target_drops = _terms(batch["title"], batch["lang"])
        words = pa.array(find_terms(pc.fill_null(source, ""), "en").words)
        long = pc.or_(pc.less(words, 1), pc.greater(words, MAX_TITLE_WORDS))
        too_long = pc.if_else(long, "longer than three words", pa.scalar(None, pa.string()))
        columns = [
            english, batch["lang"], source, target, source_keys, target_keys, words, batch["wiki"],
            pc.match_substring_regex(batch["english"], r"\)[\s_]*(#.*)?$"),
            pc.coalesce(source_drops, target_drops, too_long),
        ]  # fmt: skip
        yield pa.RecordBatch.from_arrays(columns, schema=_ENTRIES)


def _terms(titles: pa.Array, langs: pa.Array) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Of titles in several languages, in place: their terms, these terms' keys, why there is none.

    Keys are those of look-ups, so that one term has one ranking, however it is written.
    """
    terms, dropped = (pa.nulls(len(titles), pa.string()) for _ in range(2))
    keys = pa.nulls(len(titles), pa.int64())
    for lang in langs.unique().to_pylist():
        here = pc.equal(langs, lang)
        some = titles.filter(here)
        found = terms_of_titles(some, lang)
        hashes = pa.array(term_keys(pc.fill_null(found, ""), lang).view(np.int64))
        terms = pc.replace_with_mask(terms, here, found)
        keys = pc.replace_with_mask(keys, here, hashes)
        dropped = pc.replace_with_mask(dropped, here, why_dropped(some, found, lang))
    return terms, keys, dropped


def _from_dictionaries(spark: SparkSession, dictionaries: dict[str, Path]) -> DataFrame:
    def read(one: dict[str, str]) -> list[pa.RecordBatch]:
        lexicon = read_dictionary(Path(one["path"]), one["lang"])
        return lexicon.select(tables.LEXICON.names).to_batches()

    work = [(lang, str(path.absolute())) for lang, path in dictionaries.items()]
    columns = from_arrow_schema(tables.LEXICON)
    return read_each(spark, work, "lang string, path string", read, columns)
