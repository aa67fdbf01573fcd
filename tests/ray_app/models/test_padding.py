"""Parts of batches: the same rows, with less padding."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import BatchEncoding

from ray_app.models import padding
from ray_app.models.padding import in_parts


def batch(lengths):
    width = max(lengths)
    mask = torch.arange(width) < torch.tensor(lengths)[:, None]
    ids = torch.arange(1, len(lengths) * width + 1).reshape(-1, width) * mask
    return BatchEncoding({"input_ids": ids, "attention_mask": mask.long()})


@given(st.lists(st.integers(1, 9), min_size=1, max_size=40))
def test_rows_come_back_in_their_order(lengths):
    texts = batch(lengths)
    found = in_parts(texts, lambda part: part["input_ids"].sum(1))
    assert found.tolist() == texts["input_ids"].sum(1).tolist()


def test_parts_are_no_wider_than_their_longest_text(monkeypatch):
    monkeypatch.setattr(padding, "_ROWS", 2)
    widths = []

    def run(part):
        widths.append(part["input_ids"].shape[1])
        return part["input_ids"][:, 0]

    in_parts(batch([5, 1, 2, 9]), run)
    assert widths == [2, 9]


def test_a_token_hidden_in_the_middle_does_not_shorten_a_text(monkeypatch):
    monkeypatch.setattr(padding, "_ROWS", 1)
    texts = batch([3, 3])
    texts["attention_mask"][0, 1] = 0
    found = in_parts(texts, lambda part: part["input_ids"].sum(1))
    assert found.tolist() == texts["input_ids"].sum(1).tolist()


def test_gradients_go_to_the_rows_that_they_belong_to():
    weights = torch.ones(20, requires_grad=True)
    texts = batch([1 + n % 7 for n in range(20)])
    texts["row"] = torch.arange(20)[:, None].expand(-1, 7)
    rows = in_parts(texts, lambda part: weights[part["row"][:, 0]] * 1)
    (rows * torch.arange(20)).sum().backward()
    assert weights.grad.tolist() == pytest.approx(list(range(20)))


def test_tokens_that_were_left_away_have_zeros(monkeypatch):
    monkeypatch.setattr(padding, "_ROWS", 1)
    found = in_parts(batch([3, 1]), lambda part: part["input_ids"][:, :, None] * 1.0)
    assert found[:, :, 0].tolist() == [[1, 2, 3], [4, 0, 0]]
