"""The Spark session of every data job, and the settings that matter, with reasons."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from py4j.protocol import Py4JError
from pyspark import SparkContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from clir import experiment, progress, scratch

# Starts the session when first called; stages that are up to date never do.
Spark = Callable[[], SparkSession]

Work = TypeVar("Work")
Answer = TypeVar("Answer")


@contextmanager
def spark_session(settings: experiment.Spark) -> Iterator[Spark]:
    """The session that spark-submit prepared, or a local one; stopped at the end."""
    started: list[SparkSession] = []

    def start() -> SparkSession:
        if not started:
            started.append(_start(settings))
            told.enter_context(progress.watched(partial(_tell_tasks, started[0])))
        return started[0]

    try:
        with ExitStack() as told:
            yield start
    finally:
        for session in started:
            session.stop()


def _tell_tasks(session: SparkSession) -> None:
    """How many tasks of the jobs at work are done, for the stage at work."""
    stage = progress.innermost()
    if stage is None:
        return
    tracker = session.sparkContext.statusTracker()
    with suppress(Py4JError, OSError):  # its JVM is gone, which the work itself finds out
        found = [tracker.getStageInfo(one) for one in tracker.getActiveStageIds()]
        active = [info for info in found if info is not None]
        if active:
            done, total = (
                sum(getattr(info, name) for info in active)
                for name in ("numCompletedTasks", "numTasks")
            )
            stage.update(done, total, "tasks")


def _start(settings: experiment.Spark) -> SparkSession:
    # Rows cross into Python as Arrow batches here, never as pandas frames.
    # Workers must run this interpreter, with clir's dependencies installed in it.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    chosen = _everywhere(settings)
    if "PYSPARK_GATEWAY_PORT" in os.environ:  # spark-submit started us
        # Spark would let what a program sets win over spark-submit's options, the master included.
        # Those, and spark-defaults.conf's, are the JVM's system properties.
        chosen = {k: v for k, v in chosen.items() if SparkContext.getSystemProperty(k) is None}
    else:
        # A laptop's names may resolve to an address that is down; loopback never is.
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        # Java can name no file beyond ASCII where the locale has no UTF-8.
        if os.environ.get("LC_ALL") in ("C", "POSIX"):
            os.environ["LC_ALL"] = "C.UTF-8"
        chosen |= _local(settings)
    builder = SparkSession.builder
    for key, value in chosen.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _everywhere(settings: experiment.Spark) -> dict[str, Any]:
    """What every job sets, locally and on a cluster, unless spark-submit was told otherwise.

    Left as Spark 4 has them, because our tasks rely on them: adaptive execution (joins with small
    tables become broadcasts; shuffles are coalesced, but never the one that shards the training
    pairs, whose number is given); commits of whole tasks (version 1 of Hadoop's committer: a task
    that dies or runs twice leaves no rows; files that tasks write by themselves appear whole or not
    at all, ``whole_files.writing``); reused Python workers (they keep the lexicon); four
    tries for a task. Speculation stays off: a file is read by one long task, and its copy would
    start from the beginning; switched on, it costs time, but no row comes twice.
    """
    return {
        "spark.log.level": "WARN",  # spark-submit would have a terminal full of INFO
        # Also the number of shards of the training pairs.
        "spark.sql.shuffle.partitions": settings.shuffle_partitions,
        # zstd: a third smaller than snappy on text, as fast to read.
        "spark.sql.parquet.compression.codec": "zstd",
        # Row groups are what training and ranking read in parallel; Spark's 128 MB is one for all.
        "spark.hadoop.parquet.block.size": 16 << 20,
        # A row is about 1 KB where texts are passages: batches of a few MB keep the kernels in
        # cache. Where texts are whole articles the bytes bound a worker's memory: kernels need
        # several arrays of a batch's size, and Spark would allow 64 MB.
        "spark.sql.execution.arrow.maxRecordsPerBatch": 4096,
        "spark.sql.execution.arrow.maxBytesPerBatch": 16 << 20,
        # Python workers, one a core, hold lexicons and batches outside the JVM's heap. Spark allots
        # a tenth of it to them; on Kubernetes, for Python, this. Standalone clusters do not limit.
        "spark.executor.memoryOverheadFactor": 0.4,
    }


def _local(settings: experiment.Spark) -> dict[str, Any]:
    """What a session of our own needs besides; else it is for spark-submit to say."""
    return {
        "spark.master": settings.master,
        "spark.app.name": "clir",
        "spark.driver.memory": settings.driver_memory,
        # Ours alone, and gone with this process however it ends.
        "spark.local.dir": scratch.folder() / "spark",
        "spark.driver.extraJavaOptions": (
            f'"-Djava.io.tmpdir={scratch.folder() / "tmp"}" -XX:-UsePerfData'
        ),
        "spark.ui.enabled": False,
        "spark.ui.showConsoleProgress": False,
    }


def read_table(spark: SparkSession, folder: Path) -> DataFrame:
    """A Parquet table by its folder, whose path is no pattern: Spark's reader takes it as one."""
    return spark.read.option("__globPaths__", "false").parquet(str(folder))


def read_each(
    spark: SparkSession,
    work: Sequence[tuple[Any, ...]],
    schema: str,
    read: Callable[[dict[str, Any]], Iterable[pa.RecordBatch]],
    columns: StructType | str,
) -> DataFrame:
    """The table of what ``read`` gives for each piece of work (a row of ``schema``), a task each.

    Files are read as streams, never cut. Paths in the work must be absolute: tasks do not run in
    the driver's folder.
    """

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for row in batch.to_pylist():
                yield from read(row)

    rows = spark.createDataFrame(work, schema)
    rows = rows.repartitionByRange(max(1, len(work)), *rows.columns)
    return rows.mapInArrow(run, columns)


def run_each(
    spark: SparkSession, work: Sequence[Work], task: Callable[[Work], Answer]
) -> list[Answer]:
    """What ``task`` answers to each piece of work, a Spark task each; in the order of the work.

    For tasks that read and write files by themselves and answer little. Paths in the work
    must be absolute: tasks do not run in the driver's folder.
    """
    return spark.sparkContext.parallelize(work, max(1, len(work))).map(task).collect()
