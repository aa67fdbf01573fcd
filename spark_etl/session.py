"""The Spark session of every data job, and the settings that matter, with reasons."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from pyspark import SparkConf
from pyspark.sql import DataFrame, SparkSession

from clir import experiment

# Starts the session when first called; stages that are up to date never do.
Spark = Callable[[], SparkSession]


@contextmanager
def spark_session(settings: experiment.Spark) -> Iterator[Spark]:
    """The session that spark-submit prepared, or a local one; stopped at the end."""
    started: list[SparkSession] = []

    def start() -> SparkSession:
        if not started:
            started.append(_start(settings))
        return started[0]

    try:
        yield start
    finally:
        for session in started:
            session.stop()


def _start(settings: experiment.Spark) -> SparkSession:
    # Rows cross into Python as Arrow batches here, never as pandas frames.
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
    # Workers must run this interpreter, with clir installed in it.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("clir")
    if not SparkConf().contains("spark.master"):
        # A laptop's names may resolve to an address that is down; loopback never is.
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        builder = builder.master(settings.master)
        builder = builder.config("spark.driver.memory", settings.driver_memory)
        builder = builder.config("spark.ui.enabled", False)
        builder = builder.config("spark.ui.showConsoleProgress", False)
        # Workers' errors reach the user as exceptions; here the log would only repeat them.
        builder = builder.config("spark.log.level", "OFF")
    return (
        builder.config("spark.sql.shuffle.partitions", settings.shuffle_partitions)
        # zstd: a third smaller than snappy on text, as fast to read.
        .config("spark.sql.parquet.compression.codec", "zstd")
        # Row groups are what training and ranking read in parallel; Spark's 128 MB is one for all.
        .config("spark.hadoop.parquet.block.size", 16 << 20)
        # Rows of a passage table are about 1 KB: batches of a few MB keep the kernels in cache.
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", 4096)
        .getOrCreate()
    )


def one_task_each(spark: SparkSession, rows: Iterable[tuple[Any, ...]], schema: str) -> DataFrame:
    """A small table of work, one row a task (files are read as streams, never cut)."""
    work = list(rows)
    frame = spark.createDataFrame(work, schema)
    return frame.repartitionByRange(max(1, len(work)), *frame.columns)
