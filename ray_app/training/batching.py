"""Switched pairs in Parquet -> one worker's share of every batch, read as a stream.

Batch k of a run is rows k x batch size and on of the shuffled table, whatever the number of
workers; worker r of n takes every n-th row from r. So all workers take the same number of steps
and a resumed run goes on with the very row it would have had.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset

from clir.errors import InputError

_COLUMNS = ["query", "passage", "label", "query_id", "doc_id"]


class PairStream:
    """The pairs of one method, endlessly; positives only for the bi-encoder."""

    def __init__(self, folder: Path, positives_only: bool, without_domain: str | None = None):
        self._data = pyarrow.dataset.dataset(sorted(map(str, folder.glob("*.parquet"))))
        keep = pc.scalar(True)
        if positives_only:
            keep &= pc.field("label") == 1
        if without_domain is not None:
            keep &= pc.field("domain") != without_domain
        self._keep = keep
        self.rows = self._data.count_rows(filter=keep)
        if not self.rows:
            raise InputError(f"{folder}: no training pairs left (without {without_domain})")

    def batches(
        self, first_step: int, last_step: int, size: int, rank: int, workers: int, seed: int
    ) -> Iterator[pa.Table]:
        """Worker ``rank``'s share of the batches of steps first_step .. last_step - 1.

        Each seed starts at another row, so that seeds see other batches.
        """
        start = (seed * 7919 * size + first_step * size) % self.rows
        rows = self._rows_from(start)
        held: list[pa.Table] = []
        for _ in range(first_step, last_step):
            while sum(len(part) for part in held) < size:
                held.append(next(rows))
            table = pa.concat_tables(held)
            yield table.slice(0, size).take(pa.array(range(rank, size, workers)))
            held = [table.slice(size)]

    def _rows_from(self, start: int) -> Iterator[pa.Table]:
        skip = start
        while True:
            for batch in self._data.to_batches(
                columns=_COLUMNS, filter=self._keep, batch_size=8192
            ):
                if skip >= len(batch):
                    skip -= len(batch)
                    continue
                yield pa.Table.from_batches([batch.slice(skip)])
                skip = 0
