"""Losses by hand and over workers, and batches of pairs, without an engine."""

from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st

from clir import tables
from clir.errors import InputError
from clir.experiment import Distillation, Model
from clir.families import FAMILIES as FAMILY_ROWS
from clir.families import LOSSES as ROWS
from clir.lexicons.entries import entry_table, ranked
from clir.switching.plans import OnTheFly, Plan
from clir.switching.switcher import Switcher
from ray_app.models.encoding import Encoder
from ray_app.models.families import FAMILIES
from ray_app.models.tokenization import train_tokenizer
from ray_app.training import batching
from ray_app.training.batching import Batch
from ray_app.training.losses import LOSSES, distillation, mixed


def batch_of(queries, passages, labels, shares=None, scores=None):
    labels = torch.as_tensor(labels)
    keys = map(torch.as_tensor, (queries, passages))
    scores = torch.zeros(len(labels)) if scores is None else torch.as_tensor(scores)
    return Batch((), shares or (len(labels),), labels, scores, *keys)


def loss(outputs, queries, passages, scale=20.0, labels=(1, 1, 1), name="contrastive", scores=None):
    labels = list(labels[: len(queries)])
    batch = batch_of(list(queries), list(passages), labels, scores=scores)
    return LOSSES[name](outputs, batch, Model(family="static", scale=scale)).item()


def test_the_two_tables_have_the_same_losses():
    assert LOSSES.keys() == ROWS.keys()


def test_contrastive_loss_by_hand():
    rows = torch.eye(3)
    keys = range(3)
    # Right pairs score 1 x scale, all others 0.
    expected = -np.log(np.e**2 / (np.e**2 + 2))
    assert loss((rows, rows), keys, keys, scale=2.0) == pytest.approx(expected)


def test_the_same_text_twice_in_a_batch_is_no_negative():
    rows = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert loss((rows, rows), [1, 2], [7, 7], scale=5.0) == pytest.approx(0.0)
    assert loss((rows, rows), [1, 2], [7, 8], scale=5.0) == pytest.approx(np.log(2))


def test_binary_cross_entropy_by_hand():
    logits = torch.tensor([2.0, -1.0])
    expected = (np.log1p(np.exp(-2.0)) + np.log1p(np.exp(-1.0))) / 2
    found = loss((logits,), [0, 1], [0, 1], labels=(1, 0), name="binary-cross-entropy")
    assert found == pytest.approx(expected)


def test_negatives_are_wrong_for_all_queries_and_ask_for_nothing():
    rows = torch.eye(4)
    # Two queries, each with its passage and a wrong one; the second wrong one scores like a right.
    outputs = rows[[0, 0, 1, 1]], rows[[0, 2, 1, 1]]
    found = loss(outputs, [0, 0, 1, 1], [0, 2, 1, 3], scale=2.0, labels=(1, 0, 1, 0))
    e = np.e**2
    to_passages = -np.log(e / (e + 3)) / 2 - np.log(e / (2 * e + 2)) / 2
    to_queries = -np.log(e / (e + 1))
    assert found == pytest.approx((to_passages + to_queries) / 2)
    # Another right passage of the same query is not held against it.
    same = loss((rows[[0, 0]], rows[[0, 1]]), [0, 0], [0, 1], scale=2.0, labels=(1, 1))
    assert same == pytest.approx(0)


def test_a_text_is_told_from_the_others_of_its_side_by_hand():
    """Two pairs: the queries are switched into each other, the passages stay as they are."""
    rows = torch.eye(2)
    batch = batch_of([0, 1], [0, 1], [1, 1])
    settings = Model(family="static", scale=2.0)
    right, wrong = -np.log(np.e**2 / (np.e**2 + 1)), -np.log(1 / (np.e**2 + 1))
    found = mixed((rows.flip(0), rows), (rows, rows), batch, settings)
    assert found.item() == pytest.approx((right + wrong) / 2)
    # Negatives are texts like others, and the same text twice is none against itself.
    labelled = batch._replace(labels=torch.tensor([1, 0]), query_keys=torch.tensor([0, 0]))
    found = mixed((rows[[0, 0]], rows), (rows[[0, 0]], rows), labelled, settings)
    assert found.item() == pytest.approx(right / 2)


def test_softmax_by_hand():
    logits = torch.tensor([2.0, 1.0, 0.0, 3.0])
    # One query with a right and two wrong passages; another one with a right one alone.
    found = loss((logits,), [0, 0, 0, 1], [0, 1, 2, 3], labels=(1, 0, 0, 1), name="softmax")
    expected = -np.log(np.e**2 / (np.e**2 + np.e + 1)) / 2
    assert found == pytest.approx(expected)
    # Right passages are no alternatives to each other.
    found = loss((logits,), [0] * 4, [0, 1, 2, 3], labels=(1, 1, 0, 0), name="softmax")
    every = [np.log(np.exp(right) + 1 + np.e**3) - right for right in (2, 1)]
    assert found == pytest.approx(np.mean(every))


