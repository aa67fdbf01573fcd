"""Raw collections -> documents, queries, judgments and candidates; ids checked across files.

Beside them, which of the texts are translations that failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, Row, SparkSession

from clir import collections as readers
from clir import manifest
from clir.collections import SCHEMAS, Part
from clir.errors import InputError
from clir.experiment import Experiment
from clir.tables import TEXT_IDS
from spark_etl import flawed_translations
from spark_etl.session import Spark, one_task_each, read_table

# What one task reads.
_WORK = (
    "parts array<struct<kind string, form string, path string, collection string, domain string, "
    "lang string, split string, start long, end long>>"
)
_TYPES = {pa.string(): "string", pa.int32(): "int", pa.float64(): "double"}


def load(spark: Spark, experiment: Experiment) -> Path:
    """Make the tables of all collections of the experiment; returns their folder."""
    folder = experiment.output / "collections"
    # One may train with one split and test with another; it is read once.
    collections = list(dict.fromkeys([*experiment.collections.train, *experiment.collections.test]))
    names = [collection.id for collection in collections]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise InputError(
            f"collections: {sorted(repeated)} stands for two folders or domains; rename a folder"
        )
    settings = {"collections": [c.model_dump(mode="json") for c in collections]}
    files = [file for collection in collections for file in readers.files(collection)]
    # What ir_datasets fetches for a name does not change; that, the settings tell.
    inputs = {Path(file.path): None for file in files if not readers.is_named(file)}
    inputs |= {c.path / "about.json": None for c in collections if c.path and not c.domain}

    def write(out: Path) -> dict[str, Any]:
        session = spark()
        counts: dict[str, Any] = {}
        for kind in SCHEMAS:
            table = _read(session, [file for file in files if file.kind == kind], kind)
            table.write.parquet(str(out / kind))
            counts[kind] = read_table(session, out / kind).count()
        _check_ids(session, out, files)
        return counts | _counts(flawed_translations.write(session, out))

    manifest.build(experiment.workspace, folder, inputs, settings, write)
    return folder


def _counts(flawed: DataFrame) -> dict[str, Any]:
    """Translations that failed, in all and by collection, language and flaw."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    rows = flawed.groupBy("collection", "lang", "flaw").count().collect()
    for row in sorted(rows):
        langs = counts.setdefault(row["collection"], {})
        langs.setdefault(row["lang"], {})[row["flaw"]] = row["count"]
    return {"flawed translations": sum(row["count"] for row in rows), "flaws": counts}


def _read(spark: SparkSession, files: list[Part], kind: str) -> DataFrame:
    """The rows of files of one kind: a table of ``SCHEMAS``."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for task in batch.to_pylist():
                for part in task["parts"]:
                    yield from readers.read(Part(**part))

    columns = ", ".join(f"{field.name} {_TYPES[field.type]}" for field in SCHEMAS[kind])
    if not files:
        return spark.createDataFrame([], columns)
    # Executors do not run in this process's folder.
    files = [file if readers.is_named(file) else file.absolute() for file in files]
    tasks = [(parts,) for parts in readers.tasks(files)]
    rows = one_task_each(spark, tasks, _WORK).mapInArrow(read, columns)
    if kind == "documents":
        return rows
    # Splits overlap (MS MARCO's dev.small is a part of its dev), and triples repeat themselves:
    # what is said twice in the same words is said once.
    keys = [name for name in SCHEMAS[kind].names if name != "text"]
    return rows.distinct().orderBy(*keys)


def _check_ids(spark: SparkSession, out: Path, files: list[Part]) -> None:
    """Every id once per language; judgments and candidates only of ids that some language has."""
    tables = {kind: read_table(spark, out / kind) for kind in SCHEMAS}
    for kind, key in TEXT_IDS.items():
        table = tables[kind]
        repeated = table.groupBy("collection", "lang", key).count().where("count > 1").first()
        if repeated:
            first, second, *_ = _places(files, kind, repeated, "lang", key)
            raise InputError(f"{second}: duplicate id {repeated[key]!r}, first in {first}")
        for user in sorted({file.kind for file in files} & {"judgments", "candidates"}):
            unknown = tables[user].join(table, ["collection", key], "left_anti").first()
            if unknown:
                place = next(_places(files, user, unknown, "split", key))
                raise InputError(
                    f"{place}: unknown {key.replace('_', ' ')} {unknown[key]!r}: "
                    f"no language's {kind} have it"
                )


def _places(files: list[Part], kind: str, row: Row, same: str, key: str) -> Iterator[str]:
    """FILE:LINE of each row with the id of this one, in this one's collection and ``same``."""
    wanted = (kind, row["collection"], row[same])
    like = [file for file in files if (file.kind, file.collection, getattr(file, same)) == wanted]
    return readers.places(like, key, row[key])
