"""Dumps -> titles: which article has which title in which language.

Every dump is read as one stream by one task (a gzip file cannot be cut, and parsing it takes less
time than unpacking it). Pages and links are then joined by ranges of page ids, a task each: what a
task holds is bounded by the range, and as dumps come in the order of ids, it reads little else.
All tables stay columns; as rows of Spark's they would take three times as long, and its heap.
Rejected pieces end up in the folder ``rejected``, with their place and the reason.
"""

import shutil
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from clir import manifest, progress, stages, whole_files
from clir.errors import InputError
from clir.experiment import Experiment
from clir.languages import LANGUAGES
from clir.lexicons.sql_dump import Account, read_dump
from clir.tables import TITLES
from spark_etl.session import Spark, run_each

PAGE = pa.schema(
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
    "page": pa.schema({"page_id": pa.int64(), "page_title": pa.string()}),
    "langlinks": _LANGLINKS,
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
_ROW_GROUP = 1 << 18  # rows: some 10 MB
_RANGE = 1 << 18  # page ids joined by one task: with links into all languages, 3 million rows
_MOSTLY = 0.5  # share of bad rows


class _Source(NamedTuple):
    """A dump to read."""

    table: str
    lang: str
    path: Path
    max_bad_share: float


class _Staged(NamedTuple):
    """What became of a dump."""

    counts: Counter[str]  # of rows, by their fate
    kept: int  # rows
    ranges: set[int]  # of page ids, by number, that have any page


def mine(spark: Spark, experiment: Experiment) -> Path:
    """Make the titles table of all dumps of the experiment; returns its folder."""
    stage = stages.titles(experiment)

    def write(out: Path) -> dict[str, int]:
        manifest.remove(experiment.workspace, experiment.workspace.rejected_titles)
        return _write(spark(), experiment, out)

    manifest.build(experiment.workspace, *stage, write)
    return stage.folder


def _write(spark: SparkSession, experiment: Experiment, out: Path) -> dict[str, int]:
    dumps, quarantine = experiment.titles, experiment.workspace.rejected_titles
    # Executors do not run in this process's folder.
    staging, rejected, data = (out / name for name in ("staging", "rejected", "data"))
    told = staging / "progress"
    for folder in (staging, rejected, data):
        folder.mkdir()
    sources = [
        _Source(table, dump.lang, getattr(dump, table).absolute(), dump.max_bad_share)
        for table in _KEPT
        for dump in dumps
    ]
    # The largest first, so that it is not begun last.
    sources.sort(key=lambda source: source.path.stat().st_size, reverse=True)
    try:
        with progress.relayed(told):
            read = run_each(spark, sources, partial(_stage, staging, rejected, told))
        staged = dict(zip(sources, read, strict=True))
        for source, one in staged.items():
            _check_share(source, one.counts, quarantine)
    except Exception:
        # The stage's own folder goes; what is half written there is another task's.
        copy = partial(shutil.copytree, rejected, ignore=shutil.ignore_patterns("_*"))
        manifest.replace(experiment.workspace, quarantine, copy)
        raise
    ranges = [
        (source.lang, number)
        for source, one in staged.items()
        if source.table == "page"
        for number in sorted({0, *one.ranges})
    ]
    titles = sum(run_each(spark, ranges, partial(_join, staging, data)))
    if not ranges:  # no dumps: a table without rows, which is one all the same
        pq.write_table(TITLES.empty_table(), data / "none.parquet")
    shutil.rmtree(staging, ignore_errors=True)
    for left in (*rejected.glob("_*"), *data.glob("_*")):  # of tasks that were killed
        left.unlink(missing_ok=True)  # one that is taken for killed may still do so itself
    return _total(staged, titles)


def _total(staged: dict[_Source, _Staged], titles: int) -> dict[str, int]:
    """Rows of all wikis by table and fate."""
    total: Counter[str] = Counter()
    for source, one in sorted(staged.items(), reverse=True):  # pages, then links
        total.update({f"{source.table} {fate}": n for fate, n in sorted(one.counts.items())})
    links = sum(one.kept for source, one in staged.items() if source.table == "langlinks")
    # Links of redirects, categories, pages that are gone.
    return {**total, "titles": titles, "langlinks link from no article": links - titles}


def _check_share(source: _Source, counts: Counter[str], quarantine: Path) -> None:
    """InputError where too many rows are damaged."""
    dropped = sum(n for fate, n in counts.items() if fate.startswith("dropped"))
    rows = counts["rows"] + dropped
    if dropped > source.max_bad_share * rows:
        raise InputError(
            f"{source.path}: {dropped} of {rows} rows are damaged, more than max_bad_share "
            f"{source.max_bad_share}; see {quarantine}"
        )


def _stage(staging: Path, rejected: Path, told: Path, source: _Source) -> _Staged:
    """Write what is kept of one dump, and what was rejected of it."""
    account, name = Account(), f"{source.table}.{source.lang}.parquet"
    with (
        progress.sent_to(told),
        progress.stage(source.path.name, unit="rows") as stage,
        whole_files.writing(staging / name) as file,
        whole_files.writing(rejected / name) as bad_file,
        pq.ParquetWriter(file, _KEPT[source.table], compression="zstd") as writer,
        pq.ParquetWriter(bad_file, _REJECTED, compression="zstd") as bad_writer,
    ):
        staged: _Staged | InputError
        try:
            staged = _read(source, account, writer, bad_writer, stage)
        except InputError as error:  # raised when what was rejected is there to be seen
            staged = error
        _take_away(account, source, bad_writer)
    if isinstance(staged, InputError):
        raise staged
    return staged


def _read(
    source: _Source,
    account: Account,
    writer: pq.ParquetWriter,
    bad_writer: pq.ParquetWriter,
    stage: progress.Stage,
) -> _Staged:
    # One that is mostly damaged is given up here; the share allowed is looked at afterwards, when
    # all that was rejected is written.
    allowed = max(source.max_bad_share, _MOSTLY)
    kept, ranges = 0, set[int]()
    held: list[pa.RecordBatch] = []
    for batch in _READERS[source.table](source, allowed, account):
        kept += len(batch)
        if source.table == "page":
            ranges.update(pc.unique(pc.divide(batch["page_id"], _RANGE)).to_pylist())
        if stage.is_due():
            stage.update(kept)
        held.append(batch)
        if sum(map(len, held)) >= _ROW_GROUP:
            writer.write_table(pa.Table.from_batches(held))
            held.clear()
        _take_away(account, source, bad_writer)
    stage.update(kept)
    writer.write_table(pa.Table.from_batches(held, writer.schema))
    return _Staged(account.counts, kept, ranges)


def _take_away(account: Account, source: _Source, writer: pq.ParquetWriter) -> None:
    """Write what was rejected since the last look."""
    if account.rejected:
        place = {"table": source.table, "lang": source.lang}
        pieces = [place | one._asdict() for one in account.rejected]
        writer.write_table(pa.Table.from_pylist(pieces, _REJECTED))
        account.rejected.clear()


def _articles(source: _Source, max_bad_share: float, account: Account) -> Iterator[pa.RecordBatch]:
    """Pages in the article namespace that are no redirects."""
    for batch in read_dump(source.path, "page", PAGE, account, max_bad_share):
        article = pc.equal(batch["page_namespace"], 0)
        direct = pc.equal(batch["page_is_redirect"], 0)
        account.counts["other namespace"] += pc.sum(pc.invert(article)).as_py()
        account.counts["redirect"] += pc.sum(pc.and_(article, pc.invert(direct))).as_py()
        account.counts["articles"] += pc.sum(pc.and_(article, direct)).as_py()
        rows = batch.filter(pc.and_(article, direct))
        yield rows.select(["page_id", "page_title"])


def _links(source: _Source, max_bad_share: float, account: Account) -> Iterator[pa.RecordBatch]:
    """Links into the languages of the project."""
    ours = pa.array([code for code in LANGUAGES if code != source.lang])
    for batch in read_dump(source.path, "langlinks", _LANGLINKS, account, max_bad_share):
        wanted = pc.is_in(batch["ll_lang"], ours)
        filled = pc.greater(pc.binary_length(batch["ll_title"]), 0)
        account.counts["link into another language"] += pc.sum(pc.invert(wanted)).as_py()
        account.counts["link without a title"] += pc.sum(pc.and_(wanted, pc.invert(filled))).as_py()
        yield batch.filter(pc.and_(wanted, filled))


_READERS = {"page": _articles, "langlinks": _links}


def _join(staging: Path, data: Path, here: tuple[str, int]) -> int:
    """Write the titles of the articles of a range of page ids, in the order of links; how many."""
    lang, number = here
    first = number * _RANGE
    pages, links = (
        pq.read_table(
            staging / f"{table}.{lang}.parquet",
            filters=(pc.field(key) >= first) & (pc.field(key) < first + _RANGE),
            use_threads=False,
        )
        for table, key in (("page", "page_id"), ("langlinks", "ll_from"))
    )
    place = pc.index_in(links["ll_from"], pages["page_id"])
    links = links.filter(pc.is_valid(place))
    columns = {
        "page_id": links["ll_from"],
        "source_lang": pa.repeat(lang, len(links)),
        "source_title": pages["page_title"].take(place.drop_null()),
        "target_lang": links["ll_lang"],
        "target_title": links["ll_title"],
    }
    whole_files.write_table(pa.table(columns, TITLES), data / f"{lang}.{number:05}.parquet")
    return len(links)
