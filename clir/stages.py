"""What each result of an experiment is made from. A stage says so here, and is made elsewhere.

Nothing is started, made or written here; of results, at most manifests are read.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from clir import manifest, packaged_encoder
from clir.collections import layouts
from clir.experiment import Experiment
from clir.languages import LANGUAGES
from clir.lexicons.dictionaries import dictionaries_in
from clir.lexicons.vector_training import TERMS_JOINED
from clir.retrieval.first_stages import FIRST_STAGES
from clir.scoring.measures import MEASURES
from clir.switching.methods import BASELINE, METHODS, trained
from clir.switching.plans import on_the_fly, pairs_folder, plan
from clir.workspace import run_name


class Stage(NamedTuple):
    """A result: its folder, and what decides whether it is up to date (``manifest.build``)."""

    folder: Path
    inputs: list[Path]  # files, or folders of other stages
    settings: dict[str, Any]


class Trained(NamedTuple):
    """What tells a training from the others of an experiment, and a system that ranks with it."""

    model: str
    method: str
    seed: int
    without_domain: str | None

    @property
    def name(self) -> str:
        return run_name(self.model, self.method, self.seed, self.without_domain)


def every(experiment: Experiment) -> Iterator[Stage]:
    """All stages, each behind those that it reads."""
    yield from data(experiment)
    for name, model in experiment.models.items():
        if model.base is None:
            yield tokenizer(experiment, name)
    if uses_packaged_encoder(experiment):
        yield base_of_package(experiment)
    if experiment.learns_of_teacher:
        yield scored_pairs(experiment)
    yield from (run(experiment, one) for one in runs(experiment))
    if translates(experiment):
        yield translators(experiment)
    if experiment.reranks:
        yield candidates(experiment)
    yield from (system(experiment, *each) for each in systems(experiment))


def data(experiment: Experiment) -> Iterator[Stage]:
    """All stages before training, each behind those that it reads."""
    yield titles(experiment)
    yield collections(experiment)
    yield from (vectors(experiment, lang) for lang in experiment.lexicons.vector_texts)
    if uses_vectors(experiment):
        yield vector_lexicon(experiment)
    yield lexicon(experiment)
    yield lexicon_card(experiment)
    if uses_candidates(experiment):
        yield training_candidates(experiment)
    switching = [method for method in experiment.methods if plan(experiment, method).switches]
    yield from (switchers(experiment, method) for method in switching)
    later = [method for method in experiment.methods if on_the_fly(experiment, method)]
    read = [method for method in experiment.methods if method not in later]
    english = [BASELINE] if later or experiment.learns_of_teacher else []
    for method in dict.fromkeys([*read, *english]):
        yield pairs(experiment, method)
    yield from (switch_rates(experiment, method) for method in later)


def titles(experiment: Experiment) -> Stage:
    dumps = experiment.titles
    files = [path for dump in dumps for path in (dump.page, dump.langlinks)]
    settings = {"titles": [dump.model_dump(mode="json") for dump in dumps], "into": [*LANGUAGES]}
    return Stage(experiment.workspace.titles, files, settings)


def collections(experiment: Experiment) -> Stage:
    # One may train with one split and test with another; it is read once.
    chosen = list(dict.fromkeys([*experiment.collections.train, *experiment.collections.test]))
    files = [file for collection in chosen for file in layouts.files(collection)]
    # What ir_datasets fetches for a name does not change; that, the settings tell.
    paths = dict.fromkeys(Path(file.path) for file in files if not file.named)
    about = [c.path / "about.json" for c in chosen if c.path and not c.domain]
    settings = {
        "collections": [c.model_dump(mode="json") for c in chosen],
        "max_missing_share": experiment.collections.max_missing_share,
    }
    return Stage(experiment.workspace.collections, [*paths, *about], settings)


def dictionaries(experiment: Experiment) -> dict[str, Path]:
    """The file of each language that has a dictionary."""
    given = experiment.lexicons.dictionary
    return dictionaries_in(given) if given else {}


def uses_vectors(experiment: Experiment) -> bool:
    """Whether word vectors give a lexicon."""
    return bool(experiment.lexicons.vectors or experiment.lexicons.vector_texts)


def vectors(experiment: Experiment, lang: str) -> Stage:
    lexicons = experiment.lexicons
    inputs = list(lexicons.vector_texts[lang])
    if lang in TERMS_JOINED:  # the other lexicons tell which words belong together
        inputs += [experiment.workspace.titles, *dictionaries(experiment).values()]
    settings = lexicons.model_dump(include={"vector_training", "vector_words"}, mode="json")
    return Stage(experiment.workspace.vectors(lang), inputs, {"lang": lang, **settings})


def vector_lexicon(experiment: Experiment) -> Stage:
    workspace, lexicons = experiment.workspace, experiment.lexicons
    trained = [workspace.vectors(lang) for lang in lexicons.vector_texts]
    known = [workspace.titles, *dictionaries(experiment).values()]
    settings = lexicons.model_dump(
        include={"vectors", "vector_words", "vector_seed", "translations"}, mode="json"
    )
    inputs = [*lexicons.vectors.values(), *trained, *known]
    return Stage(workspace.vector_lexicon, inputs, settings)


def lexicon(experiment: Experiment) -> Stage:
    workspace = experiment.workspace
    inputs = [workspace.titles, *dictionaries(experiment).values()]
    if uses_vectors(experiment):
        inputs.append(workspace.vector_lexicon)
    return Stage(workspace.lexicon, inputs, {})


def lexicon_card(experiment: Experiment) -> Stage:
    workspace, switching = experiment.workspace, experiment.switching
    settings = {
        "train": [c.id for c in experiment.collections.train],
        "languages": [*switching.languages, *switching.pair],
        "lexicons": experiment.lexicons.model_dump(
            include={"words", "phrases", "minimum_coverage"}, mode="json"
        ),
    }
    return Stage(workspace.lexicon_card, [workspace.collections, workspace.lexicon], settings)


def uses_candidates(experiment: Experiment) -> bool:
    """Whether negatives are drawn from what a first stage finds."""
    switching = experiment.switching
    return bool(switching.negatives) and switching.negatives_from in FIRST_STAGES


def training_candidates(experiment: Experiment) -> Stage:
    workspace, collections = experiment.workspace, experiment.collections
    settings = {
        "from": experiment.switching.negatives_from,
        "names": [collection.id for collection in collections.train],
        "split": collections.train_split,
        "depth": experiment.switching.negatives_depth,
    }
    return Stage(workspace.training_candidates, [workspace.collections], settings)


def switchers(experiment: Experiment, method: str) -> Stage:
    workspace, settings = experiment.workspace, plan(experiment, method)._asdict()
    del settings["probability"]  # does not change the look-up
    return Stage(workspace.switchers(method), [workspace.lexicon], settings)


def pairs(experiment: Experiment, method: str) -> Stage:
    workspace, chosen = experiment.workspace, plan(experiment, method)
    inputs = [workspace.collections]
    if uses_candidates(experiment):
        inputs.append(workspace.training_candidates)
    if chosen.switches:
        inputs.append(workspace.switchers(method))
    settings = {
        "plan": chosen._asdict(),
        "switching": experiment.switching.model_dump(exclude={"distillation_probability"}),
        "train": [c.id for c in experiment.collections.train],
        "split": experiment.collections.train_split,
        "seed": experiment.seeds[0],
    }
    return Stage(workspace.pairs(method), inputs, settings)


def switch_rates(experiment: Experiment, method: str) -> Stage:
    workspace = experiment.workspace
    settings = {"plan": plan(experiment, method)._asdict(), "seed": experiment.seeds[0]}
    inputs = [pairs_folder(experiment, BASELINE), workspace.switchers(method)]
    return Stage(workspace.switch_rates(method), inputs, settings)


def tokenizer(experiment: Experiment, model: str) -> Stage:
    """The tokenizer of a model from scratch; its methods differ in nothing else."""
    workspace, chosen = experiment.workspace, experiment.models[model]
    read = dict.fromkeys(pairs_folder(experiment, method) for method in experiment.methods)
    settings = {
        "family": chosen.family,
        "vocabulary": chosen.vocabulary,
        "max_length": chosen.max_length,
        "sample": experiment.training.tokenizer_sample,
    }
    inputs = [*read, workspace.lexicon, *experiment.training.tokenizer_texts]
    return Stage(workspace.tokenizer(model), inputs, settings)


def uses_packaged_encoder(experiment: Experiment) -> bool:
    """Whether some model begins as the encoder that pip brings."""
    return any(model.base == packaged_encoder.NAME for model in experiment.models.values())


def base_of_package(experiment: Experiment) -> Stage:
    """The encoder that pip brings, as a folder."""
    settings = {"sha256": packaged_encoder.SHA256}
    return Stage(experiment.workspace.packaged_encoder, [], settings)


def scored_pairs(experiment: Experiment) -> Stage:
    """The English pairs, with a teacher's scores."""
    workspace, teacher = experiment.workspace, experiment.teacher
    assert teacher is not None
    inputs = [workspace.pairs(BASELINE)]
    if (base := Path(teacher.base)).is_dir():
        inputs.append(base)  # else a name at the hub
    return Stage(workspace.scored_pairs, inputs, teacher.model_dump(exclude={"workers"}))


