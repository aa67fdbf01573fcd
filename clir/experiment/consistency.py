"""What is wrong with an experiment by itself: settings that do not fit each other.

No file is looked at, see ``clir.experiment.sources``. A problem names all keys that it was seen
by, so that one of them that is wrong already is not blamed on the others.
"""

from collections.abc import Iterable, Iterator

from clir.experiment.file import Experiment
from clir.experiment.loading import Problem, problem
from clir.experiment.models import Model
from clir.retrieval.first_stages import FIRST_STAGES
from clir.switching.methods import BASELINE, METHODS, Method


def problems(experiment: Experiment) -> Iterator[Problem]:
    """Everything that can be known without looking at files."""
    yield from _dumps(experiment)
    yield from _lexicons(experiment)
    yield from _collections(experiment)
    yield from _switching(experiment)
    yield from _training(experiment)
    yield from _models(experiment)
    yield from _leave_out(experiment)
    yield from _mlir(experiment)


def _dumps(experiment: Experiment) -> Iterator[Problem]:
    langs = [dumps.lang for dumps in experiment.titles]
    for lang in sorted({lang for lang in langs if langs.count(lang) > 1}):
        yield problem(f"the dumps of {lang} are named twice", "titles")


def _lexicons(experiment: Experiment) -> Iterator[Problem]:
    lexicons = experiment.lexicons
    for lang in sorted(lexicons.vectors.keys() & lexicons.vector_texts.keys()):
        yield problem(
            f"{lang} has both vectors and vector_texts; give one of them",
            "lexicons.vectors",
            "lexicons.vector_texts",
        )
    vectors = lexicons.vectors.keys() | lexicons.vector_texts.keys()
    if vectors and "en" not in vectors:
        yield problem(
            "vectors or vector_texts needs en, which all others are aligned to",
            "lexicons.vectors",
            "lexicons.vector_texts",
        )
    shortest, longest = lexicons.vector_training.subwords
    if shortest > longest:
        yield problem(f"({shortest}, {longest}) is no range", "lexicons.vector_training.subwords")
    yield from _origins(experiment)
    if vectors and lexicons.vector_seed not in given_origins(experiment):
        yield _no_source(lexicons.vector_seed, "lexicons.vector_seed")


def _origins(experiment: Experiment) -> Iterator[Problem]:
    """Chains of lexicons that name one that is not given, or that have none at all."""
    lexicons, given = experiment.lexicons, given_origins(experiment)
    for key in ("words", "phrases"):
        chain = getattr(lexicons, key)
        missing = [origin for origin in chain if origin not in given]
        if key not in lexicons.model_fields_set:
            missing = []  # what stands there by default is a wish
        for origin in missing:
            yield _no_source(origin, f"lexicons.{key}")
        users = [row.name for row in _rows(experiment.asked) if row.looks_up and row.chain == key]
        if users and not missing and not given & set(chain):
            yield problem(
                f"no lexicon that {', '.join(users)} could ask is given: give titles (dumps), "
                "lexicons.dictionary or lexicons.vectors, and name it here",
                f"lexicons.{key}",
                "titles",
                "lexicons",
                "models",
            )


def _no_source(origin: str, key: str) -> Problem:
    asked = {
        "dictionary": ("lexicons.dictionary",),
        "wikipedia-titles": ("titles",),
        "word-vectors": ("lexicons.vectors", "lexicons.vector_texts"),
    }[origin]
    return problem(
        f"it asks for {origin}, but {' or '.join(asked)} gives none; fill it, or leave {origin} "
        "away",
        key,
        *asked,
    )


def given_origins(experiment: Experiment) -> set[str]:
    """The lexicons that the experiment has a source of."""
    lexicons = experiment.lexicons
    sources = {
        "dictionary": lexicons.dictionary,
        "wikipedia-titles": experiment.titles,
        "word-vectors": lexicons.vectors or lexicons.vector_texts,
    }
    return {origin for origin, source in sources.items() if source}


def _collections(experiment: Experiment) -> Iterator[Problem]:
    sides = {"train": experiment.collections.train, "test": experiment.collections.test}
    for side, collections in sides.items():
        if not collections:
            yield problem("it is empty; name at least one", f"collections.{side}")
        for place in _twice([collection.place for collection in collections]):
            yield problem(f"{place} is named twice", f"collections.{side}")
    # One may train with one split and test with another.
    different = dict.fromkeys(c for collections in sides.values() for c in collections)
    for name in _twice([collection.id for collection in different]):
        yield problem(
            f"{name} stands for two folders, domains or languages; rename a folder, or give the "
            "same ones everywhere",
            "collections",
        )


