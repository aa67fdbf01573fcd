"""What is told of a training while it runs."""

from types import SimpleNamespace

import pytest
import torch
from tensorboardX.proto.event_pb2 import Event
from transformers import BertConfig, BertModel

from ray_app.training import peak
from ray_app.training.events import Events
from ray_app.training.meter import Meter, Work


def batch(lengths, others=0):
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    texts = ({"attention_mask": mask.long()},)
    return SimpleNamespace(texts=texts, shares=(len(lengths), others))


def test_pairs_tokens_and_padding_are_counted():
    counted = Meter(iter([batch([3, 1], others=2), batch([4])]))
    assert len([*counted]) == 2
    work = counted.work
    assert (work.pairs, work.tokens, work.places) == (5, 8, 10)
    assert 0 <= work.waited <= work.seconds
    one = Work(seconds=2, waited=0.5, pairs=10, tokens=60, places=80)
    assert one.rates() == {
        "pairs_per_second": 5,
        "tokens_per_second": 30,
        "share_of_time_waiting": 0.25,
        "share_of_padding": 0.25,
    }
    assert str(one) == "5 pairs/s, 30 tokens/s a worker, 25% padding, 25% waiting"
    assert one.since(one).rates()["share_of_padding"] == 1  # nothing was done


def events_in(folder):
    (file,) = folder.iterdir()
    data, at = file.read_bytes(), 0
    while at < len(data):  # a length of 8 bytes and its sum of 4, the event, and the sum of 4
        size = int.from_bytes(data[at : at + 8], "little")
        yield Event.FromString(data[at + 12 : at + 12 + size])
        at += size + 16


def test_tensorboard_is_told_the_rates_since_the_last_look(tmp_path):
    with Events(tmp_path, fastest=100.0) as events:
        events.look(20, 0.5, Work(seconds=1, pairs=4, tokens=10, places=10))
        events.look(40, 0.25, Work(seconds=2, pairs=12, tokens=60, places=80))
    told = {
        (value.tag, event.step): value.simple_value
        for event in events_in(tmp_path)
        for value in event.summary.value
    }
    assert told["loss", 40] == 0.25
    assert told["pairs_per_second", 20] == 4 and told["pairs_per_second", 40] == 8
    assert told["share_of_peak", 40] == pytest.approx(0.5)
    with Events(None, fastest=0.0) as events:  # another worker than the first
        events.look(20, 0.5, Work())


def test_operations_of_a_token_by_hand(monkeypatch):
    monkeypatch.setattr(peak, "peak", lambda device, bf16: 6e6)
    sizes = {"hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = BertModel(BertConfig(vocab_size=50, intermediate_size=8, **sizes))
    weights = sum(p.numel() for p in model.parameters()) - 50 * 4
    found = peak.fastest(model, torch.device("cpu"), bf16=False)
    assert found == pytest.approx(1e6 / weights)


def test_a_peak_is_some_operations_a_second():
    assert 1e8 < peak.peak(torch.device("cpu"), bf16=False) < 1e14
