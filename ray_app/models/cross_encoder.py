"""Cross-encoder: a transformer reads query and passage together; its one logit is the score.

From scratch it is a small BERT.
Its functions are those of ``families.Family``.
"""

from pathlib import Path

import pyarrow as pa
import torch
from tokenizers import processors
from torch import nn
from transformers import (
    AutoModelForSequenceClassification,
    BatchEncoding,
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from clir.experiment import Model
from ray_app.models import base_models, pretrained
from ray_app.models.encoding import Encoder
from ray_app.models.padding import in_parts


def frame(tokenizer: PreTrainedTokenizerFast) -> None:
    begin, end = tokenizer.cls_token, tokenizer.sep_token
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}",
        pair=f"{begin} $A {end} $B:1 {end}:1",
        special_tokens=[(mark, tokenizer.convert_tokens_to_ids(mark)) for mark in (begin, end)],
    )


def create(settings: Model, tokenizer: PreTrainedTokenizerBase, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden_size,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=4 * settings.hidden_size,
        max_position_embeddings=settings.max_length,
        pad_token_id=tokenizer.pad_token_id,
    )
    config.num_labels = 1
    return BertForSequenceClassification(config)


def load(folder: Path, settings: Model | None = None) -> tuple[nn.Module, PreTrainedTokenizerBase]:
    # A base model that has no classifier yet gets a new one.
    return pretrained.load(AutoModelForSequenceClassification, folder, num_labels=1)


def check(settings: Model, folder: Path) -> None:
    base_models.check_transformer(folder, settings.max_length, classifier=True)


def inputs(encode: Encoder, queries: pa.Array, passages: pa.Array) -> tuple[BatchEncoding, ...]:
    return (encode(queries, passages),)


def outputs(model: nn.Module, inputs: tuple[BatchEncoding, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(in_parts(pairs, lambda part: model(**part).logits[:, 0]) for pairs in inputs)


save = pretrained.save