def test_lambda_loss_by_hand():
    logits = torch.tensor([0.5, 1.0, -1.0])
    # The right passage is second: first it would give 1, there it gives 1 / log2(3).
    found = loss((logits,), [0, 0, 0], [0, 1, 2], labels=(1, 0, 0), name="lambda")
    pairs = [(1 - 1 / np.log2(3), 0.5), (1 / np.log2(3) - 1 / 2, -1.5)]
    expected = sum(change * np.log2(1 + np.exp(worse)) for change, worse in pairs)
    assert found == pytest.approx(expected)
    both = torch.cat([logits, torch.tensor([4.0, 0.0])])
    found = loss((both,), [0, 0, 0, 1, 1], range(5), labels=(1, 0, 0, 1, 0), name="lambda")
    other = (1 - 1 / np.log2(3)) * np.log2(1 + np.exp(-4))
    assert found == pytest.approx((expected + other) / 2)


def test_losses_on_a_teachers_scores_by_hand():
    logits, taught = torch.tensor([2.0, 1.0, 0.0, 3.0]), [1.0, 3.0, 0.5, 0.0]
    by = {"queries": [0, 0, 0, 1], "passages": range(4), "labels": (1, 0, 0, 1), "scores": taught}
    assert loss((logits,), **by, name="mse") == pytest.approx((1 + 4 + 0.25 + 9) / 4)
    # Margins of the first query are 1 and 2, and should be -2 and 0.5; the second has none.
    assert loss((logits,), **by, name="margin-mse") == pytest.approx((3**2 + 1.5**2) / 2)
    # Of vectors, the score is their cosine times the scale.
    sides = torch.eye(2)[[0, 0, 0, 1]], torch.eye(2)[[0, 1, 1, 1]]
    found = loss(sides, **by, scale=4.0, name="mse")
    assert found == pytest.approx((9 + 9 + 0.25 + 16) / 4)


def test_distillation_by_hand():
    """Two pairs: the student has one text right, and turned another by 60 degrees."""
    right, turned = torch.tensor([1.0, 0.0]), torch.tensor([0.5, 3**0.5 / 2])
    taught = torch.stack([right, right]), torch.stack([right, right])
    outputs = torch.stack([right, turned]), torch.stack([right, right])
    batch = batch_of([0, 1], [0, 1], [1, 1])
    # Of four texts one is off, by a cosine of 0.5; so is its cosine to each of the others.
    for geometry, expected in ((0.0, 0.5 / 4), (8.0, 0.5 / 4 + 8 * 6 * 0.25 / 16)):
        found = distillation(outputs, taught, batch, Distillation(geometry=geometry))
        assert found.item() == pytest.approx(expected)


def test_distillation_of_tokens_by_hand():
    """Two queries of a token, two passages: one query was turned by 60 degrees."""
    right, turned = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 3**0.5 / 2]])
    taught = torch.stack([right, right]), torch.stack([right, right])
    outputs = torch.stack([right, turned]), torch.stack([right, right])
    batch = batch_of([0, 1], [0, 1], [1, 1])
    found = distillation(outputs, taught, batch, Distillation(geometry=8.0))
    assert found.item() == pytest.approx(8 * 2 * 0.5**2 / 4)


def gradient(name, mine, shares):
    """Of the loss of seven pairs, for a worker who has some of them."""
    weights = torch.eye(4, requires_grad=True)
    sides, taught = torch.randn(2, 2, 7, 4, generator=torch.Generator().manual_seed(5))[:, :, mine]
    queries, passages = torch.nn.functional.normalize(sides @ weights, dim=-1)
    if "distillation" in name:
        batch = batch_of(mine, mine, mine, shares)
        taught = torch.nn.functional.normalize(taught, dim=-1).unbind()
        outputs = queries, passages
        if "tokens" in name:  # of which each text has one or two, by its number
            outputs, taught = ((with_tokens(side, mine) for side in both)
                               for both in (outputs, taught))  # fmt: skip
        if "scores" in name:
            outputs, taught = (((side[0] @ side[1].T).diag(),) for side in (outputs, taught))
        settings = Distillation(geometry=3.0)
        distillation(tuple(outputs), tuple(taught), batch, settings).backward()
        return weights.grad
    by_vectors = name not in FAMILY_ROWS["cross-encoder"].losses
    outputs = (queries, passages) if by_vectors else (queries[:, 0] + passages[:, 1],)
    columns = torch.tensor([[0, 0, 1, 1, 2, 3, 3], [0, 1, 0, 3, 4, 5, 6], [1, 0, 1, 0, 1, 1, 0]])
    batch = batch_of(*columns[:, mine], shares, torch.arange(7.0)[mine])
    LOSSES[name](outputs, batch, Model(family="static", scale=3.0)).backward()
    return weights.grad


