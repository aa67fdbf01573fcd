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
    Precision,
    Section,
    Several,
)
from clir.families import FAMILIES, LOSSES, Family, Loss
from clir.switching.methods import FROM_SCRATCH, trained


class Distillation(Section):
    """How a model learns from itself (``ray_app.training.losses.distillation``)."""

    steps: PositiveInt = 60
    batch_size: PositiveInt = 24  # pairs, each of which is two texts
    learning_rate: Positive = 1e-4
    warmup_steps: NonNegativeInt = 6
    geometry: NotNegative = 200.0  # weight of the squared differences of a batch's cosines


class Teacher(Section):
    """A cross-encoder that scores the English pairs, for losses that learn from its scores."""

    base: str  # as of a model, with a trained head
    max_length: PositiveInt = 256
    batch_size: PositiveInt = 64
    workers: PositiveInt = 1
    precision: Precision = "auto"
    # Wrong passages are left out that it scores no further than this below a right one of their
    # query: they may well answer. None: none are.
    margin: NotNegative | None = None


class Model(Section):
    """A model by its name: a base model, or a small one from scratch with its own tokenizer."""

    family: FamilyName
    # multilingual-e5-small, which comes with pip; an id at the Hugging Face hub; or a folder. None:
    # from scratch.
    base: str | None = None
    methods: Several[MethodName] = trained(FROM_SCRATCH)
    # What methods that learn from labels go on from, where it is not the base as it comes.
    after: Literal["self-distillation"] | None = None
    max_length: PositiveInt = 256  # tokens of an input: a text, or a query and a passage
    # What stands before every text (E5: "query: ", "passage: ").
    query_prefix: str = ""
    passage_prefix: str = ""
    # What a text's vector is: the mean of its tokens', or the first one's. None: as its base has it
    # (sentence-transformers' 1_Pooling), else the mean. Of bi-encoders.
    pooling: Literal["mean", "cls"] | None = None
    # Of a token's vector, in late interaction, by a projection that is drawn. None: as in the base.
    token_size: PositiveInt | None = None
    freeze: Literal["embeddings"] | None = None  # what stays as it is in the base
    # How many of the base's layers learn, the last ones, and what comes behind; None: all.
    train_layers: PositiveInt | None = None
    dropout: bool = True  # whether the base's own is on in training; in self-distillation never
    vocabulary: PositiveInt = 8000  # from here on: only from scratch
    hidden_size: PositiveInt = 128
    layers: PositiveInt = 2
    heads: PositiveInt = 4
    # Training. Where nothing stands here, what training says for all models.
    loss: LossName | None = None  # None: the family's
    steps: PositiveInt | None = None
    batch_size: PositiveInt | None = None
    learning_rate: Positive | None = None
    warmup_steps: NonNegativeInt | None = None
    weight_decay: NotNegative | None = None
    gradient_clip: NotNegative | None = None
    accumulate: PositiveInt | None = None
    token_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0  # share of a text's tokens hidden
    scale: Positive = 20.0  # cosine similarities are multiplied by it before the softmax
    # Of contrastive losses of switched pairs: the weight of the same loss between each text and
    # itself in English (ContrastiveMix, NAACL 2024). 0: none.
    mix: NotNegative = 0.0
    distillation: Distillation = Distillation()
    # From here on: what is reranked.
    candidates: PositiveInt = 100  # documents for each query
    # Of each collection, drawn by hash of their ids; None: all.
    queries: PositiveInt | None = None
    # Languages of queries and documents; None: all.
    pairs: Several[tuple[CollectionLanguage, CollectionLanguage]] | None = None
    mlir: bool | None = None  # whether MLIR is ranked as well; None: where no pairs are named

    @property
    def kind(self) -> Family:
        """Its family's row."""
        return FAMILIES[self.family]

    @property
    def learns_by(self) -> Loss:
        """Its loss's row."""
        return LOSSES[self.loss or self.kind.losses[0]]


class FilledModel(Model):
    """A model's settings for a method, those of all models among them where it has none."""

    steps: NonNegativeInt
    batch_size: PositiveInt
    learning_rate: Positive
    warmup_steps: NonNegativeInt
    weight_decay: NotNegative
    gradient_clip: NotNegative
    accumulate: PositiveInt


class Training(Section):
    """How models are trained; what a model says of its own training goes before."""

    steps: PositiveInt = 1000
    batch_size: PositiveInt = 64  # pairs over all workers; about, as a batch is whole queries
    learning_rate: Positive = 2e-5
    warmup_steps: NonNegativeInt = 0
    weight_decay: NotNegative = 0.01
    gradient_clip: NotNegative = 0.0  # 0: none
    accumulate: PositiveInt = 1  # batches whose mean gradient a step takes
    workers: PositiveInt = 1  # from here on: the same for all
    # With so few, training goes on where machines were lost, until others join. None: with all.
    min_workers: PositiveInt | None = None
    threads: PositiveInt = 1  # CPU threads of a worker
    zero_stage: Literal[0, 1, 2, 3] = 0
    precision: Precision = "auto"
    # Whether what layers computed is computed again for the gradient, instead of kept for it: of
    # less memory, and a third more work.
    recompute: bool = False
    checkpoint_every: PositiveInt = 1000
    checkpoints_kept: PositiveInt = 2  # the newest ones
    max_failures: NonNegativeInt = 2
    tokenizer_texts: list[Path] = []  # further text files or folders, one text per line
    tokenizer_sample: PositiveInt = 300_000  # texts that a tokenizer from scratch is trained on


class LeaveOut(Section):
    """A comparison of models trained with and without one domain, tested on it."""

    domain: Domain
    model: FileName  # by its name
    methods: Several[MethodName] = ["zero-shot", "ml-cs"]
