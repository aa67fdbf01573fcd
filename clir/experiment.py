"""The typed experiment file: everything a run depends on; unknown keys are refused.

A YAML file, with ``${NAME:-default}`` replaced from the environment, then ``--set key.path=value``
overrides (values are YAML too). Every job reads the same file.
"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from clir import names
from clir.errors import InputError
from clir.languages import SEEN, UNSEEN, check_collection_language, check_language
from clir.workspace import Workspace

Method = Literal[
    "zero-shot",
    "bl-cs",
    "ml-cs",
    "wiki-cs",
    "fine-tuning",
    "translate-test",
    "translate-test-ml-cs",
]
# What a model is trained on, in the papers' order.
TRAINED_METHODS: tuple[Method, ...] = ("zero-shot", "bl-cs", "ml-cs", "wiki-cs", "fine-tuning")
# What is done at test time, and the trained method whose models it ranks with.
TRANSLATE_TEST: dict[str, Method] = {
    "translate-test": "zero-shot",
    "translate-test-ml-cs": "ml-cs",
}
ModelKind = Literal["bi-encoder", "cross-encoder"]
LexiconOrigin = Literal["word-vectors", "wikipedia-titles", "dictionary"]
LanguageCode = Annotated[str, AfterValidator(check_language)]
# What a collection may be in, beyond the languages that lexicons are made for.
CollectionLanguage = Annotated[str, AfterValidator(check_collection_language)]
# A name that a file is called by: as it stands, or encoded.
FileName = Annotated[str, AfterValidator(names.check_component)]
EncodedName = Annotated[str, AfterValidator(names.check)]
Share = Annotated[float, Field(ge=0, le=1)]
# Files or folders; a single one needs no list.
Paths = Annotated[list[Path], BeforeValidator(lambda v: [v] if isinstance(v, str | Path) else v)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Dumps(_Section):
    """The dumps of one Wikipedia."""

    lang: LanguageCode
    page: Path
    langlinks: Path
    max_bad_share: Share = 0.001  # of rows that may be unreadable before the run fails


class VectorTraining(_Section):
    """How fastText trains word vectors (skipgram) on ``lexicons.vector_texts``."""

    dimensions: PositiveInt = 100  # as many as given vectors have, if some are given
    epochs: PositiveInt = 5
    min_count: PositiveInt = 5  # rarer words get no vector
    # In characters. With little text they make words near that are spelled alike; (0, 0): none.
    subwords: tuple[NonNegativeInt, NonNegativeInt] = (3, 6)
    buckets: PositiveInt = 2_000_000  # vectors that subwords share: 4 bytes x dimensions each
    learning_rate: Annotated[float, Field(gt=0)] = 0.05
    threads: PositiveInt = 1  # with more, no two trainings give the same vectors


class Lexicons(_Section):
    """Where lexicons come from, and which ones each method asks, the first that has a word wins."""

    dictionary: Path | None = None  # a folder of en-XX.tsv or en-XX.txt, perhaps .gz
    words: list[LexiconOrigin] = ["dictionary", "wikipedia-titles"]  # BL-CS, ML-CS, Translate-Test
    phrases: list[LexiconOrigin] = ["wikipedia-titles"]  # Wiki-CS
    translations: PositiveInt = 1  # how many translations of a word may be drawn
    # The share of the English training texts' words that the chain of words must cover for each
    # language that is switched into; the run ends where it does not.
    minimum_coverage: Share = 0.0
    vectors: dict[LanguageCode, Path] = {}  # .vec, .vec.gz or .bin of English and other languages
    vector_texts: dict[LanguageCode, Paths] = {}  # of languages without vectors, to train them on
    vector_training: VectorTraining = VectorTraining()
    vector_words: PositiveInt = 200_000  # the most frequent of each language
    vector_seed: Literal["wikipedia-titles", "dictionary"] = "wikipedia-titles"  # to align by

    @model_validator(mode="after")
    def _vectors_of_english(self) -> Lexicons:
        both = sorted(self.vectors.keys() & self.vector_texts.keys())
        if both:
            raise ValueError(f"{both[0]} has both vectors and vector_texts; give one of them")
        asked = self.vectors.keys() | self.vector_texts.keys()
        if asked and "en" not in asked:
            raise ValueError("vectors or vector_texts needs en, which all others are aligned to")
        return self


class Collection(_Section):
    """A folder in one of the layouts of ``clir.collections``, or a name that ir_datasets knows.

    A folder's domain is in its about.json unless given here; ``lang`` is that of a collection in
    one language, English unless given, and ``query_lang`` that of its queries, if it is another.
    """

    path: Path | None = None
    name: str | None = None
    domain: str | None = None
    lang: CollectionLanguage | None = None
    query_lang: CollectionLanguage | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _path_or_name(self) -> Collection:
        if (self.path is None) == (self.name is None):
            raise ValueError("a collection has either a path or a name")
        names.check_component(self.id)
        return self

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return str(self.path or self.name)

    @property
    def id(self) -> str:
        """What tables and files call it: the folder's name, or the name with dashes."""
        return self.path.name if self.path else str(self.name).replace("/", "-")


