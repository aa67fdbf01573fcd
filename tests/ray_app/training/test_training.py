"""Losses by hand, and batches of pairs, without an engine."""

from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from clir.errors import InputError
from clir.experiment import Model
from clir.families import LOSSES as ROWS
from clir.lexicons.entries import ranked
from clir.switching.plans import OnTheFly, Plan
from clir.switching.switcher import Switcher
from ray_app.training import batching
from ray_app.training.batching import Batch
from ray_app.training.losses import LOSSES


def loss(outputs, queries, passages, scale=20.0, labels=None, name="contrastive"):
    batch = Batch((), labels, queries, passages)
    return LOSSES[name](outputs, batch, Model(family="static", scale=scale)).item()


def test_the_two_tables_have_the_same_losses():
    assert LOSSES.keys() == ROWS.keys()


def test_contrastive_loss_by_hand():
    rows = torch.eye(3)
    keys = torch.arange(3)
    # Right pairs score 1 x scale, all others 0.
    expected = -np.log(np.e**2 / (np.e**2 + 2))
    assert loss((rows, rows), keys, keys, scale=2.0) == pytest.approx(expected)


def test_the_same_text_twice_in_a_batch_is_no_negative():
    rows = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    queries, passages = torch.tensor([1, 2]), torch.tensor([7, 7])
    assert loss((rows, rows), queries, passages, scale=5.0) == pytest.approx(0.0)
    others = torch.tensor([7, 8])
    assert loss((rows, rows), queries, others, scale=5.0) == pytest.approx(np.log(2))


def test_binary_cross_entropy_by_hand():
    logits, labels = torch.tensor([2.0, -1.0]), torch.tensor([1, 0])
    expected = (np.log1p(np.exp(-2.0)) + np.log1p(np.exp(-1.0))) / 2
    found = loss((logits,), None, None, labels=labels, name="binary-cross-entropy")
    assert found == pytest.approx(expected)


@pytest.fixture
def pairs(tmp_path):
    table = pa.table(
        {
            "pair_id": [f"pair{n}" for n in range(20)],
            "query": [f"q{n}" for n in range(20)],
            "passage": [f"p{n}" for n in range(20)],
            "label": pa.array([1, 0] * 10, pa.int32()),
            "query_id": [f"{n}" for n in range(20)],
            "doc_id": [f"{n}" for n in range(20)],
            "domain": ["news", "news", "social", "social"] * 5,
        }
    )
    for part in range(2):
        pq.write_table(table.slice(part * 10, 10), tmp_path / f"part-{part}.parquet")
    return tmp_path


def taken(stream, first, last, size, workers, seed=0):
    steps = [
        [
            batch["query"].to_pylist()
            for batch in stream.batches(first, last, size, rank, workers, seed)
        ]
        for rank in range(workers)
    ]
    return [[query for part in parts for query in part] for parts in zip(*steps, strict=True)]


def test_workers_share_every_batch_and_all_take_the_same_steps(pairs):
    stream = batching.PairStream(pairs, positives_only=False)
    alone = taken(stream, 0, 7, 6, 1)
    assert [sorted(batch) for batch in taken(stream, 0, 7, 6, 3)] == [sorted(b) for b in alone]
    assert alone[0] == [f"q{n}" for n in range(6)]
    assert alone[3] == ["q18", "q19", "q0", "q1", "q2", "q3"]  # the table goes round


def test_a_resumed_run_goes_on_with_the_row_it_would_have_had(pairs):
    stream = batching.PairStream(pairs, positives_only=True)
    assert taken(stream, 5, 9, 4, 2, seed=3) == taken(stream, 0, 9, 4, 2, seed=3)[5:]


def test_pairs_are_switched_as_they_are_read_anew_in_every_turn(pairs, tmp_path):
    table = pa.table(
        {
            "source_lang": ["en"] * 20,
            "target_lang": ["de"] * 20,
            "source_term": [f"q{n}" for n in range(20)],
            "target_term": [f"F{n}" for n in range(20)],
            "score": [1.0] * 20,
            "origin": ["dictionary"] * 20,
        }
    )
    Switcher(ranked(table), ["de"]).save(tmp_path / "switchers" / "de")
    plan = Plan("bl-cs", ("de",), (), 0.5, ("dictionary",), False, 1)
    switch = OnTheFly(plan, tmp_path / "switchers")
    stream = batching.PairStream(pairs, positives_only=False, switch=switch)
    plain = batching.PairStream(pairs, positives_only=False)
    turns = [[*chain(*taken(stream, first, first + 4, 5, 1))] for first in (0, 4)]
    expected = [*chain(*taken(plain, 0, 4, 5, 1))]
    for turn in turns:
        assert [query.replace("F", "q") for query in turn] == expected
        assert 0 < sum(query.startswith("F") for query in turn) < 20
    assert turns[0] != turns[1]
    both = [sorted(batch) for batch in taken(stream, 0, 8, 5, 5)]  # whatever the workers
    assert both == [sorted(batch) for batch in taken(stream, 0, 8, 5, 1)]


def test_a_domain_left_out_and_negatives_left_out(pairs):
    stream = batching.PairStream(pairs, positives_only=True, without_domain="social")
    assert stream.rows == 5
    empty = pq.read_table(pairs / "part-0.parquet").slice(0, 0)
    for part in pairs.glob("*.parquet"):
        pq.write_table(empty, part)
    with pytest.raises(InputError, match="no training pairs left"):
        batching.PairStream(pairs, positives_only=True)
