"""Late interaction: a transformer; each token of a text has a vector of length 1 (ColBERT).

A query's score with a passage is the sum, over the query's tokens, of the largest cosine with one
of the passage's (``similarity``). From scratch it is a small BERT.
Its functions are those of ``families.Family``.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
import torch.nn.functional as F
from torch import nn
from transformers import (
    AutoModel,
    BatchEncoding,
    PreTrainedTokenizerBase,
)

from clir.experiment import Model
from ray_app.models import base_models, cross_encoder, pretrained, sentence_transformers
from ray_app.models.encoding import Encoder
from ray_app.models.padding import in_parts


class LateInteraction(nn.Module):
    """A transformer, and the projection of its tokens' vectors, if any: size x hidden size."""

    def __init__(self, encoder: Any, projection: torch.Tensor | None):
        super().__init__()
        self.encoder = encoder
        self.projection: nn.Module = nn.Identity()
        if projection is not None:
            self.projection = nn.Linear(projection.shape[1], projection.shape[0], bias=False)
            self.projection.weight.data = projection

    def forward(self, texts: BatchEncoding) -> torch.Tensor:
        """Vectors of tokens, 0 where there is none: texts x tokens x size."""
        mask = texts["attention_mask"]
        states = self.encoder(input_ids=texts["input_ids"], attention_mask=mask).last_hidden_state
        vectors = F.normalize(self.projection(states).float(), dim=-1) * mask[:, :, None]
        return vectors

    def get_input_embeddings(self) -> nn.Module:
        """The vectors of tokens before the transformer, as transformers' models have them."""
        embeddings: nn.Module = self.encoder.get_input_embeddings()
        return embeddings


frame = cross_encoder.frame


def create(settings: Model, tokenizer: PreTrainedTokenizerBase, seed: int) -> nn.Module:
    encoder = cross_encoder.create(settings, tokenizer, seed).base_model
    return LateInteraction(
        pretrained.without_pooler(encoder), _drawn(settings.token_size, settings.hidden_size)
    )


def load(folder: Path, settings: Model | None = None) -> tuple[nn.Module, PreTrainedTokenizerBase]:
    encoder: Any
    encoder, tokenizer = pretrained.load(AutoModel, folder)
    projection = sentence_transformers.projection_of(folder)
    if projection is None and settings is not None:
        projection = _drawn(settings.token_size, encoder.config.hidden_size)
    return LateInteraction(pretrained.without_pooler(encoder), projection), tokenizer


def check(settings: Model, folder: Path) -> None:
    base_models.check_transformer(folder, settings.max_length, classifier=False)
    sentence_transformers.projection_of(folder)


def inputs(encode: Encoder, queries: pa.Array, passages: pa.Array) -> tuple[BatchEncoding, ...]:
    return encode(queries), encode(passages)


def outputs(model: nn.Module, inputs: tuple[BatchEncoding, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(in_parts(texts, model) for texts in inputs)


def save(
    model: Any,
    state: dict[str, torch.Tensor],
    tokenizer: PreTrainedTokenizerBase,
    settings: Model,
    folder: Path,
) -> None:
    prefix = "encoder."
    weights = {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }
    pretrained.save(model.encoder, weights, tokenizer, settings, folder)
    projection = state.get("projection.weight")
    sentence_transformers.write_late_interaction(folder, settings, projection)


def _drawn(size: int | None, hidden_size: int) -> torch.Tensor | None:
    """A projection that keeps cosines about as they are: its rows are orthogonal."""
    return None if size is None else nn.init.orthogonal_(torch.empty(size, hidden_size))
