"""Models as training makes them."""

from types import SimpleNamespace

import pyarrow as pa
import pytest
import torch
from transformers import BertConfig, BertModel

from clir.experiment import Model, Training
from ray_app.models.base_models import Base
from ray_app.models.encoding import Encoder
from ray_app.models.families import FAMILIES
from ray_app.models.tokenization import train_tokenizer
from ray_app.training.batching import Batch
from ray_app.training.network import Network

TEXTS = ["the dog sat", "der Hund sitzt"] * 5


@pytest.fixture
def base(tmp_path):
    return saved(tmp_path)


def saved(tmp_path, layers=1):
    """A small BERT without a head."""
    tokenizer = train_tokenizer(iter(TEXTS), Model(family="cross-encoder", vocabulary=40))
    FAMILIES["cross-encoder"].frame(tokenizer)
    tokenizer.save_pretrained(tmp_path)
    sizes = {"hidden_size": 8, "num_hidden_layers": layers, "num_attention_heads": 1}
    config = BertConfig(vocab_size=len(tokenizer), intermediate_size=8, **sizes)
    BertModel(config).save_pretrained(tmp_path)
    return Base(tmp_path)


def network(base, method="zero-shot", seed=1, recompute=False, **settings):
    training = Training(precision="fp32", recompute=recompute)
    run = {"method": method, "base": base, "seed": seed, "training": training}
    return Network(SimpleNamespace(model=Model(**settings, base=str(base.folder)), **run))


def test_what_a_base_lacks_is_drawn_from_the_seed(base):
    heads = [
        network(base, seed=seed, family="cross-encoder").model.classifier for seed in (1, 1, 2)
    ]
    first, again, other = (head.weight for head in heads)
    assert torch.equal(first, again) and not torch.equal(first, other)


def batch(network, texts, english):
    encode = Encoder(network.tokenizer, 16)
    sides = ((encode(pa.array(side)), encode(pa.array(side[::-1]))) for side in (texts, english))
    keys = torch.arange(len(texts))
    return Batch(next(sides), (len(texts),), keys, keys.float(), keys, keys, next(sides))


def test_who_learns_from_itself_is_held_to_what_the_base_says_of_english(base):
    net = network(base, "self-distillation", family="bi-encoder", freeze="embeddings")
    assert net(batch(net, TEXTS, TEXTS)).item() == pytest.approx(0, abs=1e-6)
    loss = net(batch(net, TEXTS[::-1], TEXTS))
    assert loss.item() > 0.001
    loss.backward()
    learns = {name for name, p in net.named_parameters() if p.grad is not None and p.grad.any()}
    assert "model.encoder.layer.0.output.dense.weight" in learns
    assert not any("word_embeddings" in name for name in learns)
    # The teacher is neither trained nor saved.
    assert not any("teacher" in name for name in net.state_dict())
    assert all(p.grad is None for p in net.teacher[0].parameters())


def learning(net):
    """The weights that a step moves."""
    net(batch(net, TEXTS[::-1], TEXTS)).backward()
    return {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}


def test_the_last_layers_alone_learn(tmp_path):
    base = saved(tmp_path, layers=3)
    net = network(base, family="bi-encoder", train_layers=2)
    assert {name.split(".")[3] for name in learning(net)} == {"1", "2"}
    net = network(base, family="late-interaction", train_layers=1, token_size=4)
    found = {name.split(".")[1] + name.split(".")[-2] for name in learning(net)}
    assert "projectionprojection" in found and "encoderdense" in found
    head = network(base, family="cross-encoder", train_layers=1)
    moving = {name for name, p in head.named_parameters() if p.requires_grad}
    assert "model.classifier.weight" in moving and "model.bert.pooler.dense.weight" in moving
    assert not any("embeddings" in name or "layer.1." in name for name in moving)


@pytest.mark.parametrize("family", ["bi-encoder", "late-interaction"])
def test_gradients_are_the_same_where_layers_are_computed_again(base, family):
    kept = network(base, family=family, dropout=False)
    again = network(base, family=family, dropout=False, recompute=True)
    assert again.state_dict().keys() == kept.state_dict().keys()
    expected, found = learning(kept), learning(again)
    assert expected.keys() == found.keys() and len(found) > 10
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient)


@pytest.mark.parametrize("family", ["late-interaction", "cross-encoder"])
def test_rerankers_learn_from_themselves_what_they_say_of_english(base, family):
    net = network(base, "self-distillation", family=family)
    encode = Encoder(net.tokenizer, 16)

    def of(texts, english):
        both = [FAMILIES[family].inputs(encode, pa.array(one), pa.array(one[::-1]))
                for one in (texts, english)]  # fmt: skip
        return batch(net, TEXTS, TEXTS)._replace(texts=both[0], english=both[1])

    assert net(of(TEXTS, TEXTS)).item() == pytest.approx(0, abs=1e-6)
    loss = net(of(TEXTS[::-1], TEXTS))
    loss.backward()
    assert loss.item() > 0 and any(p.grad is not None and p.grad.any() for p in net.parameters())


def test_a_bases_dropout_is_on_where_it_is_trained_by_labels(base):
    def drops(method, **settings):
        net = network(base, method, family="bi-encoder", **settings)
        return {m.training for m in net.model.modules() if isinstance(m, torch.nn.Dropout)}

    assert drops("zero-shot") == {True}
    assert drops("zero-shot", dropout=False) == drops("self-distillation") == {False}


def test_a_bag_of_words_is_trained_in_fp32_whatever_is_asked_for(base):
    """Its table would lose the small changes that steps make."""
    static = network(base, family="bi-encoder", dropout=False)
    FAMILIES["static"].frame(static.tokenizer)
    settings = Model(family="static", vocabulary=40, hidden_size=8)
    static.family, static.settings = FAMILIES["static"], settings
    static.model = FAMILIES["static"].create(settings, static.tokenizer, seed=1)
    exact = static(batch(static, TEXTS, TEXTS))
    static.precision = "bf16"
    assert static(batch(static, TEXTS, TEXTS)).item() == exact.item()


def test_outputs_are_fp32_where_matrices_are_multiplied_in_bf16(base):
    net = network(base, family="bi-encoder", dropout=False)
    exact = net(batch(net, TEXTS, TEXTS))
    net.precision = "bf16"
    rounded = net(batch(net, TEXTS, TEXTS))
    assert rounded.dtype == torch.float32
    assert rounded.item() != exact.item()
    assert rounded.item() == pytest.approx(exact.item(), rel=0.02)
