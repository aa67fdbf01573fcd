"""Which models are trained, and how."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from clir.experiment.types import (
    CollectionLanguage,
    Domain,
    FamilyName,
    FileName,
    LossName,
    MethodName,
    NotNegative,
    Positive,
    Section,
    Several,
)
from clir.families import FAMILIES, LOSSES, Family, Loss
from clir.switching.methods import METHODS, trained


class Model(Section):
    """A model by its name: a base model, or a small one from scratch with its own tokenizer."""

    family: FamilyName
    # multilingual-e5-small, which comes with pip; an id at the Hugging Face hub; or a folder. None:
    # from scratch.
    base: str | None = None
    methods: Several[MethodName] = trained(METHODS)
    max_length: PositiveInt = 256  # tokens of an input: a text, or a query and a passage
    vocabulary: PositiveInt = 8000  # from here on: only from scratch
    hidden_size: PositiveInt = 128
    layers: PositiveInt = 2
    heads: PositiveInt = 4
    # What stands before every text (E5: "query: ", "passage: ").
    query_prefix: str = ""
    passage_prefix: str = ""
    # Training. Where nothing stands here, what training says for all models.
    loss: LossName | None = None  # None: the family's
    steps: PositiveInt | None = None
    batch_size: PositiveInt | None = None
    learning_rate: Positive | None = None
    warmup_steps: NonNegativeInt | None = None
    weight_decay: NotNegative | None = None
    gradient_clip: NotNegative | None = None
    token_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0  # share of a text's tokens hidden
    scale: Positive = 20.0  # cosine similarities are multiplied by it before the softmax
    # From here on: how candidates are reranked, with a forward pass for each pair of texts.
    candidates: PositiveInt = 100  # documents for each query
    # Languages of queries and documents; None: all.
    pairs: Several[tuple[CollectionLanguage, CollectionLanguage]] | None = None

    @property
    def kind(self) -> Family:
        """Its family's row."""
        return FAMILIES[self.family]

    @property
    def learns_by(self) -> Loss:
        """Its loss's row."""
        return LOSSES[self.loss or self.kind.losses[0]]


class FilledModel(Model):
    """A model's settings, those of all models among them where it has none of its own."""

    steps: PositiveInt
    batch_size: PositiveInt
    learning_rate: Positive
    warmup_steps: NonNegativeInt
    weight_decay: NotNegative
    gradient_clip: NotNegative


class Training(Section):
    """How models are trained; what a model says of its own training goes before."""

    steps: PositiveInt = 1000
    batch_size: PositiveInt = 64  # pairs over all workers; about, as a batch is whole queries
    learning_rate: Positive = 2e-5
    warmup_steps: NonNegativeInt = 0
    weight_decay: NotNegative = 0.01
    gradient_clip: NotNegative = 0.0  # 0: none
    workers: PositiveInt = 1  # from here on: the same for all
    threads: PositiveInt = 1  # CPU threads of a worker
    zero_stage: Literal[0, 1, 2, 3] = 0
    # auto: bf16 on a GPU that has it.
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    checkpoint_every: PositiveInt = 1000
    max_failures: NonNegativeInt = 2
    tokenizer_texts: list[Path] = []  # further text files or folders, one text per line
    tokenizer_sample: PositiveInt = 300_000  # texts that a tokenizer from scratch is trained on


class LeaveOut(Section):
    """A comparison of models trained with and without one domain, tested on it."""

    domain: Domain
    model: FileName  # by its name
    methods: Several[MethodName] = ["zero-shot", "ml-cs"]
