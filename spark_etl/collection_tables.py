"""Raw collections -> documents, queries, judgments and candidates; ids checked across files.

Beside them, which of the texts are translations that failed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from clir import manifest, stages
from clir.collections import layouts, reading
from clir.collections.layouts import Part
from clir.collections.reading import SCHEMAS
from clir.errors import InputError
from clir.experiment import Experiment
from clir.tables import TEXT_IDS
from spark_etl import flawed_translations, known_rows
from spark_etl.session import Spark, read_each, read_table

# What one task reads.
_WORK = (
    "parts array<struct<kind string, form string, path string, collection string, domain string, "
    "lang string, split string, start long, end long, named boolean>>"
)
_TYPES = {pa.string(): "string", pa.int32(): "int", pa.float64(): "double"}


def load(spark: Spark, experiment: Experiment) -> Path:
    """Make the tables of all collections of the experiment; returns their folder."""
    collections = dict.fromkeys([*experiment.collections.train, *experiment.collections.test])
    stage = stages.collections(experiment)
    files = [file for collection in collections for file in layouts.files(collection)]

    def write(out: Path) -> dict[str, Any]:
        session = spark()
        counts: dict[str, Any] = {}
        for kind in SCHEMAS:
            counts |= _write(session, [file for file in files if file.kind == kind], kind, out)
        _check_ids(session, out, files)
        most = experiment.collections.max_missing_share
        for kind in ("judgments", "candidates"):
            counts |= known_rows.keep(session, out, kind, files, most)
        answering = read_table(session, out / "judgments").where("grade > 0")
        counts["judged"] = _by(answering, "collection", "split")
        flawed = flawed_translations.write(session, out)
        counts["flawed translations"] = flawed.count()
        return counts | {"flaws": _by(flawed, "collection", "lang", "flaw")}

    manifest.build(experiment.workspace, *stage, write)
    _check_judged(experiment, manifest.read(stage.folder)["counts"]["judged"])
    return stage.folder


def _write(session: SparkSession, files: list[Part], kind: str, out: Path) -> dict[str, Any]:
    """Write one table; its rows, and of texts those that are empty or were not UTF-8."""
    table = _read(session, files, kind)
    if kind not in TEXT_IDS:
        table.write.parquet(str(out / kind))
        return {}
    # Counted while they are written: the texts are not read again.
    seen = Observation()
    marks = {"empty": _is_empty(kind), "recoded": F.col("recoded")}
    table = table.observe(
        seen,
        F.count("*").alias("rows"),
        *(F.count_if(mark).alias(name) for name, mark in marks.items()),
    )
    table.drop("recoded").write.parquet(str(out / kind))
    found = seen.get
    counts = {kind: found["rows"], f"{kind} without text": found["empty"]}
    if found["empty"]:
        written = read_table(session, out / kind).where(_is_empty(kind))
        counts[f"{kind} without text, by collection"] = _by(written, "collection", "lang")
    if found["recoded"]:
        counts[f"{kind} that are not UTF-8"] = found["recoded"]
    return counts


def _is_empty(kind: str) -> Column:
    """Whether a document or a query has nothing that could be read."""
    text = F.concat("title", "text") if kind == "documents" else F.col("text")
    return ~text.rlike(r"[^\s\p{Z}\p{C}]")


def _by(table: DataFrame, *columns: str) -> dict[str, Any]:
    """Rows by the values of columns: dicts in dicts."""
    counts: dict[str, Any] = {}
    for *outer, last, count in sorted(table.groupBy(*columns).count().collect()):
        inner = counts
        for value in outer:
            inner = inner.setdefault(value, {})
        inner[last] = count
    return counts


def _check_judged(experiment: Experiment, judged: dict[str, dict[str, int]]) -> None:
    """``judged``: judgments that say that a document answers, by collection and split."""
    split = experiment.collections.test_split
    for collection in experiment.collections.test:
        if not judged.get(collection.id, {}).get(split):
            raise InputError(
                f"{collection.place}: no judgment of the split {split} says that a document answers"
            )


def _read(spark: SparkSession, files: list[Part], kind: str) -> DataFrame:
    """The rows of files of one kind: a table of ``SCHEMAS``."""

    def read(task: dict[str, Any]) -> Iterator[pa.RecordBatch]:
        for part in task["parts"]:
            yield from reader(Part(**part))

    reader = reading.read_marked if kind in TEXT_IDS else reading.read
    columns = ", ".join(f"{field.name} {_TYPES[field.type]}" for field in SCHEMAS[kind])
    columns += ", recoded boolean" if kind in TEXT_IDS else ""
    if not files:
        return spark.createDataFrame([], columns)
    # Executors do not run in this process's folder.
    files = [file if file.named else file.absolute() for file in files]
    tasks = [(parts,) for parts in reading.tasks(files)]
    rows = read_each(spark, tasks, _WORK, read, columns)
    if kind == "documents":
        return rows
    return known_rows.said_once(rows, kind)


def _check_ids(spark: SparkSession, out: Path, files: list[Part]) -> None:
    """Every id once per language."""
    for kind, key in TEXT_IDS.items():
        table = read_table(spark, out / kind)
        repeated = table.groupBy("collection", "lang", key).count().where("count > 1").first()
        if repeated:
            wanted = (kind, repeated["collection"], repeated["lang"])
            like = [file for file in files if (file.kind, file.collection, file.lang) == wanted]
            first, second, *_ = reading.places(like, key, [repeated[key]])
            raise InputError(
                f"{second.path}:{second.line}: duplicate id {repeated[key]!r}, "
                f"first in {first.path}:{first.line}"
            )
