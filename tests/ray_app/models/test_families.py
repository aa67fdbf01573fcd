"""Models of every family, saved small and from scratch, without an engine."""

import json

import numpy as np
import pyarrow as pa
import pytest
import torch
from sentence_transformers import CrossEncoder, MultiVectorEncoder, SentenceTransformer
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from clir.errors import InputError
from clir.experiment import Model
from clir.families import FAMILIES as ROWS
from ray_app.models import base_models
from ray_app.models.encoding import Encoder
from ray_app.models.families import FAMILIES
from ray_app.models.ranker import Ranker
from ray_app.models.tokenization import train_tokenizer

TEXTS = ["the dog sat on the mat", "der Hund sitzt", "狗在这里", "a cat and a house"] * 5


SMALL = {"vocabulary": 60, "hidden_size": 8, "layers": 1, "heads": 2, "max_length": 32}
PREFIXES = {"query_prefix": "query: ", "passage_prefix": "passage: "}


def make(name, seed=1):
    """A model from scratch and its tokenizer."""
    settings = Model(family=name, **SMALL)
    tokenizer = train_tokenizer(iter(TEXTS), settings)
    FAMILIES[name].frame(tokenizer)
    return FAMILIES[name].create(settings, tokenizer, seed), tokenizer


def save(name, model, tokenizer, folder, **settings):
    FAMILIES[name].save(
        model, model.state_dict(), tokenizer, Model(family=name, **SMALL, **settings), folder
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A saved model of each family."""
    made = {name: tmp_path_factory.mktemp(name) for name in FAMILIES}
    for name, folder in made.items():
        model, tokenizer = make(name)
        save(name, model, tokenizer, folder, **PREFIXES)
    return made


def test_the_two_tables_have_the_same_families():
    assert FAMILIES.keys() == ROWS.keys()


@pytest.mark.parametrize("name", FAMILIES)
def test_a_model_is_drawn_from_its_seed(name):
    one, same, other = (make(name, seed)[0].state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_saved_model_is_a_base_to_go_on_from(name, folders):
    FAMILIES[name].check(Model(family=name, base=str(folders[name]), max_length=32), folders[name])
    model, tokenizer = FAMILIES[name].load(folders[name])
    texts = pa.array(TEXTS), pa.array(TEXTS[::-1])
    inputs = FAMILIES[name].inputs(Encoder(tokenizer, 32), *texts)
    before, _ = make(name)
    for ours, theirs in zip(
        FAMILIES[name].outputs(model.eval(), inputs),
        FAMILIES[name].outputs(before.eval(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_sentence_transformers_loads_a_static_model(folders):
    ours = Ranker("static", folders["static"], max_length=32, batch_size=3).embed(pa.array(TEXTS))
    theirs = SentenceTransformer(str(folders["static"]), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def encoder(folder, **settings):
    """A small BERT as a bi-encoder, from a base that has no modules beside it."""
    base, tokenizer = make("cross-encoder")
    base.bert.save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    chosen = Model(family="bi-encoder", **SMALL, **settings)
    model, tokenizer = FAMILIES["bi-encoder"].load(folder / "base", chosen)
    save("bi-encoder", model, tokenizer, folder, **PREFIXES, **settings)
    return folder


@pytest.mark.parametrize("pooling", ["mean", "cls", None])
def test_sentence_transformers_loads_a_bi_encoder(pooling, tmp_path):
    """With its pooling, its longest input and its prefixes."""
    folder = encoder(tmp_path, pooling=pooling)
    ranker = Ranker("bi-encoder", folder, max_length=32, batch_size=3)
    theirs = SentenceTransformer(str(folder), device="cpu")
    assert theirs.max_seq_length == 32
    texts = [*TEXTS, "the dog sat " * 40]
    for prefix, encode in (("query: ", theirs.encode_query), ("passage: ", theirs.encode_document)):
        ours = ranker.embed(pa.array([prefix + text for text in texts]))
        np.testing.assert_allclose(ours, encode(texts), rtol=1e-4, atol=1e-6)


def test_a_base_says_how_it_pools(tmp_path):
    """As sentence-transformers has written it, before version 5 and since."""
    folder = encoder(tmp_path, pooling="cls")
    path = folder / "1_Pooling" / "config.json"
    bi_encoder = FAMILIES["bi-encoder"]
    assert bi_encoder.load(folder)[0].pooling == "cls"
    assert bi_encoder.load(folder, Model(family="bi-encoder", pooling="mean"))[0].pooling == "mean"
    path.write_text(json.dumps({"embedding_dimension": 8, "pooling_mode": "mean"}))
    assert bi_encoder.load(folder)[0].pooling == "mean"
    for told in ({"pooling_mode_max_tokens": True}, {"pooling_mode": "lasttoken"}, {}):
        path.write_text(json.dumps(told))
        with pytest.raises(InputError, match=r"is unknown here; set the model's pooling"):
            bi_encoder.load(folder)
    path.write_text("[")
    with pytest.raises(InputError, match="not JSON"):
        bi_encoder.check(Model(family="bi-encoder", base=str(folder), max_length=32), folder)


def test_token_weights_are_multiplied_into_saved_vectors(tmp_path):
    model, tokenizer = make("static")
    model.token_weight.data.normal_()
    inputs = FAMILIES["static"].inputs(Encoder(tokenizer, 32), pa.array(TEXTS), pa.array(TEXTS))
    (expected, _) = FAMILIES["static"].outputs(model, inputs)
    save("static", model, tokenizer, tmp_path)
    ours = Ranker("static", tmp_path, max_length=32, batch_size=3).embed(pa.array(TEXTS))
    np.testing.assert_allclose(ours, expected.detach(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("size", [None, 4], ids=["as in the base", "projected"])
@pytest.mark.parametrize("based", [False, True], ids=["from scratch", "from a base"])
def test_sentence_transformers_loads_a_late_interaction_model(based, size, folders, tmp_path):
    folder = folders["late-interaction"]
    if based or size:
        base, tokenizer = make("cross-encoder")
        base.bert.save_pretrained(tmp_path / "base")
        tokenizer.save_pretrained(tmp_path / "base")
        settings = Model(family="late-interaction", **SMALL, token_size=size)
        model, tokenizer = FAMILIES["late-interaction"].load(tmp_path / "base", settings)
        folder = tmp_path / "saved"
        folder.mkdir()
        save("late-interaction", model, tokenizer, folder, **PREFIXES)
    second = [*reversed(TEXTS[1:]), "the dog sat " * 40]
    ranker = Ranker("late-interaction", folder, max_length=32, batch_size=7)
    sides = (
        pa.array([f"query: {text}" for text in TEXTS]),
        pa.array([f"passage: {t}" for t in second]),
    )
    ours = ranker.score(*sides)
    theirs = MultiVectorEncoder(str(folder), device="cpu")
    queries, passages = theirs.encode_query(TEXTS), theirs.encode_document(second)
    expected = theirs.similarity_pairwise(queries, passages)
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def test_transformers_alone_loads_a_bi_encoder(folders):
    folder = folders["bi-encoder"]
    ours = Ranker("bi-encoder", folder, max_length=32, batch_size=3).embed(pa.array(TEXTS))
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    for text, vector in zip(TEXTS, ours, strict=True):
        tokens = tokenizer(text, return_tensors="pt")
        mean = model(input_ids=tokens["input_ids"]).last_hidden_state[0].mean(0)
        expected = torch.nn.functional.normalize(mean, dim=0).detach().numpy()
        np.testing.assert_allclose(vector, expected, rtol=1e-4, atol=1e-6)


def test_transformers_and_sentence_transformers_load_a_cross_encoder(folders):
    folder = folders["cross-encoder"]
    second = list(reversed(TEXTS))
    ranker = Ranker("cross-encoder", folder, max_length=32, batch_size=4)
    ours = ranker.score(pa.array(TEXTS), pa.array(second))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    for query, passage, score in zip(TEXTS, second, ours, strict=True):
        tokens = tokenizer(query, passage, truncation=True, return_tensors="pt")
        assert tokens["token_type_ids"].sum() > 0
        assert score == pytest.approx(model(**tokens).logits.item(), abs=1e-5)
    theirs = CrossEncoder(str(folder), device="cpu", max_length=32)
    found = theirs.predict(list(zip(TEXTS, second, strict=True)), activation_fn=torch.nn.Identity())
    np.testing.assert_allclose(ours, found, atol=1e-5)


@pytest.mark.parametrize("name", FAMILIES)
def test_pickled_weights_are_refused(name, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(InputError, match=r"pytorch_model\.bin is a pickle"):
        FAMILIES[name].load(tmp_path)
    with pytest.raises(InputError, match=r"no \*.safetensors"):
        base_models.refuse_pickles(tmp_path.parent)
