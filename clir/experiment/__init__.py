"""The typed experiment file: everything a run depends on; unknown keys are refused.

A YAML file, with ``${NAME:-default}`` replaced from the environment, then ``--set key.path=value``
overrides (values are YAML too). Every job reads the same file.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

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
# Names that files are called by.
FileName = Annotated[str, AfterValidator(names.check_component)]
Domain = Annotated[str, AfterValidator(names.check_domain)]  # encoded
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]  # what Spark, NumPy and torch all take
Item = TypeVar("Item")


def _each_once(values: list[Item]) -> list[Item]:
    twice = [value for at, value in enumerate(values) if value in values[:at]]
    if twice:
        raise ValueError(f"{twice[0]} is named twice")
    return values


def _filled(values: list[Item]) -> list[Item]:
    if not values:
        raise ValueError("it is empty; name at least one")
    return values


Distinct = Annotated[list[Item], AfterValidator(_each_once)]
Several = Annotated[list[Item], AfterValidator(_filled), AfterValidator(_each_once)]
# Files or folders; a single one needs no list.
Paths = Annotated[list[Path], BeforeValidator(lambda v: [v] if isinstance(v, str | Path) else v)]


def _spark_master(value: str) -> str:
    if not re.fullmatch(r"local(\[(\*|[1-9]\d*)(,\d+)?\])?|yarn|(spark|k8s)://.+", value):
        raise ValueError(f"{value} is no master, such as local[2], spark://HOST:7077 or yarn")
    return value


def _java_memory(value: str) -> str:
    if not re.fullmatch(r"[1-9]\d*[kmgt]b?", value.lower()):
        raise ValueError(f"{value} is no size, such as 2g or 800m")
    return value


def _keys_as_text(value: Any) -> Any:
    """YAML reads a key of digits as a number."""
    return {str(k): v for k, v in value.items()} if isinstance(value, dict) else value


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
    learning_rate: Positive = 0.05
    threads: PositiveInt = 1  # with more, no two trainings give the same vectors


class Lexicons(_Section):
    """Where lexicons come from, and which ones each method asks, the first that has a word wins."""

    dictionary: Path | None = None  # a folder of en-XX.tsv or en-XX.txt, perhaps .gz
    # Of BL-CS, ML-CS and Translate-Test.
    words: Distinct[LexiconOrigin] = ["dictionary", "wikipedia-titles"]
    phrases: Distinct[LexiconOrigin] = ["wikipedia-titles"]  # Wiki-CS
    translations: PositiveInt = 1  # how many translations of a word may be drawn
    # The share of the English training texts' words that the chain of words must cover for each
    # language that is switched into; the run ends where it does not.
    minimum_coverage: Share = 0.0
    vectors: dict[LanguageCode, Path] = {}  # .vec, .vec.gz or .bin of English and other languages
    vector_texts: dict[LanguageCode, Paths] = {}  # of languages without vectors, to train them on
    vector_training: VectorTraining = VectorTraining()
    vector_words: PositiveInt = 200_000  # the most frequent of each language
    vector_seed: Literal["wikipedia-titles", "dictionary"] = "wikipedia-titles"  # to align by


class Collection(_Section):
    """A folder in one of the layouts of ``clir.collections.layouts``, or one of ir_datasets.

    A folder's domain is in its about.json unless given here; ``lang`` is that of a collection in
    one language, English unless given, and ``query_lang`` that of its queries, if it is another.
    """

    path: Path | None = None
    name: str | None = None
    domain: Domain | None = None
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

    languages: Distinct[LanguageCode] = [code for code in SEEN if code != "en"]  # ML-CS, Wiki-CS
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
    domain_temperature: Positive = 1.0
    domain_weights: dict[str, NotNegative] = {}
    title_pairs: bool = False  # also train on (title, text) of every document that has a title


class Model(_Section):
    """One kind of ranker: a base model, or a small one from scratch with its own tokenizer."""

    base: str | None = None  # a Hugging Face id or a local folder; None: from scratch
    methods: Several[Method] = list(TRAINED_METHODS)
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


class Training(_Section):
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


class LeaveOut(_Section):
    """A comparison of models trained with and without one domain, tested on it."""

    domain: Domain
    model: ModelKind = "bi-encoder"
    methods: Several[Method] = ["zero-shot", "ml-cs"]


class Evaluation(_Section):
    """What is ranked and scored."""

    # Of MoIR and CLIR; None: all that there are.
    languages: Several[CollectionLanguage] | None = None
    mlir: Annotated[dict[FileName, list[CollectionLanguage]], BeforeValidator(_keys_as_text)] = {
        "6": SEEN,
        "14": SEEN + UNSEEN,
    }
    mlir_draws: PositiveInt = 1  # independent draws of each id's language
    depth: PositiveInt = 1000  # ranks kept per query
    batch_size: PositiveInt = 256
    workers: PositiveInt = 1


class Spark(_Section):
    """The session of data jobs; one that is submitted has spark-submit's master and memory."""

    master: Annotated[str, AfterValidator(_spark_master)] = "local[*]"
    driver_memory: Annotated[str, AfterValidator(_java_memory)] = "2g"
    shuffle_partitions: PositiveInt = 4  # and files of a method's training pairs


