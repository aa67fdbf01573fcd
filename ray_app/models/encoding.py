"""Texts -> padded tensors of tokens."""

from __future__ import annotations

import json
from itertools import chain, count
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from tokenizers import Tokenizer
from transformers import BatchEncoding, PreTrainedTokenizerBase

from ray_app.models.tokenization import untrained

_WORDS_KEPT = 200_000  # tokenized words that an encoder remembers


class Encoder:
    """A tokenizer that makes padded tensors of whole batches, the same tokens as its own call.

    A tokenizer from scratch parts texts at blanks before all else; so each distinct word is
    tokenized once and remembered. That takes a quarter to half of the time in training, about two
    thirds in ranking thousands of passages, but more for a few texts (README, Speed).
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, max_length: int):
        self.tokenizer, self.max_length = tokenizer, max_length
        self._backend = tokenizer.backend_tokenizer  # its own call makes offsets, for nobody
        self._backend.no_padding()
        self._backend.enable_truncation(max_length)
        self.by_words = _parts_at_blanks(self._backend)
        # Words that are known: their numbers, tokens, and where each one's tokens start.
        self._number: dict[str, int] = {}
        self._known = _Ragged(np.empty(0, np.int64), np.empty(0, np.int64))
        self._starts = self._known.lengths

    def __call__(self, texts: pa.Array, second: pa.Array | None = None) -> BatchEncoding:
        """Padded tensors of texts, or of pairs of texts."""
        if self.by_words and second is None:
            tokens = self._words_of(texts)
            return self._padded(tokens, np.zeros_like(tokens.ids))
        sides = [side.to_pylist() for side in (texts, second) if side is not None]
        found = self._backend.encode_batch_fast(
            sides[0] if second is None else list(zip(*sides, strict=True))
        )
        types = np.fromiter(chain.from_iterable(each.type_ids for each in found), np.int64)
        return self._padded(_ragged(found), types)

    def _padded(self, tokens: _Ragged, types: np.ndarray) -> BatchEncoding:
        real = np.arange(tokens.lengths.max(initial=1)) < tokens.lengths[:, None]

        def rectangle(values: np.ndarray, fill: int) -> torch.Tensor:
            # One flat copy: transformers' own padding walks every token in Python.
            filled = np.full(real.shape, fill)
            filled[real] = values
            return torch.from_numpy(filled)

        fields = {
            "input_ids": rectangle(tokens.ids, self.tokenizer.pad_token_id),
            "attention_mask": torch.from_numpy(real.astype(np.int64)),
        }
        if "token_type_ids" in self.tokenizer.model_input_names:
            fields["token_type_ids"] = rectangle(types, 0)
        return BatchEncoding(fields)

    def _words_of(self, texts: pa.Array) -> _Ragged:
        """Every text's tokens, gathered from those of its words, cut to the longest length."""
        parts = pc.split_pattern(texts, " ")
        offsets = parts.offsets.to_numpy() - parts.offsets[0].as_py()
        words = parts.flatten().dictionary_encode()
        number = self._numbers(words.dictionary)[words.indices.to_numpy()]
        length = self._known.lengths[number]
        ends = np.concatenate(([0], np.cumsum(length)))
        index = np.arange(ends[-1]) + np.repeat(self._starts[number] - ends[:-1], length)
        bounds = ends[offsets]
        place = np.arange(ends[-1]) - np.repeat(bounds[:-1], np.diff(bounds))
        ids = self._known.ids[index[place < self.max_length]]
        return _Ragged(ids, np.minimum(np.diff(bounds), self.max_length))

    def _numbers(self, words: pa.Array) -> np.ndarray:
        """The number under which each of some distinct words is known, learned where it is not."""
        if len(self._number) > _WORDS_KEPT:
            self._number, self._known, self._starts = {}, self._known.none(), self._starts[:0]
        distinct = words.to_pylist()
        new = [word for word in distinct if word not in self._number]
        if new:
            self._number.update(zip(new, count(len(self._starts)), strict=False))
            learned = _ragged(self._backend.encode_batch_fast(new))
            self._known = _Ragged(*map(np.concatenate, zip(self._known, learned, strict=True)))
            self._starts = np.cumsum(self._known.lengths) - self._known.lengths
        return np.fromiter(map(self._number.__getitem__, distinct), np.int64, len(distinct))


class _Ragged(NamedTuple):
    """Tokens of several texts, one after another."""

    ids: np.ndarray
    lengths: np.ndarray

    def none(self) -> _Ragged:
        return _Ragged(self.ids[:0], self.lengths[:0])


def _ragged(found: list) -> _Ragged:
    ids = [each.ids for each in found]
    lengths = np.fromiter(map(len, ids), np.int64, len(ids))
    return _Ragged(np.fromiter(chain.from_iterable(ids), np.int64, lengths.sum()), lengths)


def _parts_at_blanks(tokenizer: Tokenizer) -> bool:
    """Whether a text's tokens are those of its words: as made here, without a frame."""
    ours = untrained()
    frame = _told(tokenizer.post_processor)  # saved and loaded, none has become an empty one
    return all(
        _told(getattr(ours, part)) == _told(getattr(tokenizer, part))
        for part in ("normalizer", "pre_tokenizer")
    ) and (frame is None or (frame["type"] == "TemplateProcessing" and not frame["special_tokens"]))


def _told(part: Any) -> Any:
    """A part of a tokenizer as its file has it; the file's vocabulary would take long to read."""
    return None if part is None else json.loads(part.__getstate__())