def read_pairs(experiment: Experiment, model: str, method: str) -> Path:
    """Where the pairs lie that a model reads in training by a method."""
    if experiment.models[model].learns_by.of_teacher and METHODS[method].learns_from == "labels":
        return experiment.workspace.scored_pairs
    return pairs_folder(experiment, method)


def translates(experiment: Experiment) -> bool:
    """Whether some method translates texts into English before it ranks."""
    return any(METHODS[method].translates for method in experiment.asked)


def translators(experiment: Experiment) -> Stage:
    """Look-up tables of every language into English."""
    workspace = experiment.workspace
    settings = {"words": experiment.lexicons.words}
    return Stage(workspace.translators, [workspace.lexicon], settings)


def candidates(experiment: Experiment) -> Stage:
    """What is reranked."""
    workspace, models = experiment.workspace, experiment.models.values()
    settings = {
        "from": experiment.evaluation.candidates_from,
        "depth": max(model.candidates for model in models if model.kind.ranks_by == "scores"),
        "collections": [collection.id for collection in experiment.collections.test],
        "split": experiment.collections.test_split,
    }
    return Stage(workspace.candidates, [workspace.collections], settings)


def runs(experiment: Experiment) -> Iterator[Trained]:
    """Every training, each behind the one that it goes on from."""
    planned: dict[Trained, None] = {}
    for one in _asked_for(experiment):
        if first := begins_as(experiment, one):
            planned[first] = None
        planned[one] = None
    yield from planned