class Experiment(_Section):
    """One named run of the whole way, from dumps to report."""

    name: str
    output: Path
    seeds: Several[Seed] = [1]
    # What is checked of a result's files before they are used: every byte, which is hashed once
    # when it is written and once by each job that reads it; or, for tables so large that this takes
    # long (some seconds for each 10 GB), their sizes alone.
    integrity: Literal["hashes", "sizes"] = "hashes"
    titles: list[Dumps] = []
    lexicons: Lexicons = Lexicons()
    collections: Collections
    switching: Switching = Switching()
    models: dict[ModelKind, Model]
    training: Training = Training()
    leave_out: LeaveOut | None = None
    evaluation: Evaluation = Evaluation()
    spark: Spark = Spark()

    @property
    def asked(self) -> set[str]:
        """Every method that some model is asked for."""
        return {method for model in self.models.values() for method in model.methods}

    @property
    def workspace(self) -> Workspace:
        """The output folder, as stages write into it."""
        return Workspace(self.output.absolute(), self.integrity == "hashes")

    @property
    def methods(self) -> list[str]:
        """Every trained method that some model needs, in the papers' order."""
        wanted = {TRANSLATE_TEST.get(method, method) for method in self.asked}
        return [method for method in TRAINED_METHODS if method in wanted]


class Problem(NamedTuple):
    """Something that is wrong with an experiment, and the keys that it was seen by."""

    message: str
    keys: tuple[str, ...]


Check = Callable[[Experiment], Iterable[Problem]]


def problem(message: str, *keys: str) -> Problem:
    """A problem whose line begins with the first of its keys."""
    return Problem(f"{keys[0]}: {message}", keys)


def from_command_line(description: str | None, *checks: Check) -> Experiment:
    """Parse ``--config FILE [--set key=value ...]``, the arguments of every job.

    ``checks``: what the job looks at before it starts, such as files. InputError lists all that is
    wrong, a line each.
    """
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
    return load(arguments.config, arguments.set, *checks)


def load(path: Path, overrides: list[str] | None = None, *checks: Check) -> Experiment:
    """Read an experiment file. InputError lists all that is wrong with it, a line each.

    Looks at nothing but the file, unless ``checks`` do.
    """
    from clir import consistency  # it reads experiments

    values = _values(path, overrides or [])
    wrong = [*_left_over(values)]
    experiment: Experiment | None
    try:
        experiment = Experiment.model_validate(values)
    except ValidationError as error:
        wrong += [_explained(one) for one in error.errors()]
        experiment = _without(values, wrong)
    if experiment is not None:
        unsure = {key for one in wrong for key in one.keys}
        for check in (consistency.problems, *checks):
            wrong += [one for one in check(experiment) if not _touches(one.keys, unsure)]
    if wrong:
        raise InputError("\n".join(dict.fromkeys(f"{path}: {one.message}" for one in wrong)))
    assert experiment is not None
    return experiment


def _values(path: Path, overrides: list[str]) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"{path}: cannot read the experiment file: {why}") from None
    try:
        values = yaml.safe_load(_expand(text))
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected keys such as name, output, collections")
    for override in overrides:
        _override(values, override)
    return values


def _expand(text: str) -> str:
    return re.sub(r"\$\{(\w+):-([^{}]*)\}", lambda m: os.environ.get(m[1], m[2]), text)


def _left_over(value: Any, *place: str) -> Iterator[Problem]:
    """Names of the environment, or of a home folder, that nobody replaces."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from _left_over(inner, *place, str(key))
    elif isinstance(value, str) and (found := re.search(r"\$\{[^}]*\}?|^\$\w+|^~(?=/|$)", value)):
        yield problem(
            f"{found[0]} is not replaced here: write the value, or ${{NAME:-default}} in the "
            "experiment file",
            ".".join(place),
        )


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


def _explained(error: Any) -> Problem:
    """One of pydantic's errors. An unknown key makes its whole section unsure."""
    location = tuple(part for part in error["loc"] if part != "[key]")
    place = ".".join(str(part) for part in location)
    if error["type"] == "extra_forbidden":
        valid = ", ".join(_keys_beside(location))
        section = ".".join(str(part) for part in location[:-1])
        return Problem(f"unknown key {place}; valid here: {valid}", (section or place, place))
    return problem(error["msg"].removeprefix("Value error, "), place)


def _without(values: dict[str, Any], wrong: list[Problem]) -> Experiment | None:
    """The experiment without the values that are wrong, to look at the rest; None if it needs them.

    An item of a list goes alone, so the rest of the list is still looked at.
    """
    left = deepcopy(values)
    places = {tuple(one.keys[-1].split(".")) for one in wrong}
    # The last items first, since those behind a deleted one move up.
    for *parents, last in sorted(places, key=lambda place: [p.zfill(9) for p in place])[::-1]:
        section: Any = left
        for part in parents:
            section = _inside(section, part)
        if isinstance(section, list) and last.isdigit() and int(last) < len(section):
            del section[int(last)]
        elif isinstance(section, dict):
            for key in [key for key in section if str(key) == last]:
                del section[key]
    if left == values:
        return None
    try:
        return Experiment.model_validate(left)
    except ValidationError as error:  # such as a list that is empty now
        return _without(left, [_explained(one) for one in error.errors()])


def _inside(section: Any, part: str) -> Any:
    if isinstance(section, list):
        return section[int(part)] if part.isdigit() and int(part) < len(section) else None
    if isinstance(section, dict):
        return next((inner for key, inner in section.items() if str(key) == part), None)
    return None


def _touches(keys: Iterable[str], others: set[str]) -> bool:
    """Whether some key is one of the others, or inside it, or around it."""
    return any(
        f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.")
        for key in keys
        for other in others
    )


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    """The keys of the section that a wrong key stands in."""
    section: Any = Experiment
    for part in location[:-1]:
        if isinstance(part, str) and part in getattr(section, "model_fields", {}):
            section = section.model_fields[part].annotation
        arguments = [a for a in getattr(section, "__args__", ()) if hasattr(a, "model_fields")]
        section = arguments[-1] if arguments else section
    return sorted(getattr(section, "model_fields", {}))
