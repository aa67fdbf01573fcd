"""Bi-encoder: a transformer; a text's vector is the mean of its tokens', or that of the first one.

It is scaled to length 1.

From scratch it is an XLNet (the architecture whose tokens enter without layer norm and without
absolute positions).
Its functions are those of ``families.Family``.
"""

from functools import partial
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
    PreTrainedTokenizerFast,
    XLNetConfig,
    XLNetModel,
)

from clir.experiment import Model
from ray_app.models import base_models, pretrained, sentence_transformers
from ray_app.models.encoding import Encoder
from ray_app.models.padding import in_parts


def frame(tokenizer: PreTrainedTokenizerFast) -> None:
    """No marks: a text is the sum of what stands in it."""


def create(settings: Model, tokenizer: PreTrainedTokenizerBase, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    config = XLNetConfig(
        vocab_size=len(tokenizer),
        d_model=settings.hidden_size,
        n_layer=settings.layers,
        n_head=settings.heads,
        d_inner=4 * settings.hidden_size,
        dropout=0.0,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        initializer_range=0.05,
    )
    model: Any = XLNetModel(config)
    model.pooling = settings.pooling or "mean"
    return _without_mask(model)


def load(folder: Path, settings: Model | None = None) -> tuple[nn.Module, PreTrainedTokenizerBase]:
    model: Any
    model, tokenizer = pretrained.load(AutoModel, folder)
    asked = settings.pooling if settings else None
    model.pooling = asked or sentence_transformers.pooling_of(folder) or "mean"
    return _without_mask(pretrained.without_pooler(model)), tokenizer


def check(settings: Model, folder: Path) -> None:
    base_models.check_transformer(folder, settings.max_length, classifier=False)
    if settings.pooling is None:
        sentence_transformers.pooling_of(folder)


def inputs(encode: Encoder, queries: pa.Array, passages: pa.Array) -> tuple[BatchEncoding, ...]:
    return encode(queries), encode(passages)


def outputs(model: nn.Module, inputs: tuple[BatchEncoding, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(in_parts(texts, partial(_vectors, model)) for texts in inputs)


def save(
    model: Any,
    state: dict[str, torch.Tensor],
    tokenizer: PreTrainedTokenizerBase,
    settings: Model,
    folder: Path,
) -> None:
    pretrained.save(model, state, tokenizer, settings, folder)
    size = model.config.hidden_size
    sentence_transformers.write_bi_encoder(folder, settings, model.pooling, size)


def _without_mask(model: nn.Module) -> nn.Module:
    """XLNet has a vector for words to be guessed; nothing is masked here."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name != "mask_emb"
    return model


def _vectors(model: nn.Module, texts: BatchEncoding) -> torch.Tensor:
    mask = texts["attention_mask"]
    states = model(input_ids=texts["input_ids"], attention_mask=mask).last_hidden_state.float()
    if model.pooling == "cls":
        return F.normalize(states[:, 0], dim=-1)
    return F.normalize((states * mask[:, :, None]).sum(1), dim=-1)
