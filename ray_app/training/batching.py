"""Switched pairs in Parquet -> one worker's share of every batch, read as a stream, as tensors.

Batch k of a run is rows k x batch size and on of the shuffled table, whatever the number of
workers; worker r of n takes every n-th row from r. So all workers take the same number of steps
and a resumed run goes on with the very row it would have had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from transformers import BatchEncoding

from clir.errors import InputError
from clir.switching.pairs import switch_side
from clir.switching.plans import OnTheFly
from clir.text.words import hash_ids
from ray_app.models.encoding import Encoder
from ray_app.models.families import Family

_COLUMNS = ["pair_id", "query", "passage", "label", "query_id", "doc_id"]


class PairStream:
    """The pairs of one method, endlessly; or its positives only.

    With ``switch``, each pass over the pairs is switched anew.
    """

    def __init__(
        self,
        folder: Path,
        positives_only: bool,
        without_domain: str | None = None,
        switch: OnTheFly | None = None,
    ):
        self._files = sorted(folder.glob("*.parquet"))
        self._positives_only, self._without_domain = positives_only, without_domain
        self._switch = switch
        self.rows = sum(len(part) for part in self._in_order(["label", "domain"]))
        if not self.rows:
            raise InputError(f"{folder}: no training pairs left (without {without_domain})")

    def batches(
        self, first_step: int, last_step: int, size: int, rank: int, workers: int, seed: int
    ) -> Iterator[pa.Table]:
        """Worker ``rank``'s share of the batches of steps first_step .. last_step - 1.

        Each seed starts at another row, so that seeds see other batches.
        """
        rows = self._rows_from((seed % 2**32 * 7919 + first_step) * size)
        held: list[pa.Table] = []
        for _ in range(first_step, last_step):
            while sum(len(part) for part in held) < size:
                held.append(next(rows))
            table = pa.concat_tables(held)
            share = table.slice(0, size).take(pa.array(range(rank, size, workers)))
            yield share if self._switch is None else _switched(share, self._switch, seed)
            held = [table.slice(size)]

    def _rows_from(self, start: int) -> Iterator[pa.Table]:
        """The rows from number ``start`` on, where the table goes round and round."""
        turn, skip = divmod(start, self.rows)
        while True:
            for part in self._in_order([*_COLUMNS, "domain"]):
                if skip >= len(part):
                    skip -= len(part)
                    continue
                turns = pa.repeat(pa.scalar(turn), len(part) - skip)
                yield part.slice(skip).select(_COLUMNS).append_column("turn", turns)
                skip = 0
            turn += 1

    def _in_order(self, columns: list[str]) -> Iterator[pa.Table]:
        """The wanted rows, file by file: a scan of all files at once may change their order."""
        for file in self._files:
            for batch in pq.ParquetFile(file).iter_batches(8192, columns=columns):
                keep = pc.equal(batch["label"], 1) if self._positives_only else None
                if self._without_domain is not None:
                    other = pc.not_equal(batch["domain"], self._without_domain)
                    keep = other if keep is None else pc.and_(keep, other)
                yield pa.Table.from_batches([batch if keep is None else batch.filter(keep)])


def _switched(pairs: pa.Table, switch: OnTheFly, seed: int) -> pa.Table:
    """Both sides switched; a pair gets other words in another turn."""
    ids = pc.binary_join_element_wise(pairs["pair_id"], pairs["turn"].cast(pa.string()), "@")
    for side, _ in switch.plan.sides:
        texts, names = (column.combine_chunks() for column in (pairs[side], ids))
        done = switch_side(side, texts, names, switch.plan, str(switch.switchers), seed)
        if done is not None:
            pairs = pairs.set_column(pairs.schema.get_field_index(side), side, done.texts)
    return pairs


class Batch(NamedTuple):
    """Pairs as a model takes them."""

    texts: tuple[BatchEncoding, ...]  # queries and passages, or each pair together
    labels: torch.Tensor  # 1: the passage answers the query
    query_keys: torch.Tensor  # equal for the same query
    passage_keys: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        texts = tuple(tokens.to(device) for tokens in self.texts)
        return Batch(texts, *(tensor.to(device) for tensor in self[1:]))


def tokenized(pairs: pa.Table, family: Family, encode: Encoder) -> Batch:
    """A table of pairs as tensors."""
    sides = (pairs[side].combine_chunks() for side in ("query", "passage"))
    texts = family.inputs(encode, *sides)
    keys = (
        torch.from_numpy(hash_ids(pairs[name]).view(np.int64)) for name in ("query_id", "doc_id")
    )
    return Batch(texts, torch.tensor(pairs["label"].to_pylist()), *keys)


def made_ahead(pairs: Iterator[pa.Table], make: Callable[[pa.Table], Batch]) -> Iterator[Batch]:
    """``make(table)`` of each table in order, the next one made while this one is used."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(make, next(pairs))
        for table in pairs:
            ready, coming = coming.result(), thread.submit(make, table)
            yield ready
        yield coming.result()
