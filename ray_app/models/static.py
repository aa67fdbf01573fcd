"""Static: a bag of words. A token's direction is its meaning, its length its weight.

Both are learned. A text's vector is the sum of its tokens', scaled to length 1. It is saved as
sentence-transformers knows it: a StaticEmbedding, then Normalize.
Its functions are those of ``families.Family``.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    AutoTokenizer,
    BatchEncoding,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from clir.errors import InputError, in_a_line
from clir.experiment import Model
from ray_app.models import sentence_transformers
from ray_app.models.base_models import check_files, refuse_pickles, tensor_shapes
from ray_app.models.encoding import Encoder
from ray_app.models.tokenization import SPECIAL, piece_probabilities

_SMOOTH = 0.001  # Arora et al.'s a
_SPREAD = 0.05  # standard deviation of vectors before training
_WEIGHTS, _VECTORS = "model.safetensors", "embedding.weight"


class StaticModel(nn.Module):
    """A vector for each token. In training, the logarithm of each token's weight apart from it.

    Apart they learn faster; a saved model has them multiplied (``save``).
    """

    def __init__(self, vectors: torch.Tensor, token_weight: torch.Tensor | None = None):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(vectors, freeze=False)
        self.token_weight = None if token_weight is None else nn.Parameter(token_weight)

    def forward(self, groups: Sequence[BatchEncoding]) -> list[torch.Tensor]:
        """Vectors of length 1 of each group's texts: texts x size."""
        # All groups in one go: every call's gradient is as large as the whole table.
        masks = [texts["attention_mask"] for texts in groups]
        ids = torch.cat(
            [texts["input_ids"][mask.bool()] for texts, mask in zip(groups, masks, strict=True)]
        )
        counts = torch.cat([mask.sum(1) for mask in masks])
        weights = None if self.token_weight is None else self.token_weight[ids].exp()
        starts = torch.cumsum(counts, 0) - counts
        sums = F.embedding_bag(
            ids, self.embedding.weight, starts, mode="sum", per_sample_weights=weights
        )
        return list(F.normalize(sums, dim=-1).split([len(mask) for mask in masks]))


def frame(tokenizer: PreTrainedTokenizerFast) -> None:
    """No marks: a text is the sum of what stands in it."""


def create(settings: Model, tokenizer: PreTrainedTokenizerBase, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    embedding = nn.Embedding(len(tokenizer), settings.hidden_size)
    nn.init.normal_(embedding.weight, std=_SPREAD)
    return StaticModel(embedding.weight.data, _initial_token_weight(tokenizer))


def load(folder: Path, settings: Model | None = None) -> tuple[nn.Module, PreTrainedTokenizerBase]:
    refuse_pickles(folder)
    try:
        vectors = load_file(folder / _WEIGHTS)[_VECTORS].float()
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"model {folder}: cannot be loaded as a static one: {in_a_line(error)}"
        ) from error
    # Its vectors have their weights multiplied in already; training goes on from there.
    return StaticModel(vectors, torch.zeros(len(vectors))), tokenizer


def check(settings: Model, folder: Path) -> None:
    if _VECTORS not in tensor_shapes(folder):
        raise InputError(
            f"{folder}: no {_VECTORS} in its weights, so it is no static model "
            "(sentence-transformers' StaticEmbedding)"
        )
    check_files(folder)


def inputs(encode: Encoder, queries: pa.Array, passages: pa.Array) -> tuple[BatchEncoding, ...]:
    return encode(queries), encode(passages)


def outputs(model: nn.Module, inputs: tuple[BatchEncoding, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(model(inputs))


def save(
    model: nn.Module,
    state: dict[str, torch.Tensor],
    tokenizer: PreTrainedTokenizerBase,
    settings: Model,
    folder: Path,
) -> None:
    vectors, weight = state[_VECTORS], state["token_weight"]
    save_file({_VECTORS: vectors * weight.exp()[:, None]}, folder / _WEIGHTS)
    tokenizer.save_pretrained(folder)
    sentence_transformers.write_modules(folder, {"StaticEmbedding": {}, "Normalize": {}})


def _initial_token_weight(tokenizer: PreTrainedTokenizerBase) -> torch.Tensor:
    """Logarithm of each token's weight before training: log(a / (a + p)), a = 0.001.

    Smooth inverse frequency (Arora et al., ICLR 2017), with the probability p that a Unigram
    tokenizer gives its pieces: frequent words of every language start light, also of those that
    training never shows.
    """
    weight = -np.log1p(np.exp(piece_probabilities(tokenizer)) / _SMOOTH)
    weight[: len(SPECIAL)] = 0.0
    return torch.tensor(weight, dtype=torch.float32)
