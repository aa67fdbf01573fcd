"""Dumps -> titles: which article has which title in which language.

Every dump is read as one stream by one task (a gzip file cannot be cut). What is read is staged,
with its counts and what was rejected as rows beside the data, so that a rerun task counts nothing
twice. Rejected pieces end up in the folder ``rejected``, with their place and the reason.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from clir import manifest
from clir.errors import InputError
from clir.experiment import Dumps, Experiment
from clir.languages import LANGUAGES
from clir.sql_dump import Account, read_dump
from spark_etl.session import Spark, one_task_each

_PAGE = pa.schema(
    {
        "page_id": pa.int64(),
        "page_namespace": pa.int64(),
        "page_title": pa.string(),
        "page_is_redirect": pa.int64(),
    }
)
_LANGLINKS = pa.schema({"ll_from": pa.int64(), "ll_lang": pa.string(), "ll_title": pa.string()})

_HOPELESS = 0.5  # share of bad rows

# Staged rows: data, or (where n is filled) a count, or (where raw is) what was rejected.
_STAGED_SCHEMA = pa.schema(
    {
        "table": pa.string(),
        "lang": pa.string(),
        "page_id": pa.int64(),
        "other_lang": pa.string(),
        "title": pa.string(),
        "reason": pa.string(),
        "n": pa.int64(),
        "offset": pa.int64(),
        "raw": pa.binary(),
    }
)
_STAGED = (
    "table string, lang string, page_id long, other_lang string, title string, "
    "reason string, n long, offset long, raw binary"
)


def mine(spark: Spark, experiment: Experiment) -> Path:
    """Make the titles table of all dumps of the experiment; returns its folder."""
    folder = experiment.output / "titles"
    files = [path for dump in experiment.titles for path in (dump.page, dump.langlinks)]
    settings = {"titles": [dump.model_dump(mode="json") for dump in experiment.titles]}
    quarantine = experiment.output / "titles.rejected"

    def write(out: Path) -> dict[str, int]:
        return _write(spark(), experiment.titles, out, quarantine)

    manifest.build(folder, files, settings, write)
    return folder


def _write(spark: SparkSession, dumps: list[Dumps], out: Path, quarantine: Path) -> dict[str, int]:
    staging = out / "staging"
    _stage(spark, dumps, staging)
    pages, links = (spark.read.parquet(str(staging / f"table={name}")) for name in _READERS)
    _rejected(pages, links).write.parquet(str(out / "rejected"))
    counts = {"page": _counts(pages), "langlinks": _counts(links)}
    shutil.rmtree(quarantine, ignore_errors=True)
    for dump in dumps:
        for table, found in counts.items():
            if message := _too_much_is_bad(found[dump.lang], dump.max_bad_share):
                shutil.copytree(out / "rejected", quarantine)  # the stage's own folder goes
                raise InputError(f"{getattr(dump, table)}: {message}; see {quarantine}")
    titles = join(pages, links)
    titles.write.parquet(str(out / "data"))
    total = {
        f"{table} {reason}": sum(found[lang].get(reason, 0) for lang in found)
        for table, found in counts.items()
        for reason in sorted({reason for each in found.values() for reason in each})
    }
    total["titles"] = spark.read.parquet(str(out / "data")).count()
    shutil.rmtree(staging)
    return total


def _too_much_is_bad(counts: dict[str, int], allowed: float) -> str | None:
    dropped = sum(n for reason, n in counts.items() if reason.startswith("dropped"))
    rows = counts["rows"] + dropped
    if dropped <= allowed * rows:
        return None
    return f"{dropped} of {rows} rows are damaged, more than max_bad_share {allowed}"


def join(pages: DataFrame, links: DataFrame) -> DataFrame:
    """Articles with their links into the other languages: the columns of ``tables.TITLES``."""
    articles = pages.where("reason is null").select("lang", "page_id", "title")
    linked = links.where("reason is null").select(
        "lang", "page_id", "other_lang", F.col("title").alias("target_title")
    )
    return (
        articles.join(linked, ["lang", "page_id"])
        .select(
            "page_id",
            F.col("lang").alias("source_lang"),
            F.col("title").alias("source_title"),
            F.col("other_lang").alias("target_lang"),
            "target_title",
        )
        .orderBy("source_lang", "page_id", "target_lang", "target_title", "source_title")
    )


def _stage(spark: SparkSession, dumps: list[Dumps], staging: Path) -> None:
    """Read all dumps, a task each, into one folder a table."""
    work = [
        (table, dump.lang, str(getattr(dump, table).absolute()), dump.max_bad_share)
        for dump in dumps
        for table in _READERS
    ]
    frame = one_task_each(spark, work, "table string, lang string, path string, share double")
    frame.mapInArrow(_read_each, _STAGED).write.partitionBy("table").parquet(str(staging))


def _read_each(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for work in batch.to_pylist():
            # One that is mostly damaged is given up; the share allowed is looked at afterwards,
            # when all that was rejected lies there to be seen.
            share = max(work["share"], _HOPELESS)
            yield from _read(work["table"], work["lang"], work["path"], share)


def _read(table: str, lang: str, path: str, max_bad_share: float) -> Iterator[pa.RecordBatch]:
    account = Account()
    for rows in _READERS[table](lang, path, max_bad_share, account):
        yield _staged(table, lang, {name: rows[name] for name in rows.schema.names})
        yield from _taken_away(table, lang, account)
    yield from _taken_away(table, lang, account)
    reasons = sorted({"rows", *account.counts})
    numbers = [account.counts[reason] for reason in reasons]
    yield _staged(table, lang, {"reason": reasons, "n": numbers})


def _taken_away(table: str, lang: str, account: Account) -> Iterator[pa.RecordBatch]:
    """What was rejected since the last look."""
    if account.rejected:
        offset, reason, raw = zip(*account.rejected, strict=True)
        account.rejected.clear()
        yield _staged(table, lang, {"offset": offset, "reason": reason, "raw": raw})


def _staged(table: str, lang: str, columns: dict[str, Any]) -> pa.RecordBatch:
    rows = len(next(iter(columns.values())))
    columns |= {"table": pa.repeat(table, rows), "lang": pa.repeat(lang, rows)}
    arrays = [
        pa.array(columns[field.name], field.type)
        if field.name in columns
        else pa.nulls(rows, field.type)
        for field in _STAGED_SCHEMA
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=_STAGED_SCHEMA)


def _articles(
    lang: str, path: str, max_bad_share: float, account: Account
) -> Iterator[pa.RecordBatch]:
    """Pages in the article namespace that are no redirects."""
    for batch in read_dump(path, "page", _PAGE, account, max_bad_share):
        article = pc.equal(batch["page_namespace"], 0)
        direct = pc.equal(batch["page_is_redirect"], 0)
        account.counts["other namespace"] += pc.sum(pc.invert(article)).as_py()
        account.counts["redirect"] += pc.sum(pc.and_(article, pc.invert(direct))).as_py()
        rows = batch.filter(pc.and_(article, direct))
        yield rows.select(["page_id", "page_title"]).rename_columns(["page_id", "title"])


def _links(
    lang: str, path: str, max_bad_share: float, account: Account
) -> Iterator[pa.RecordBatch]:
    """Links into the languages of the project."""
    ours = pa.array([code for code in LANGUAGES if code != lang])
    for batch in read_dump(path, "langlinks", _LANGLINKS, account, max_bad_share):
        wanted = pc.is_in(batch["ll_lang"], ours)
        filled = pc.greater(pc.binary_length(batch["ll_title"]), 0)
        account.counts["link into another language"] += pc.sum(pc.invert(wanted)).as_py()
        account.counts["link without a title"] += pc.sum(pc.and_(wanted, pc.invert(filled))).as_py()
        rows = batch.filter(pc.and_(wanted, filled))
        yield rows.rename_columns(["page_id", "other_lang", "title"])


_READERS = {"page": _articles, "langlinks": _links}


def _rejected(pages: DataFrame, links: DataFrame) -> DataFrame:
    """What no row could be made of: table, lang, offset in the unpacked dump, reason, raw."""
    tables = {"page": pages, "langlinks": links}
    pieces = [
        staged.where("raw is not null").select(
            F.lit(table).alias("table"), "lang", "offset", "reason", "raw"
        )
        for table, staged in tables.items()
    ]
    return pieces[0].unionByName(pieces[1]).coalesce(1)


def _counts(staged: DataFrame) -> dict[str, dict[str, int]]:
    """What became of the rows, by the dump's language and reason."""
    rows = staged.where("n is not null").groupBy("lang", "reason").agg(F.sum("n").alias("n"))
    counts: dict[str, dict[str, int]] = {}
    for row in rows.collect():
        counts.setdefault(row["lang"], {})[row["reason"]] = row["n"]
    return counts
