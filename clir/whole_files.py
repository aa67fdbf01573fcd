"""Files that are there whole or not at all, whoever is killed while one is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """A file that gets its name when it is written: a task may be killed, or run twice.

    What is left of a killed one begins with ``_``, which readers of folders pass over.
    """
    partial = path.with_name(f"_{path.name}.{uuid4().hex}")
    try:
        with partial.open("wb") as file:
            yield file
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def write_table(table: pa.Table, path: Path) -> Path:
    """A table as Parquet; folders that are missing are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path) as file:
        pq.write_table(table, file, compression="zstd")
    return path
