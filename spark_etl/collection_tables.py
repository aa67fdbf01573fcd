"""Raw collections -> documents, queries and judgments; ids checked across files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from clir import collections as readers
from clir import manifest, tables
from clir.errors import InputError
from clir.experiment import Collection, Experiment
from spark_etl.session import Spark, one_task_each

_WORK = "kind string, path string, collection string, domain string, lang string"


def load(spark: Spark, experiment: Experiment) -> Path:
    """Make the tables of all collections of the experiment; returns their folder."""
    folder = experiment.output / "collections"
    # One may train with one split and test with another; it is read once.
    collections = list(dict.fromkeys([*experiment.collections.train, *experiment.collections.test]))
    names = [collection.path.name for collection in collections]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise InputError(
            f"collections: {sorted(repeated)} stands for two folders or domains; rename a folder"
        )
    settings = {"collections": [c.model_dump(mode="json") for c in collections]}

    def write(out: Path) -> dict[str, int]:
        session = spark()
        work = [file for collection in collections for file in _files(collection)]
        counts = {}
        for kind in ("documents", "queries", "judgments"):
            table = _read(session, [row for row in work if row[0] == kind], kind)
            table.write.parquet(str(out / kind))
            counts[kind] = session.read.parquet(str(out / kind)).count()
        _check_ids(session, out, {c.path.name: c.path for c in collections})
        return counts

    manifest.build(folder, [c.path for c in collections], settings, write)
    return folder


def _files(collection: Collection) -> Iterator[tuple[str, str, str, str, str]]:
    folder = collection.path
    domain = readers.domain_of(folder, collection.domain)
    for lang in readers.languages_of(folder):
        yield ("documents", str(folder / lang / "corpus.jsonl"), folder.name, domain, lang)
        yield ("queries", str(folder / lang / "queries.jsonl"), folder.name, domain, lang)
    for qrels in sorted((folder / "qrels").glob("*.tsv")):
        yield ("judgments", str(qrels), folder.name, domain, "")


def _read(spark: SparkSession, work: list[tuple[Any, ...]], kind: str) -> DataFrame:
    schema = {
        "documents": tables.DOCUMENTS,
        "queries": tables.QUERIES,
        "judgments": tables.JUDGMENTS,
    }[kind]

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for file in batch.to_pylist():
                path, name = Path(file["path"]), file["collection"]
                if kind == "judgments":
                    yield from readers.read_judgments(path, name)
                else:
                    reader = readers.read_documents if kind == "documents" else readers.read_queries
                    yield from reader(path, name, file["domain"], file["lang"])

    types = {pa.string(): "string", pa.int32(): "int"}
    columns = ", ".join(f"{field.name} {types[field.type]}" for field in schema)
    return one_task_each(spark, work, _WORK).mapInArrow(read, columns)


def _check_ids(spark: SparkSession, out: Path, paths: dict[str, Path]) -> None:
    """Every id once per language; every judgment about ids that some language has."""
    documents = spark.read.parquet(str(out / "documents"))
    queries = spark.read.parquet(str(out / "queries"))
    judgments = spark.read.parquet(str(out / "judgments"))
    for table, key, file in ((documents, "doc_id", "corpus"), (queries, "query_id", "queries")):
        repeated = table.groupBy("collection", "lang", key).count().where("count > 1").first()
        if repeated:
            path = paths[repeated["collection"]] / repeated["lang"] / f"{file}.jsonl"
            lines = readers.lines_of_id(path, "_id", repeated[key])
            raise InputError(
                f"{path}:{lines[1]}: duplicate id {repeated[key]!r}, first on line {lines[0]}"
            )
        unknown = judgments.join(table, ["collection", key], "left_anti").first()
        if unknown:
            path = paths[unknown["collection"]] / "qrels" / f"{unknown['split']}.tsv"
            lines = readers.lines_of_id(path, key.removesuffix("_id"), unknown[key])
            raise InputError(
                f"{path}:{lines[0]}: unknown {key.replace('_', ' ')} {unknown[key]!r}: "
                f"no language's {file}.jsonl has it"
            )