def begins_as(experiment: Experiment, one: Trained) -> Trained | None:
    """The training whose model another one goes on from; None: it begins with the base."""
    method = experiment.before(one.model, one.method)
    return one._replace(method=method) if method else None


def _asked_for(experiment: Experiment) -> Iterator[Trained]:
    """Model x method x seed, and the methods again without the left-out domain."""
    left = experiment.leave_out
    for name, model in experiment.models.items():
        cases: list[tuple[str, str | None]] = [(method, None) for method in trained(model.methods)]
        if left and name == left.model:
            cases += [(method, left.domain) for method in left.methods]
        for method, without in cases:
            # Who learns nothing is the same whatever the seed.
            seeds = experiment.seeds if METHODS[method].learns_from else experiment.seeds[:1]
            yield from (Trained(name, method, seed, without) for seed in seeds)


def run(experiment: Experiment, one: Trained) -> Stage:
    """A training; the folder is the model's."""
    workspace, model = experiment.workspace, experiment.model(one.model, one.method)
    learns = METHODS[one.method].learns_from
    inputs = [read_pairs(experiment, one.model, one.method)] if learns else []
    if model.base is None:
        inputs.append(workspace.tokenizer(one.model))
    elif model.base == packaged_encoder.NAME:
        inputs.append(workspace.packaged_encoder)
    elif (base := Path(model.base)).is_dir():
        inputs.append(base)  # likewise
    # What is only read at evaluation, or only about speed, makes no other model.
    unread = {"methods", "after", "pairs", "mlir", "queries", "candidates"}
    if learns != "itself":
        unread |= {"distillation"}
    settings: dict[str, Any] = {
        "seed": one.seed,
        "without_domain": one.without_domain,
        "learns_from": learns,
        "model": model.model_dump(exclude=unread),
        "training": experiment.training.model_dump(
            include={"workers", "zero_stage", "precision", "tokenizer_sample"}
        ),
    }
    if switch := on_the_fly(experiment, one.method):
        settings["switch"] = {**switch.plan._asdict(), "seed": switch.seed}
        inputs.append(switch.switchers)
    if first := begins_as(experiment, one):
        # By what it is made from: that is known before it is there.
        before = run(experiment, first)
        settings["goes on from"] = before.settings
        inputs += [path for path in before.inputs if path not in inputs]
    return Stage(workspace.model(one.name), inputs, settings)