def test_distillation_of_scores_by_hand():
    logits, taught = torch.tensor([2.0, 1.0]), torch.tensor([1.0, 3.0])
    batch = batch_of([0, 0], [0, 1], [1, 0])
    found = distillation((logits,), (taught,), batch, Distillation())
    assert found.item() == pytest.approx((1 + 4) / 2)


def with_tokens(vectors, mine):
    """A token for each vector, and a second one, turned, for those of even numbers."""
    second = vectors.flip(1) * (torch.tensor(mine) % 2 == 0)[:, None]
    both = torch.stack([vectors, second], 1)
    return both if any(number % 2 == 0 for number in mine) else both[:, :1]


def compare(rank, folder, rows_of):
    """What a worker does: the average of all workers' gradients is that of one alone."""
    torch.set_num_threads(1)
    for rows in rows_of[rank > 1 :]:
        workers, shares = len(rows), tuple(map(len, rows))
        dist.init_process_group(
            "gloo", init_method=f"file://{folder}/{workers}", rank=rank, world_size=workers
        )
        own = ("distillation", "distillation of tokens", "distillation of scores")
        for name in (*LOSSES, *own):
            found = gradient(name, rows[rank], shares)
            dist.all_reduce(found)
            alone = gradient(name, [*range(7)], (7,))
            assert alone.abs().max() > 0.01
            torch.testing.assert_close(found / workers, alone, msg=f"{name}, {workers} workers")
        dist.destroy_process_group()


def test_workers_with_unequal_shares_learn_what_one_alone_does(tmp_path):
    rows_of = [[[0, 1, 4], [2, 3, 5, 6]], [[0, 1, 5, 6], [2, 3], [4]]]  # two workers, and three
    torch.multiprocessing.spawn(compare, (str(tmp_path), rows_of), nprocs=3)


def write_pairs(folder, count, files, **columns):
    """Pairs in some files; columns that are not given hold the number of the row, or the same."""
    numbers = [str(row) for row in range(count)]
    columns = {
        **dict.fromkeys(("pair_id", "query_id", "doc_id", "query", "passage"), numbers),
        "collection": ["c"] * count,
        "domain": ["news"] * count,
        "label": [1] * count,
        "score": [None] * count,
    } | columns
    schema = pa.schema([field for field in tables.PAIRS if field.name in columns])
    table, rows = pa.table(columns, schema=schema), -(-count // files)
    for part in range(files):
        pq.write_table(table.slice(part * rows, rows), f"{folder}/part-{part}.parquet")


@pytest.fixture
def pairs(tmp_path):
    columns = {
        "query": [f"q{n}" for n in range(20)],
        "label": [1, 0] * 10,
        "score": [0.5, None] * 10,
        "domain": ["news", "news", "social", "social"] * 5,
    }
    write_pairs(tmp_path, 20, 2, **columns)
    return tmp_path


def dealt(stream, first, last, size, workers, seed=0):
    """The tables of every batch, one for each worker."""
    ranks = [[*stream.batches(first, last, size, rank, workers, seed)] for rank in range(workers)]
    for step in zip(*ranks, strict=True):
        held = tuple(len(table) for table, _ in step)
        assert all(shares == held for _, shares in step)
    return [[table for table, _ in step] for step in zip(*ranks, strict=True)]


def taken(*arguments):
    """The queries of every batch, worker by worker."""
    return [
        [query for table in batch for query in table["query"].to_pylist()]
        for batch in dealt(*arguments)
    ]


def test_where_every_query_has_one_pair_batches_are_even(pairs):
    stream = batching.PairStream(pairs, positives_only=False)
    alone = taken(stream, 0, 7, 6, 1)
    assert alone[0] == [f"q{n}" for n in range(6)]
    assert alone[3] == ["q18", "q19", "q0", "q1", "q2", "q3"]  # the table goes round
    assert taken(stream, 0, 1, 6, 3) == [["q0", "q3", "q1", "q4", "q2", "q5"]]


def write_queries(folder, lengths, files=1):
    """Queries of so many pairs; two that follow each other have the same id."""
    of = [query for query, length in enumerate(lengths) for _ in range(length)]
    collections, ids = [f"c{query % 2}" for query in of], [f"{query // 2}" for query in of]
    write_pairs(folder, len(of), files, collection=collections, query_id=ids)


def numbers(batch, rows):
    """The rows of each worker's table, as numbers of the endless table."""
    return [
        (table["turn"].to_numpy() * rows + table["pair_id"].cast("int64").to_numpy()).tolist()
        for table in batch
    ]


def test_whole_queries_by_hand(tmp_path):
    write_queries(tmp_path, [2, 3, 1, 6])
    stream = batching.PairStream(tmp_path, positives_only=False)
    one, two = (
        [numbers(batch, 12) for batch in dealt(stream, 0, 3, 4, workers)] for workers in (1, 2)
    )
    # Row 4 is amid the second query. Row 8 is amid the fourth, and row 10 still is.
    assert one == [[[0, 1, 2, 3, 4]], [[5, 6, 7, 8, 9]], [[10, 11]]]
    # Of the last batch's only query each worker has a row.
    assert two == [[[0, 1], [2, 3, 4]], [[5], [6, 7, 8, 9]], [[10], [11]]]


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=12),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(0, 9),
    st.integers(0, 9),
    st.integers(0, 5),
)
def test_batches_are_whole_queries_whatever_the_workers(lengths, files, workers, more, seed, start):
    size, count = 2 * workers + more, sum(lengths)
    of = [query for query, length in enumerate(lengths) for _ in range(length)]
    with TemporaryDirectory() as folder:
        write_queries(folder, lengths, files)
        stream = batching.PairStream(Path(folder), positives_only=False)
        alone, shared, resumed = (
            [numbers(batch, count) for batch in dealt(stream, first, 6, size, workers, seed)]
            for first, workers in ((0, 1), (0, workers), (start, workers))
        )
    assert resumed == shared[start:]

    def query(row):
        return row // count, of[row % count]

    def begins(row):
        return row == 0 or query(row) != query(row - 1)

    rows = [row for (batch,) in alone for row in batch]
    assert rows == [*range(rows[0], rows[0] + len(rows))]  # each once
    for number, ((batch,), shares) in enumerate(zip(alone, shared, strict=True), 7919 * seed):
        assert 0 <= batch[0] - number * size <= size // 2
        assert not any(map(begins, range(number * size, batch[0])))
        assert begins(batch[0]) or lengths[query(batch[0])[1]] > size // 2
        assert all(shares) and sorted(chain(*shares)) == batch
        met = [{query(row) for row in share} for share in shares]
        queries = set().union(*met)
        assert sum(map(len, met)) == len(queries) or len(queries) < workers


