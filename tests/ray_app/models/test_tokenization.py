"""Tokenizers from scratch, and tokens as transformers makes them."""

import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from clir.errors import InputError
from clir.experiment import Model
from ray_app.models.encoding import Encoder
from ray_app.models.families import FAMILIES
from ray_app.models.tokenization import train_tokenizer

TEXTS = ["the dog sat on the mat", "der Hund sitzt", "狗在这里", "a cat and a house"] * 5


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A saved tokenizer of two families."""
    made = {}
    for name in ("static", "cross-encoder"):
        tokenizer = train_tokenizer(iter(TEXTS), Model(family=name, vocabulary=60, max_length=32))
        FAMILIES[name].frame(tokenizer)
        made[name] = tmp_path_factory.mktemp(name)
        tokenizer.save_pretrained(made[name])
    return made


def test_a_tokenizer_is_trained_the_same_twice():
    model = Model(family="static", vocabulary=300)
    texts = [*TEXTS, *(f"{chr(0x4E00 + n)} {chr(0x0430 + n % 32)}{n}" for n in range(200))]
    once, again = (train_tokenizer(iter(texts), model).backend_tokenizer.to_str() for _ in range(2))
    assert once == again


def test_a_vocabulary_too_small_for_the_characters_is_a_mistake():
    with pytest.raises(InputError, match="vocabulary 9: too small"):
        train_tokenizer(iter(TEXTS), Model(family="static", vocabulary=9))


def test_tokens_are_transformers_own(saved):
    tokenizer = AutoTokenizer.from_pretrained(saved["cross-encoder"])
    second = list(reversed(TEXTS))
    ours = Encoder(tokenizer, 8)(pa.array(TEXTS), pa.array(second))
    theirs = tokenizer(
        TEXTS, second, truncation=True, max_length=8, padding=True, return_tensors="pt"
    )
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text("aehtdo \u3000\t狗É´ﬁς́", max_size=40), min_size=1, max_size=6),
    st.integers(1, 12),
)
def test_tokens_are_the_same_word_by_word(saved, texts, max_length):
    tokenizer, own = (AutoTokenizer.from_pretrained(saved["static"]) for _ in range(2))
    encode = Encoder(own, max_length)
    assert encode.by_words
    for _ in range(2):  # the second time from memory
        ours = encode(pa.array(texts))
        for text, ids, mask in zip(texts, ours["input_ids"], ours["attention_mask"], strict=True):
            expected = tokenizer(text)["input_ids"][:max_length]
            assert ids[mask.bool()].tolist() == expected
