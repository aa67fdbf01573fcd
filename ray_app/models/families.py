"""What a family of rankers does, and the table of them: one module each.

What settings and plans must know of a family stands in ``clir.families``.
"""

from pathlib import Path
from typing import Protocol

import pyarrow as pa
import torch
from torch import nn
from transformers import BatchEncoding, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from clir.experiment import Model
from ray_app.models import bi_encoder, cross_encoder, late_interaction, static
from ray_app.models.encoding import Encoder


class Family(Protocol):
    """One kind of ranker: what its module defines."""

    def frame(self, tokenizer: PreTrainedTokenizerFast) -> None:
        """Give a tokenizer from scratch its marks around an input."""

    def create(self, settings: Model, tokenizer: PreTrainedTokenizerBase, seed: int) -> nn.Module:
        """A model from scratch, drawn from ``seed``."""

    def load(
        self, folder: Path, settings: Model | None = None
    ) -> tuple[nn.Module, PreTrainedTokenizerBase]:
        """A saved model, to rank with, or at some settings to go on from.

        Safetensors only, no remote code.
        """

    def check(self, settings: Model, folder: Path) -> None:
        """InputError for a folder that cannot be trained on at these settings; loads no weights."""

    def inputs(
        self, encode: Encoder, queries: pa.Array, passages: pa.Array
    ) -> tuple[BatchEncoding, ...]:
        """Pairs as the model reads them: both sides apart, or each pair together."""

    def outputs(
        self, model: nn.Module, inputs: tuple[BatchEncoding, ...]
    ) -> tuple[torch.Tensor, ...]:
        """What ``similarity`` compares, and losses take: vectors of length 1 of both sides (pairs
        x size), or of their tokens (pairs x tokens x size, 0 where there is none); or the logits
        of pairs.
        """

    def save(
        self,
        model: nn.Module,
        state: dict[str, torch.Tensor],
        tokenizer: PreTrainedTokenizerBase,
        settings: Model,
        folder: Path,
    ) -> None:
        """Write a model with these weights (fp32), so that its ecosystem loads it."""


FAMILIES: dict[str, Family] = {
    "static": static,
    "bi-encoder": bi_encoder,
    "late-interaction": late_interaction,
    "cross-encoder": cross_encoder,
}