def test_ids_are_of_their_collection_and_a_teacher_may_give_no_score():
    columns = {
        "collection": ["a", "b", "b"],
        "query_id": ["1", "1", "1"],
        "doc_id": ["7", "7", "8"],
        "query": ["which dog"] * 3,
        "passage": ["a dog"] * 3,
        "label": [1, 1, 0],
        "score": [None, 0.25, -3.0],
    }
    schema = pa.schema([tables.PAIRS.field(name) for name in columns])
    tokenizer = train_tokenizer(["which dog", "a dog"], Model(family="static", vocabulary=300))
    share = batching.Share(pa.table(columns, schema=schema), (3,))
    batch = batching.tokenized(
        share, FAMILIES["static"], Encoder(tokenizer, 8), Model(family="static")
    )
    queries, passages = batch.query_keys.tolist(), batch.passage_keys.tolist()
    assert queries[0] != queries[1] == queries[2]
    assert len(set(passages)) == 3
    assert batch.labels.tolist() == [1, 1, 0] and batch.scores.dtype == torch.float32
    assert batch.scores[0].isnan() and batch.scores[1:].tolist() == [0.25, -3.0]


def test_pairs_are_switched_as_they_are_read_anew_in_every_turn(pairs, tmp_path):
    source, target = (pa.array([f"{letter}{n}" for n in range(20)]) for letter in "qF")
    entries = ranked(entry_table("en", "de", source, target))
    Switcher(entries, ["de"]).save(tmp_path / "switchers" / "de")
    plan = Plan("bl-cs", ("de",), (), 0.5, ("dictionary",), False, 1)
    switch = OnTheFly(plan, tmp_path / "switchers", seed=0)
    stream = batching.PairStream(pairs, positives_only=False, switch=switch)
    plain = batching.PairStream(pairs, positives_only=False)
    turns = [[*chain(*taken(stream, first, first + 4, 5, 1))] for first in (0, 4)]
    expected = [*chain(*taken(plain, 0, 4, 5, 1))]
    for turn in turns:
        assert [query.replace("F", "q") for query in turn] == expected
        assert 0 < sum(query.startswith("F") for query in turn) < 20
    assert turns[0] != turns[1]
    [[table]] = dealt(stream, 0, 1, 4, 1)
    assert table["score"].to_pylist() == [0.5, None, 0.5, None]
    assert "english query" not in table.column_names
    kept = batching.PairStream(
        pairs, positives_only=False, switch=switch._replace(keeps_english=True)
    )
    [[table]] = dealt(kept, 0, 1, 4, 1)
    assert table["query"].to_pylist() == turns[0][:4]
    assert table["english query"].to_pylist() == expected[:4]
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