class Collections(_Section):
    """Which collections train and which test."""

    train: list[Collection]
    test: list[Collection]
    train_split: str = "train"
    test_split: str = "test"
    # Of a split's judgments (or candidates) that name a document or query that the collection
    # lacks: so many are dropped and counted, more end the run.
    max_missing_share: Share = 0.01


class Switching(_Section):
    """How English training pairs become multilingual ones."""

    languages: list[LanguageCode] = [code for code in SEEN if code != "en"]  # ML-CS, Wiki-CS
    pair: tuple[LanguageCode, LanguageCode] = ("de", "ar")  # query, passage: BL-CS, fine-tuning
    probability: Share = 0.5  # of a word, in BL-CS and ML-CS
    phrase_probability: Share = 1.0  # of a phrase, in Wiki-CS
    copies: PositiveInt = 1  # differently shuffled and switched passes over the pairs
    # Whether training switches the English pairs as it reads them, anew in every pass; else they
    # are written down switched.
    on_the_fly: bool = False
    # Passages that do not answer, per positive, for the cross-encoder: random ones of the
    # collection, BM25's best on English, or the collection's own candidates (triples, top1000, ...)
    negatives: NonNegativeInt = 4
    negatives_from: Literal["random", "bm25", "candidates"] = "random"
    negatives_depth: PositiveInt = 100  # of BM25's best that are drawn from
    # How the domains are mixed: by their sizes to the power of 1 / temperature (1: as they are;
    # the higher, the more even), or by the weights given here for every domain.
    domain_temperature: Annotated[float, Field(gt=0)] = 1.0
    domain_weights: dict[str, Annotated[float, Field(ge=0)]] = {}
    title_pairs: bool = False  # also train on (title, text) of every document that has a title


class Model(_Section):
    """One kind of ranker: a base model, or a small one from scratch with its own tokenizer."""

    base: str | None = None  # a Hugging Face id or a local folder; None: from scratch
    methods: list[Method] = list(TRAINED_METHODS)
    max_length: PositiveInt = 256  # tokens of a text (bi-encoder) or of a pair (cross-encoder)
    vocabulary: PositiveInt = 8000  # from here on: only from scratch
    hidden_size: PositiveInt = 128
    layers: NonNegativeInt = 0
    heads: PositiveInt = 4
    steps: PositiveInt | None = None  # in place of training's
    batch_size: PositiveInt | None = None
    learning_rate: float | None = None
    # From here on: a cross-encoder's evaluation, which costs a forward pass per pair of texts.
    candidates: PositiveInt = 100  # documents it reranks per query: BM25's best on English
    # Languages; None: all.
    pairs: list[tuple[CollectionLanguage, CollectionLanguage]] | None = None


class Training(_Section):
    """What all models share; a model may set its own steps, batch size and learning rate."""

    steps: PositiveInt = 1000
    batch_size: PositiveInt = 64  # over all workers
    learning_rate: Annotated[float, Field(gt=0)] = 2e-5
    warmup_steps: NonNegativeInt = 0
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    gradient_clip: float = 0.0  # 0: none
    token_dropout: Share = 0.0  # share of a text's tokens hidden from the bi-encoder in training
    scale: float = 20.0  # cosine similarities are multiplied by it before the softmax
    workers: PositiveInt = 1
    threads: PositiveInt = 1  # CPU threads of a worker
    zero_stage: Literal[0, 1, 2, 3] = 0
    # auto: bf16 on a GPU that has it. A bag of words is trained in fp32 whatever stands here.
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    checkpoint_every: PositiveInt = 1000
    max_failures: NonNegativeInt = 2
    tokenizer_texts: list[Path] = []  # further text files or folders, one text per line
    tokenizer_sample: PositiveInt = 300_000  # texts that a tokenizer from scratch is trained on

    @model_validator(mode="after")
    def _whole_batches(self) -> Training:
        if self.batch_size % self.workers:
            raise ValueError(
                f"batch_size {self.batch_size} cannot be shared evenly by {self.workers} workers"
            )
        return self


