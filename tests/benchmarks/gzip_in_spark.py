"""Two ways to read one large gzip dump in Spark, measured: ``gzip_in_spark WAY PATH``.

stream: one task unpacks and parses. split: one task unpacks and cuts into blocks of whole lines,
which are shuffled and parsed by all cores. Both hand all rows to Spark, which drops them. Prints
the seconds of the work alone.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from clir import experiment
from clir.lexicons import sql_dump
from clir.lexicons.sql_dump import Account, read_dump
from spark_etl.session import read_each, spark_session
from spark_etl.titles import PAGE
from tests.benchmarks import generate

_ROWS = "page_id long, page_namespace long, page_title string, page_is_redirect long"


def stream(spark: SparkSession, path: str) -> DataFrame:
    return read_each(spark, [(path,)], "path string", _parsed, _ROWS)


def split(spark: SparkSession, path: str) -> DataFrame:
    columns = "names array<string>, block binary"
    blocks = read_each(spark, [(path,)], "path string", _blocks, columns)
    return blocks.repartition(8).mapInArrow(_parsed_blocks, _ROWS)


def _parsed(work: dict[str, str]) -> Iterator[pa.RecordBatch]:
    return read_dump(work["path"], "page", PAGE, Account())


def _blocks(work: dict[str, str]) -> Iterator[pa.RecordBatch]:
    path = Path(work["path"])
    reader = sql_dump.Reader(path, "page", PAGE, Account())
    for block in sql_dump.blocks_of_lines(path):
        if not reader.columns:
            reader.read(block)
        yield pa.RecordBatch.from_pydict({"names": [reader.columns], "block": [block]})


def _parsed_blocks(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for row in batch.to_pylist():
            reader = sql_dump.Reader(Path(), "page", PAGE, Account())
            reader.columns = row["names"]
            yield reader.read(row["block"])[0]


def main() -> None:
    way, path = {"stream": stream, "split": split}[sys.argv[1]], sys.argv[2]
    with tempfile.TemporaryDirectory() as folder, spark_session(experiment.Spark()) as start:
        small = str(generate.write_page_dump(Path(folder) / "small.sql.gz", 100))
        for of in (small, small, path):  # the session, its workers and the reader are warm
            started = time.perf_counter()
            way(start(), of).write.format("noop").mode("overwrite").save()
            seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "amount": 0}))


if __name__ == "__main__":
    main()
