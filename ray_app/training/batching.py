"""Switched pairs in Parquet -> one worker's share of every batch, read as a stream, as tensors.

The pairs are read in the order of the shuffled table, which goes round and round; each seed starts
at another row. The pairs of a query stand together there, its positives before its negatives. A
query is one of a turn and of a collection: ids are unique within their collection only.

A batch is whole queries, about as many pairs as the batch size says. Batch k begins with the first
query that begins at row k x size or later, but at row k x size + size // 2 at the latest: a query
with more pairs than half a batch may be cut there. It ends where batch k + 1 begins. So what a
batch holds hangs on its number alone: any number of workers has the same batches, and a resumed run
goes on with the very row it would have had.

Within a batch, whole queries are dealt to the workers in turn. If a batch has fewer queries than
workers, its rows are dealt, so that no worker is without a pair. Shares differ in size, and every
worker knows those of all.
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
from clir.experiment import Model
from clir.switching.pairs import switch_side
from clir.switching.plans import OnTheFly
from clir.text.prefixes import prefixed
from clir.text.words import hash_ids
from ray_app.models.encoding import Encoder
from ray_app.models.families import Family

_COLUMNS = "pair_id collection query_id doc_id query passage label score".split()


class Share(NamedTuple):
    """A worker's pairs of a batch."""

    pairs: pa.Table
    sizes: tuple[int, ...]  # how many pairs each worker has


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
    ) -> Iterator[Share]:
        """Worker ``rank``'s share of the batches of steps first_step .. last_step - 1."""
        for batch in self._batches(seed % 2**32 * 7919 + first_step, last_step - first_step, size):
            worker = _dealt(batch["begins"].to_numpy(), workers)
            pairs = batch.filter(pa.array(worker == rank))
            if self._switch is not None:
                pairs = _switched(pairs, self._switch)
            yield Share(pairs, tuple(np.bincount(worker).tolist()))

    def _batches(self, first: int, count: int, size: int) -> Iterator[pa.Table]:
        """Whole batches, from number ``first`` on."""
        rows, latest = self._rows_from(first * size), size // 2
        held: list[pa.Table] = []  # from row number x size on
        for _ in range(count):
            while sum(len(part) for part in held) < size + latest:
                held.append(next(rows))
            table = pa.concat_tables(held)
            begins = table["begins"].to_numpy()
            begin, end = (_first(begins, at, at + latest) for at in (0, size))
            yield table.slice(begin, end - begin)
            held = [table.slice(size)]

    def _rows_from(self, start: int) -> Iterator[pa.Table]:
        """The rows from number ``start`` on, and whether a query ``begins`` at each."""
        turn, skip = divmod(start, self.rows)
        while True:
            last = None  # query of the part before; a turn begins with a query
            for part in self._in_order([*_COLUMNS, "domain"]):
                if not len(part):
                    continue
                queries = _keys(part, "query_id")
                begins = np.diff(queries, prepend=~queries[0] if last is None else last) != 0
                last = queries[-1]
                if skip >= len(part):
                    skip -= len(part)
                    continue
                turns = pa.repeat(pa.scalar(turn), len(part))
                part = part.select(_COLUMNS).append_column("turn", turns)
                yield part.append_column("begins", pa.array(begins)).slice(skip)
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


def _first(begins: np.ndarray, at: int, latest: int) -> int:
    """The first row from ``at`` on where a query begins, or the ``latest`` one."""
    return at + int(np.append(begins[at:latest], True).argmax())


def _dealt(begins: np.ndarray, workers: int) -> np.ndarray:
    """The worker of each row of a batch, by where its queries begin."""
    queries = np.cumsum(begins)
    queries -= queries[0]
    return (queries if queries[-1] + 1 >= workers else np.arange(len(begins))) % workers


def _keys(pairs: pa.Table, ids: str) -> np.ndarray:
    """A number for each query or passage, by its id in its collection."""
    return hash_ids(pc.binary_join_element_wise(pairs["collection"], pairs[ids], "\0"))


def _switched(pairs: pa.Table, switch: OnTheFly) -> pa.Table:
    """Both sides switched; a pair gets other words in another turn."""
    ids = pc.binary_join_element_wise(pairs["pair_id"], pairs["turn"].cast(pa.string()), "@")
    for side, _ in switch.plan.sides:
        texts, names = (column.combine_chunks() for column in (pairs[side], ids))
        if switch.keeps_english:
            pairs = pairs.append_column(_english(side), texts)
        done = switch_side(side, texts, names, switch.plan, str(switch.switchers), switch.seed)
        if done is not None:
            pairs = pairs.set_column(pairs.schema.get_field_index(side), side, done.texts)
    return pairs


def _english(side: str) -> str:
    """The column of a side as it was before it was switched."""
    return f"english {side}"


class Batch(NamedTuple):
    """A share as a model takes it; the pairs of a query stand together."""

    texts: tuple[BatchEncoding, ...]  # queries and passages, or each pair together
    shares: tuple[int, ...]  # how many pairs each worker has
    labels: torch.Tensor  # 1: the passage answers the query
    scores: torch.Tensor  # a teacher's; NaN: it gave none
    query_keys: torch.Tensor  # equal for the same query
    passage_keys: torch.Tensor
    english: tuple[BatchEncoding, ...] = ()  # the texts before they were switched, if kept

    def to(self, device: torch.device) -> Batch:
        texts, english = (
            tuple(tokens.to(device) for tokens in side) for side in (self.texts, self.english)
        )
        columns = (self.labels, self.scores, self.query_keys, self.passage_keys)
        labels, scores, query_keys, passage_keys = (column.to(device) for column in columns)
        return Batch(texts, self.shares, labels, scores, query_keys, passage_keys, english)


def tokenized(share: Share, family: Family, encode: Encoder, settings: Model) -> Batch:
    """A table of pairs as tensors."""
    pairs = share.pairs
    prefixes = {"query": settings.query_prefix, "passage": settings.passage_prefix}

    def read(column: Callable[[str], str]) -> tuple[BatchEncoding, ...]:
        sides = (prefixed(prefix, _text(pairs, column(side))) for side, prefix in prefixes.items())
        return family.inputs(encode, *sides)

    there = all(_english(side) in pairs.column_names for side in prefixes)
    return Batch(
        texts=read(str),
        shares=share.sizes,
        labels=torch.from_numpy(pairs["label"].to_numpy().astype(np.int64)),
        scores=torch.from_numpy(pairs["score"].to_numpy().astype(np.float32)),
        query_keys=torch.from_numpy(_keys(pairs, "query_id").view(np.int64)),
        passage_keys=torch.from_numpy(_keys(pairs, "doc_id").view(np.int64)),
        english=read(_english) if there else (),
    )


def _text(pairs: pa.Table, column: str) -> pa.Array:
    return pairs[column].combine_chunks()


def made_ahead(shares: Iterator[Share], make: Callable[[Share], Batch]) -> Iterator[Batch]:
    """``make(share)`` of each share in order, the next one made while this one is used."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(make, next(shares))
        for share in shares:
            ready, coming = coming.result(), thread.submit(make, share)
            yield ready
        yield coming.result()