class LeaveOut(_Section):
    """A comparison of models trained with and without one domain, tested on it."""

    domain: EncodedName
    model: ModelKind = "bi-encoder"
    methods: list[Method] = ["zero-shot", "ml-cs"]


class Evaluation(_Section):
    """What is ranked and scored."""

    languages: list[CollectionLanguage] | None = None  # of MoIR and CLIR; None: all that there are
    mlir: dict[FileName, list[CollectionLanguage]] = {"6": SEEN, "14": SEEN + UNSEEN}
    mlir_draws: PositiveInt = 1  # independent draws of each id's language
    depth: PositiveInt = 1000  # ranks kept per query
    batch_size: PositiveInt = 256
    workers: PositiveInt = 1


class Spark(_Section):
    """The session of data jobs; one that is submitted has spark-submit's master and memory."""

    master: str = "local[*]"
    driver_memory: str = "2g"
    shuffle_partitions: PositiveInt = 4  # and files of a method's training pairs


class Experiment(_Section):
    """One named run of the whole way, from dumps to report."""

    name: str
    output: Path
    seeds: list[int] = [1]
    # What is checked of a result's files before they are used: every byte, which is hashed once
    # when it is written and once by each job that reads it; or, for tables so large that this takes
    # long (some seconds for each 10 GB), their sizes alone.
    integrity: Literal["hashes", "sizes"] = "hashes"
    titles: list[Dumps]
    lexicons: Lexicons = Lexicons()
    collections: Collections
    switching: Switching = Switching()
    models: dict[ModelKind, Model]
    training: Training = Training()
    leave_out: LeaveOut | None = None
    evaluation: Evaluation = Evaluation()
    spark: Spark = Spark()

    @field_validator("titles")
    @classmethod
    def _one_of_each(cls, titles: list[Dumps]) -> list[Dumps]:
        langs = [dumps.lang for dumps in titles]
        if repeated := sorted({lang for lang in langs if langs.count(lang) > 1}):
            raise ValueError(f"the dumps of {repeated[0]} are named twice")
        return titles

    @property
    def workspace(self) -> Workspace:
        """The output folder, as stages write into it."""
        return Workspace(self.output.absolute(), self.integrity == "hashes")

    @property
    def methods(self) -> list[str]:
        """Every trained method that some model needs, in the papers' order."""
        asked = {method for model in self.models.values() for method in model.methods}
        wanted = {TRANSLATE_TEST.get(method, method) for method in asked}
        return [method for method in TRAINED_METHODS if method in wanted]


def from_command_line(description: str | None) -> Experiment:
    """Parse ``--config FILE [--set key=value ...]``, the arguments of every job."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True, help="the experiment file (YAML)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a field, such as training.steps=100; may be repeated",
    )
    arguments = parser.parse_args()
    return load(arguments.config, arguments.set)


def load(path: Path, overrides: list[str] | None = None) -> Experiment:
    """Read an experiment file. InputError names the key that is wrong and what it may be."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot read the experiment file: {error.strerror}") from None
    try:
        values = yaml.safe_load(_expand(text))
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected keys such as name, output, collections")
    for override in overrides or []:
        _override(values, override)
    try:
        return Experiment.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{path}: {_explain(error)}") from None


def _expand(text: str) -> str:
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda m: os.environ.get(m[1], m[2]), text)


def _override(values: dict[str, Any], override: str) -> None:
    key, separator, value = override.partition("=")
    if not separator:
        raise InputError(f"--set {override}: expected key=value, such as training.steps=100")
    *parents, last = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise InputError(f"--set {override}: {parent} is no section")
    try:
        values[last] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise InputError(f"--set {override}: {value!r} is not YAML") from None


def _explain(error: ValidationError) -> str:
    first, *others = error.errors()
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        message = f"unknown key {place}; valid here: {', '.join(_keys_beside(first['loc']))}"
    else:
        message = f"{place}: {first['msg'].removeprefix('Value error, ')}"
    return message + (f" (and {len(others)} more)" if others else "")


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    """The keys of the section that a wrong key stands in."""
    section: Any = Experiment
    for part in location[:-1]:
        if isinstance(part, str) and part in getattr(section, "model_fields", {}):
            section = section.model_fields[part].annotation
        arguments = [a for a in getattr(section, "__args__", ()) if hasattr(a, "model_fields")]
        section = arguments[-1] if arguments else section
    return sorted(getattr(section, "model_fields", {}))