def _switching(experiment: Experiment) -> Iterator[Problem]:
    switching, methods = experiment.switching, set(experiment.methods)
    drawn = [row.name for row in _rows(methods) if row.into == "languages"]
    if drawn and not switching.languages:
        yield problem(
            f"it is empty, and {', '.join(drawn)} switch into its languages",
            "switching.languages",
            "models",
        )
    if drawn and "en" in switching.languages:
        yield problem("English text cannot be switched into en", "switching.languages", "models")
    paired = [row.name for row in _rows(methods) if row.into == "pair" or row.translated]
    if paired and set(switching.pair) == {"en"}:
        yield problem(
            f"en and en is the training data of zero-shot; {', '.join(paired)} need another "
            "language on one side at least",
            "switching.pair",
            "models",
        )
    for key, chain, learns_from in (
        ("probability", "words", "labels"),
        ("phrase_probability", "phrases", "labels"),
        ("distillation_probability", "words", "itself"),
    ):
        rows = [row for row in _rows(methods) if row.into and row.learns_from == learns_from]
        users = [row.name for row in rows if row.chain == chain]
        if users and not getattr(switching, key):
            yield problem(
                f"{', '.join(users)} would switch nothing, which is {BASELINE}",
                f"switching.{key}",
                "models",
            )
    found = switching.negatives_from in FIRST_STAGES
    left = switching.negatives_depth - switching.negatives_skip
    if found and switching.negatives > left:
        yield problem(
            f"{switching.negatives} negatives cannot be drawn from {max(left, 0)}",
            "switching.negatives_depth",
            "switching.negatives_skip",
            "switching.negatives",
            "switching.negatives_from",
        )
    for key in ("negatives_skip", "negatives_below"):
        if getattr(switching, key) and not found:
            yield problem(
                f"only a first stage ({', '.join(FIRST_STAGES)}) gives ranks and scores",
                f"switching.{key}",
                "switching.negatives_from",
            )
    if switching.domain_weights and not any(switching.domain_weights.values()):
        yield problem("no domain has a weight above 0", "switching.domain_weights")


def _training(experiment: Experiment) -> Iterator[Problem]:
    training = experiment.training
    if (training.min_workers or 0) > training.workers:
        yield problem(
            f"{training.min_workers} are more than all {training.workers}",
            "training.min_workers",
            "training.workers",
        )
    if training.min_workers and training.zero_stage:
        yield problem(
            "checkpoints of a model that is cut into parts can be read by as many workers alone; "
            "set training.zero_stage to 0",
            "training.min_workers",
            "training.zero_stage",
        )


def _models(experiment: Experiment) -> Iterator[Problem]:
    if not experiment.models:
        yield problem("it is empty; name at least one model, with its family", "models")
    for name in experiment.models:
        yield from _model(experiment, name)


def _model(experiment: Experiment, name: str) -> Iterator[Problem]:
    model, key = experiment.model(name), f"models.{name}"
    workers, depth = experiment.training.workers, experiment.evaluation.depth
    own = experiment.models[name].batch_size is not None
    place = f"{key}.batch_size" if own else "training.batch_size"
    if model.loss and model.loss not in model.kind.losses:
        yield problem(
            f"a {model.family} cannot learn by it; it can by {', '.join(model.kind.losses)}",
            f"{key}.loss",
            f"{key}.family",
        )
    # A query of each worker's own, with its passages; a batch may be half as large as it should be.
    of_negatives = model.learns_by.against != "batch"
    least = workers * max(2, 1 + experiment.switching.negatives * of_negatives)
    if workers > 1 and model.batch_size < least:
        yield problem(
            f"batch_size {model.batch_size} is too small for {workers} workers: {least} at least",
            place,
            "training.workers",
        )
    elif model.learns_by.against != "negatives" and model.batch_size == 1:
        yield problem(f"{name} learns from the other pairs of a batch: 2 at least", place)
    if of_negatives and not experiment.switching.negatives:
        yield problem(
            f"{name} learns from passages that do not answer; ask for 1 at least",
            "switching.negatives",
            key,
        )
    if model.kind.ranks_by == "scores" and model.candidates > depth:
        yield problem(
            f"only {depth} of the {model.candidates} candidates would be kept ({key}.candidates)",
            "evaluation.depth",
            f"{key}.candidates",
        )
    yield from _methods_of(key, model)
    alone = any(METHODS[method].learns_from == "itself" for method in model.methods)
    least = least if model.kind.together else 2 * workers
    if alone and model.distillation.batch_size < least:
        yield problem(
            f"{model.distillation.batch_size} is too small for {workers} workers: {least} at least",
            f"{key}.distillation.batch_size",
            "training.workers",
        )
    if model.mix and not (
        model.learns_by.against != "negatives" and experiment.switching.on_the_fly
    ):
        yield problem(
            "it is a part of contrastive losses, of pairs that are switched as training reads them",
            f"{key}.mix",
            f"{key}.loss",
            "switching.on_the_fly",
        )
    if model.learns_by.of_teacher:
        yield from _of_teacher(experiment, key, model)
    if model.freeze and not model.kind.layers:
        yield problem(f"a {model.family} has nothing else", f"{key}.freeze", f"{key}.family")
    if model.train_layers and not model.kind.layers:
        yield problem(f"a {model.family} has none", f"{key}.train_layers", f"{key}.family")
    if model.base is None:
        yield from _from_scratch(key, model)


