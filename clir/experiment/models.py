"""Which models are trained, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from clir.experiment.types import (
    CollectionLanguage,
    Domain,
    MethodName,
    NotNegative,
    Positive,
    Section,
    Several,
)
from clir.switching.methods import METHODS, trained

ModelKind = Literal["bi-encoder", "cross-encoder"]


class Model(Section):
    """One kind of ranker: a base model, or a small one from scratch with its own tokenizer."""

    base: str | None = None  # a Hugging Face id or a local folder; None: from scratch
    methods: Several[MethodName] = trained(METHODS)
    max_length: PositiveInt = 256  # tokens of a text (bi-encoder) or of a pair (cross-encoder)
    vocabulary: PositiveInt = 8000  # from here on: only from scratch
    hidden_size: PositiveInt = 128
    layers: NonNegativeInt = 0
    heads: PositiveInt = 4
    steps: PositiveInt | None = None  # in place of training's
    batch_size: PositiveInt | None = None
    learning_rate: Positive | None = None
    # From here on: a cross-encoder's evaluation, which costs a forward pass per pair of texts.
    candidates: PositiveInt = 100  # documents it reranks per query: BM25's best on English
    # Languages; None: all.
    pairs: Several[tuple[CollectionLanguage, CollectionLanguage]] | None = None


class Training(Section):
    """What all models share; a model may set its own steps, batch size and learning rate."""

    steps: PositiveInt = 1000
    batch_size: PositiveInt = 64  # over all workers
    learning_rate: Positive = 2e-5
    warmup_steps: NonNegativeInt = 0
    weight_decay: NotNegative = 0.01
    gradient_clip: NotNegative = 0.0  # 0: none
    # Share of a text's tokens hidden from the bi-encoder in training.
    token_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    scale: Positive = 20.0  # cosine similarities are multiplied by it before the softmax
    workers: PositiveInt = 1
    threads: PositiveInt = 1  # CPU threads of a worker
    zero_stage: Literal[0, 1, 2, 3] = 0
    # auto: bf16 on a GPU that has it. A bag of words is trained in fp32 whatever stands here.
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    checkpoint_every: PositiveInt = 1000
    max_failures: NonNegativeInt = 2
    tokenizer_texts: list[Path] = []  # further text files or folders, one text per line
    tokenizer_sample: PositiveInt = 300_000  # texts that a tokenizer from scratch is trained on


class LeaveOut(Section):
    """A comparison of models trained with and without one domain, tested on it."""

    domain: Domain
    model: ModelKind = "bi-encoder"
    methods: Several[MethodName] = ["zero-shot", "ml-cs"]
