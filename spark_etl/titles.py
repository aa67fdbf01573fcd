"""Dumps -> titles: which article has which title in which language.

Every dump is read as one stream by one task (a gzip file cannot be cut, and parsing it takes less
time than unpacking it), which writes what is asked of it as Parquet by itself: Spark would make
rows of the columns first. Rejected pieces end up in the folder ``rejected``, with their place and
the reason.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
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

# What is kept of the two tables, and of what is no row.
_KEPT = {
    "page": pa.schema({"lang": pa.string(), "page_id": pa.int64(), "title": pa.string()}),
    "langlinks": pa.schema(
        {
            "lang": pa.string(),
            "page_id": pa.int64(),
            "target_lang": pa.string(),
            "target_title": pa.string(),
        }
    ),
}
_REJECTED = pa.schema(
    {
        "table": pa.string(),
        "lang": pa.string(),
        "offset": pa.int64(),  # in the unpacked dump
        "reason": pa.string(),
        "raw": pa.binary(),
    }
)
_ROW_GROUP = 1 << 20  # rows: some 30 MB; what one task of the join reads
_HOPELESS = 0.5  # share of bad rows

Counts = dict[str, int]


def mine(spark: Spark, experiment: Experiment) -> Path:
    """Make the titles table of all dumps of the experiment; returns its folder."""
    folder = experiment.output / "titles"
    files = [path for dump in experiment.titles for path in (dump.page, dump.langlinks)]
    settings = {"titles": [dump.model_dump(mode="json") for dump in experiment.titles]}
    quarantine = experiment.output / "titles.rejected"

    def write(out: Path) -> Counts:
        return _write(spark(), experiment.titles, out, quarantine)

    manifest.build(folder, files, settings, write)
    return folder


def _write(spark: SparkSession, dumps: list[Dumps], out: Path, quarantine: Path) -> Counts:
    staging = out / "staging"
    counts = _stage(spark, dumps, staging, out / "rejected")
    shutil.rmtree(quarantine, ignore_errors=True)
    for dump in dumps:
        for table in _KEPT:
            if message := _too_much_is_bad(counts[table, dump.lang], dump.max_bad_share):
                shutil.copytree(out / "rejected", quarantine)  # the stage's own folder goes
                raise InputError(f"{getattr(dump, table)}: {message}; see {quarantine}")
    pages, links = (spark.read.parquet(str(staging / table)) for table in _KEPT)
    join(pages, links).write.parquet(str(out / "data"))
    total: Counts = {}
    for (table, _), found in sorted(counts.items(), key=lambda item: item[0][0] != "page"):
        for reason, n in sorted(found.items()):
            total[f"{table} {reason}"] = total.get(f"{table} {reason}", 0) + n
    total["titles"] = spark.read.parquet(str(out / "data")).count()
    # Links of redirects, categories, pages that are gone.
    total["langlinks link from no article"] = links.count() - total["titles"]
    shutil.rmtree(staging)
    return total


def _too_much_is_bad(counts: Counts, allowed: float) -> str | None:
    dropped = sum(n for reason, n in counts.items() if reason.startswith("dropped"))
    rows = counts["rows"] + dropped
    if dropped <= allowed * rows:
        return None
    return f"{dropped} of {rows} rows are damaged, more than max_bad_share {allowed}"


def join(pages: DataFrame, links: DataFrame) -> DataFrame:
    """Articles with their links into the other languages: the columns of ``tables.TITLES``."""
    return (
        pages.join(links, ["lang", "page_id"])
        .select(
            "page_id",
            F.col("lang").alias("source_lang"),
            F.col("title").alias("source_title"),
            "target_lang",
            "target_title",
        )
        .orderBy("source_lang", "page_id", "target_lang", "target_title", "source_title")
    )


def _stage(
    spark: SparkSession, dumps: list[Dumps], staging: Path, rejected: Path
) -> dict[tuple[str, str], Counts]:
    """Read all dumps, a task and a file each; what became of the rows of each table and wiki."""
    work = [
        (table, dump.lang, str(getattr(dump, table).absolute()), dump.max_bad_share)
        for dump in dumps
        for table in _KEPT
    ]
    for folder in (*(staging / table for table in _KEPT), rejected):
        folder.mkdir(parents=True)
    frame = one_task_each(spark, work, "table string, lang string, path string, share double")
    # Executors do not run in this process's folder.
    task = _reader(staging.absolute(), rejected.absolute())
    done = frame.mapInArrow(task, "table string, lang string, counts string")
    return {(row.table, row.lang): json.loads(row.counts) for row in done.collect()}


def _reader(
    staging: Path, rejected: Path
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for work in batch.to_pylist():
                counts = _read(staging, rejected, **work)
                done = {"table": work["table"], "lang": work["lang"], "counts": json.dumps(counts)}
                yield pa.RecordBatch.from_pylist([done])

    return run


def _read(
    staging: Path, rejected: Path, table: str, lang: str, path: str, share: float
) -> dict[str, int]:
    """Write one dump's rows and what was rejected of it; what became of its rows."""
    account = Account()
    # One that is mostly damaged is given up; the share allowed is looked at afterwards, when all
    # that was rejected lies there to be seen.
    rows = _READERS[table](lang, path, max(share, _HOPELESS), account)
    with (
        manifest.whole(staging / table / f"{lang}.parquet") as kept,
        manifest.whole(rejected / f"{table}.{lang}.parquet") as bad,
        pq.ParquetWriter(kept, _KEPT[table], compression="zstd") as writer,
        pq.ParquetWriter(bad, _REJECTED, compression="zstd") as bad_writer,
    ):
        held: list[pa.RecordBatch] = []
        for batch in rows:
            held.append(_with_lang(batch, lang, _KEPT[table]))
            if sum(map(len, held)) >= _ROW_GROUP:
                writer.write_table(pa.Table.from_batches(held))
                held.clear()
            _take_away(account, table, lang, bad_writer)
        writer.write_table(pa.Table.from_batches(held, _KEPT[table]))
        _take_away(account, table, lang, bad_writer)
    return {"rows": 0} | dict(account.counts)


def _with_lang(batch: pa.RecordBatch, lang: str, schema: pa.Schema) -> pa.RecordBatch:
    columns = [pa.repeat(lang, len(batch)), *batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _take_away(account: Account, table: str, lang: str, writer: pq.ParquetWriter) -> None:
    """Write what was rejected since the last look."""
    if account.rejected:
        pieces = [{"table": table, "lang": lang, **one._asdict()} for one in account.rejected]
        writer.write_table(pa.Table.from_pylist(pieces, _REJECTED))
        account.rejected.clear()


def _articles(
    lang: str, path: str, max_bad_share: float, account: Account
) -> Iterator[pa.RecordBatch]:
    """Pages in the article namespace that are no redirects."""
    for batch in read_dump(path, "page", _PAGE, account, max_bad_share):
        article = pc.equal(batch["page_namespace"], 0)
        direct = pc.equal(batch["page_is_redirect"], 0)
        account.counts["other namespace"] += pc.sum(pc.invert(article)).as_py()
        account.counts["redirect"] += pc.sum(pc.and_(article, pc.invert(direct))).as_py()
        account.counts["articles"] += pc.sum(pc.and_(article, direct)).as_py()
        rows = batch.filter(pc.and_(article, direct))
        yield rows.select(["page_id", "page_title"])


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
        yield batch.filter(pc.and_(wanted, filled))


_READERS = {"page": _articles, "langlinks": _links}