def _methods_of(key: str, model: Model) -> Iterator[Problem]:
    """Methods that a model cannot be asked for."""
    for row in _rows(model.methods):
        if model.base is None and row.learns_from != "labels" and not row.by_words:
            yield problem(
                f"{row.name} needs a model that was trained before; give it a base",
                f"{key}.methods",
                f"{key}.base",
            )
        if model.kind.ranks_by == "scores" and row.by_words:
            yield problem(
                f"a {model.family} reranks, and {row.name} ranks whole collections; give it to a "
                "model that does so too",
                f"{key}.methods",
                f"{key}.family",
            )
    if model.after and model.base is None:
        yield problem(
            f"{model.after} needs a model that was trained before", f"{key}.after", f"{key}.base"
        )
    elif model.after and model.kind.together:
        yield problem(
            f"a {model.family} teaches itself what labels have taught it: {model.after} comes last",
            f"{key}.after",
            f"{key}.family",
        )


def _of_teacher(experiment: Experiment, key: str, model: Model) -> Iterator[Problem]:
    """What keeps a model from the teacher's scores, which only the English pairs carry."""
    if experiment.teacher is None:
        yield problem(f"{model.learns_by.name} needs a teacher's scores", "teacher", f"{key}.loss")
    rows = [
        row for row in _rows(model.methods) if row.learns_from == "labels" and not row.models_of
    ]
    if switched := [row.name for row in rows if row.into and not experiment.switching.on_the_fly]:
        yield problem(
            f"{', '.join(switched)}: only English pairs carry a teacher's scores; set it to true, "
            "so that these are switched as training reads them",
            "switching.on_the_fly",
            f"{key}.loss",
        )
    for row in rows:
        if row.translated:
            yield problem(
                f"{row.name}: only English pairs carry a teacher's scores",
                f"{key}.methods",
                f"{key}.loss",
            )


def _from_scratch(key: str, model: Model) -> Iterator[Problem]:
    for setting in ("freeze", "train_layers"):
        if getattr(model, setting) and model.kind.layers:
            yield problem(
                "without a base it would stay as drawn", f"{key}.{setting}", f"{key}.base"
            )
    if model.hidden_size % model.heads:
        yield problem(
            f"{model.hidden_size} cannot be shared evenly by {model.heads} heads",
            f"{key}.hidden_size",
            f"{key}.heads",
            f"{key}.base",
        )
    marks = model.kind.marks
    if marks and model.max_length < marks + 2:
        yield problem(
            f"{model.max_length} tokens hold no pair of texts: {marks} are marks between them",
            f"{key}.max_length",
            f"{key}.base",
        )


def _leave_out(experiment: Experiment) -> Iterator[Problem]:
    left = experiment.leave_out
    if left is None:
        return
    if experiment.models and left.model not in experiment.models:
        yield problem(
            f"the experiment has no {left.model}; it has {', '.join(experiment.models)}",
            "leave_out.model",
            "models",
        )
    for method in left.methods:
        if METHODS[method].translates:
            yield problem(
                f"{method} trains nothing; name {METHODS[method].trained}, whose models it uses",
                "leave_out.methods",
            )
        elif experiment.models and method not in experiment.methods:
            yield problem(
                f"no model is asked for {method}, so there is nothing to compare with; add it to "
                "a model's methods or leave it away here",
                "leave_out.methods",
                "models",
            )


def _mlir(experiment: Experiment) -> Iterator[Problem]:
    for key, languages in experiment.evaluation.mlir.items():
        repeated = _twice(languages)
        if repeated:
            yield problem(f"{repeated[0]} is named twice", f"evaluation.mlir.{key}")
        elif len(languages) < 2:
            yield problem("name at least 2 languages", f"evaluation.mlir.{key}")
        elif key != str(len(languages)):
            yield problem(
                f"the key is the number of languages in its list; write {len(languages)}",
                f"evaluation.mlir.{key}",
            )


def _rows(methods: Iterable[str]) -> list[Method]:
    """The rows of some methods, by name."""
    return [METHODS[method] for method in sorted(methods)]


def _twice(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})