def systems(experiment: Experiment) -> Iterator[tuple[Trained, str]]:
    """Every way to rank: a trained model, and the method that ranks with it.

    A model ranks by its own method, if that is asked for, and by such as translate. Methods that
    rank by words have none, so the first of the two names a model that is not trained.
    """
    for one in _asked_for(experiment):
        if one.without_domain:
            yield one, one.method
            continue
        methods = experiment.models[one.model].methods
        yield from ((one, method) for method in methods if METHODS[method].trained == one.method)
    for name, model in experiment.models.items():
        for method in model.methods:
            if METHODS[method].by_words:
                yield Trained(name, method, experiment.seeds[0], None), method


def system(experiment: Experiment, one: Trained, method: str) -> Stage:
    """How a method ranks with a trained model."""
    workspace, model = experiment.workspace, experiment.models[one.model]
    reranks = model.kind.ranks_by == "scores"
    inputs = [workspace.collections]
    if not METHODS[method].by_words:
        inputs.append(workspace.model(one.name))
    if METHODS[method].translates:
        inputs.append(workspace.translators)
    if reranks:
        inputs.append(workspace.candidates)
    settings = {
        "method": method,
        "evaluation": experiment.evaluation.model_dump(
            exclude={"workers", "batch_size", "candidates_from"}
        ),
        "measures": {name: str(measure) for name, measure in MEASURES.items()},
        "pairs": model.pairs,
        "mlir": model.mlir,
        "queries": model.queries if reranks else None,
        "candidates": model.candidates if reranks else None,
        "test": [collection.id for collection in experiment.collections.test],
        "split": experiment.collections.test_split,
    }
    return Stage(workspace.evaluation(one._replace(method=method).name), inputs, settings)


class Look(NamedTuple):
    """A stage, and why it will be made; None where it is up to date."""

    stage: Stage
    why: str | None


def looks(experiment: Experiment) -> Iterator[Look]:
    """A look at every stage; InputError where a result was damaged, or may be a user's."""
    due: set[Path] = set()
    for stage in every(experiment):
        why = _why(experiment, stage, due)
        if why:
            due.add(stage.folder)
        yield Look(stage, why)


def _why(experiment: Experiment, stage: Stage, due: set[Path]) -> str | None:
    workspace = experiment.workspace
    made = manifest.found(stage.folder)
    if made is None:
        return "not there yet"
    for path in stage.inputs:
        if path in due:
            return f"{path.relative_to(workspace.output)} will be made anew"
    # What lies elsewhere may not be seen from here: on a cluster, say.
    here = [p for p in stage.inputs if p.exists() or p.is_relative_to(workspace.output)]
    origin = manifest.origin_of(workspace, here, stage.settings)
    if made["version"] != origin["version"]:
        return f"made by version {made['version']}"
    for key in ("settings", "inputs"):
        other = [name for name, value in origin[key].items() if made[key].get(name) != value]
        if other:
            return f"other {key}: {', '.join(other)}"
    return "fewer inputs" if len(made["inputs"]) != len(stage.inputs) else None
