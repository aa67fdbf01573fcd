"""Models, losses and batches, without an engine."""

from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from clir.errors import InputError
from clir.experiment import Model
from clir.lexicons.entries import ranked
from clir.switching.plans import OnTheFly, Plan
from clir.switching.switcher import Switcher
from ray_app.training import base_models, batching, losses, models, tokenization

TEXTS = ["the dog sat on the mat", "der Hund sitzt", "狗在这里", "a cat and a house"] * 5


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A saved model of each kind, small and from scratch."""
    made = {}
    for kind, layers in (("bi-encoder", 0), ("cross-encoder", 1)):
        model = Model(vocabulary=60, hidden_size=8, layers=layers, heads=2, max_length=32)
        folder = tmp_path_factory.mktemp(kind)
        tokenizer = tokenization.train_tokenizer(iter(TEXTS), kind, model)
        tokenizer.save_pretrained(folder)
        models.create(kind, model, folder, seed=1).save_pretrained(folder)
        made[kind] = folder
    return made


def test_transformers_alone_loads_a_bi_encoder(folders):
    folder = folders["bi-encoder"]
    assert (folder / "model.safetensors").exists()
    ours = models.Ranker("bi-encoder", folder, max_length=32, batch_size=3).embed(pa.array(TEXTS))
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    for text, vector in zip(TEXTS, ours, strict=True):
        tokens = tokenizer(text, return_tensors="pt")
        mean = model(input_ids=tokens["input_ids"]).last_hidden_state[0].mean(0)
        expected = torch.nn.functional.normalize(mean, dim=0).detach().numpy()
        np.testing.assert_allclose(vector, expected, rtol=1e-4, atol=1e-6)


def test_transformers_alone_loads_a_cross_encoder(folders):
    folder = folders["cross-encoder"]
    second = list(reversed(TEXTS))
    ranker = models.Ranker("cross-encoder", folder, max_length=32, batch_size=4)
    ours = ranker.score(pa.array(TEXTS), pa.array(second))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    for query, passage, score in zip(TEXTS, second, ours, strict=True):
        tokens = tokenizer(query, passage, truncation=True, return_tensors="pt")
        assert tokens["token_type_ids"].sum() > 0
        assert score == pytest.approx(model(**tokens).logits.item(), abs=1e-5)


def test_a_tokenizer_is_trained_the_same_twice():
    model = Model(vocabulary=300, hidden_size=8, layers=0, heads=2, max_length=32)
    texts = [*TEXTS, *(f"{chr(0x4E00 + n)} {chr(0x0430 + n % 32)}{n}" for n in range(200))]
    once, again = (
        tokenization.train_tokenizer(iter(texts), "bi-encoder", model).backend_tokenizer.to_str()
        for _ in range(2)
    )
    assert once == again


def test_tokens_are_transformers_own(folders):
    tokenizer = AutoTokenizer.from_pretrained(folders["cross-encoder"])
    second = list(reversed(TEXTS))
    ours = tokenization.Encoder(tokenizer, 8)(pa.array(TEXTS), pa.array(second))
    theirs = tokenizer(
        TEXTS, second, truncation=True, max_length=8, padding=True, return_tensors="pt"
    )
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text("aehtdo \u3000\t狗É´ﬁς́", max_size=40), min_size=1, max_size=6),
    st.integers(1, 12),
)
def test_tokens_are_the_same_word_by_word(folders, texts, max_length):
    tokenizer, own = (AutoTokenizer.from_pretrained(folders["bi-encoder"]) for _ in range(2))
    encode = tokenization.Encoder(own, max_length)
    assert encode._by_words
    for _ in range(2):  # the second time from memory
        ours = encode(pa.array(texts))
        for text, ids, mask in zip(texts, ours["input_ids"], ours["attention_mask"], strict=True):
            expected = tokenizer(text)["input_ids"][:max_length]
            assert ids[mask.bool()].tolist() == expected


def test_token_weights_are_folded_into_the_saved_vectors(folders):
    model, tokenizer = models.load("bi-encoder", folders["bi-encoder"])
    weight = torch.randn(len(tokenizer))
    tokens = tokenization.Encoder(tokenizer, 32)(pa.array(TEXTS))
    (expected,) = models.text_vectors(model, tokens, token_weight=weight)
    state = model.state_dict()
    models.fold_token_weight(state, weight)
    model.load_state_dict(state)
    torch.testing.assert_close(models.text_vectors(model, tokens)[0], expected)


def test_pickled_weights_are_refused(folders, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(InputError, match=r"pytorch_model\.bin is a pickle"):
        models.load("bi-encoder", tmp_path)
    with pytest.raises(InputError, match=r"no \*.safetensors"):
        base_models.refuse_pickles(tmp_path.parent)


def test_contrastive_loss_by_hand():
    rows = torch.eye(3)
    keys = torch.arange(3)
    # Right pairs score 1 x scale, all others 0.
    expected = -np.log(np.e**2 / (np.e**2 + 2))
    assert losses.contrastive(rows, rows, keys, keys, scale=2.0).item() == pytest.approx(expected)


def test_the_same_text_twice_in_a_batch_is_no_negative():
    rows = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    queries, passages = torch.tensor([1, 2]), torch.tensor([7, 7])
    assert losses.contrastive(rows, rows, queries, passages, 5.0).item() == pytest.approx(0.0)
    others = torch.tensor([7, 8])
    assert losses.contrastive(rows, rows, queries, others, 5.0).item() == pytest.approx(np.log(2))


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
