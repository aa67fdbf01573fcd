"""What is wrong with the files and folders that an experiment names: each is there, and fits.

Looked at before anything starts, by every job those that it reads. What only their rows tell is
looked at as soon as they are loaded (``check_domains``, ``check_translations``).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow.compute as pc

from clir import manifest
from clir.collections import layouts, reading
from clir.collections.layouts import Part
from clir.errors import InputError
from clir.experiment.data import Collection
from clir.experiment.file import Experiment
from clir.experiment.loading import Problem, problem
from clir.languages import LANGUAGES, OF_COLLECTIONS
from clir.lexicons.dictionaries import dictionaries_in
from clir.retrieval.first_stages import FIRST_STAGES
from clir.switching.methods import METHODS
from clir.tables import dataset


def dumps(experiment: Experiment) -> Iterator[Problem]:
    """The dumps that titles are mined from."""
    for at, dump in enumerate(experiment.titles):
        missing = [path for path in (dump.page, dump.langlinks) if not path.is_file()]
        if missing:
            yield problem(f"{_named(missing)}: no such file", f"titles.{at}")


def lexicons(experiment: Experiment) -> Iterator[Problem]:
    """Dictionaries, vectors and the texts to train them on, and whether they have the languages."""
    settings = experiment.lexicons
    if settings.dictionary is not None:
        try:
            dictionaries_in(settings.dictionary)
        except InputError as error:
            yield problem(str(error), "lexicons.dictionary")
    for lang, path in settings.vectors.items():
        yield from _file(path, f"lexicons.vectors.{lang}")
    for lang, paths in settings.vector_texts.items():
        for path in paths:
            yield from _there(experiment, path, f"lexicons.vector_texts.{lang}")
    yield from _languages(experiment)


def tokenizer_texts(experiment: Experiment) -> Iterator[Problem]:
    """Further texts for tokenizers from scratch."""
    for at, path in enumerate(experiment.training.tokenizer_texts):
        yield from _there(experiment, path, f"training.tokenizer_texts.{at}")


def collections(experiment: Experiment) -> Iterator[Problem]:
    """Layouts, and whether the splits, languages and domains that are asked for are there."""
    found: dict[Collection, list[Part]] = {}
    for side in ("train", "test"):
        for at, collection in enumerate(getattr(experiment.collections, side)):
            try:
                found[collection] = layouts.files(collection)
            except InputError as error:
                yield problem(str(error), f"collections.{side}.{at}", "collections")
                continue
            yield from _split(experiment, side, at, collection, found[collection])
    train = [found[c] for c in experiment.collections.train if c in found]
    if len(train) == len(experiment.collections.train):
        yield from _training(experiment, train)
    if found.keys() == {*experiment.collections.train, *experiment.collections.test}:
        for lack in [*_untrainable(experiment, found), *_unrankable(experiment, found)]:
            yield problem(lack, "collections", "switching", "models", "evaluation")
    for collection in experiment.collections.test:
        if collection in found:
            yield from _testing(experiment, collection, found[collection])


def check_domains(experiment: Experiment) -> None:
    """InputError for a domain that no text to train on has, once the collections are loaded."""
    tables = experiment.workspace.collections
    manifest.read(tables)  # says that they are not loaded yet
    ours = pc.field("collection").isin([c.id for c in experiment.collections.train])
    kinds = ["queries"] + (["documents"] if experiment.switching.title_pairs else [])
    domains = set[str]().union(*(_distinct(tables / kind, "domain", ours) for kind in kinds))
    _raise(_domains(experiment, domains))


def check_translations(experiment: Experiment) -> None:
    """InputError for a language that Translate-Test will meet and the lexicon does not have."""
    if not _translating(experiment):
        return
    tables, lexicon = experiment.workspace.collections, experiment.workspace.lexicon
    ours = pc.field("collection").isin([c.id for c in experiment.collections.test])
    kinds = ("documents", "queries")
    held = set[str]().union(*(_distinct(tables / kind, "lang", ours) for kind in kinds))
    origins = pc.field("origin").isin(experiment.lexicons.words)
    known = _distinct(lexicon / "data", "target_lang", origins) | {"en"}
    missing = _ranked(experiment, held) - known
    if missing:
        _raise([_untranslated(experiment, missing)])


def _raise(problems: Iterable[Problem]) -> None:
    lines = [one.message for one in problems]
    if lines:
        raise InputError("\n".join(lines))


def _distinct(folder: Path, column: str, rows: pc.Expression) -> set[str]:
    """The values of a column of a table, batch by batch."""
    values: set[str] = set()
    for batch in dataset(folder).to_batches(columns=[column], filter=rows):
        values.update(batch[column].unique().to_pylist())
    return values


def _named(paths: Iterable[Path]) -> str:
    return ", ".join(dict.fromkeys(map(str, paths)))


def _file(path: Path, key: str) -> Iterator[Problem]:
    if not path.is_file():
        yield problem(f"{path}: no such file", key)


def _there(experiment: Experiment, path: Path, key: str) -> Iterator[Problem]:
    """A file or folder; what lies in the output folder may come to be."""
    inside = experiment.output.absolute() in path.absolute().parents
    if not (inside or path.exists()):
        yield problem(f"{path}: no such file or folder", key)


def _languages(experiment: Experiment) -> Iterator[Problem]:
    """Languages to switch into that no lexicon has. Which ones titles have, only mining tells."""
    for method in (METHODS[name] for name in experiment.methods):
        if method.into is None:
            continue
        langs = set(getattr(experiment.switching, method.into)) - {"en"}
        missing = langs - _known(experiment, method.chain)
        if missing:
            yield problem(
                f"{method.name} switches into {', '.join(sorted(missing))}, which no lexicon of "
                f"lexicons.{method.chain} has",
                f"switching.{method.into}",
                "lexicons",
                "titles",
                "models",
            )


def _known(experiment: Experiment, chain: str) -> set[str]:
    """The languages that a chain of lexicons may have."""
    settings = experiment.lexicons
    origins = getattr(settings, chain)
    known: set[str] = set()
    if "wikipedia-titles" in origins and experiment.titles:
        return set(LANGUAGES)
    if "dictionary" in origins and settings.dictionary is not None:
        try:
            known |= dictionaries_in(settings.dictionary).keys()
        except InputError:
            return set(LANGUAGES)  # that it is not there is told already
    if "word-vectors" in origins:
        known |= settings.vectors.keys() | settings.vector_texts.keys()
    return known


def _split(
    experiment: Experiment, side: str, at: int, collection: Collection, files: list[Part]
) -> Iterator[Problem]:
    split = getattr(experiment.collections, f"{side}_split")
    judged = sorted({file.split for file in files if file.kind == "judgments"})
    # Titles make pairs without any judgment.
    if split not in judged and not (side == "train" and experiment.switching.title_pairs):
        yield problem(
            f"{collection.place}: it has no judgments of split {split}; it has "
            f"{', '.join(judged) or 'none'}",
            f"collections.{side}.{at}",
            f"collections.{side}_split",
        )


def _training(experiment: Experiment, collections: list[list[Part]]) -> Iterator[Problem]:
    """What some training collection must have."""
    paired = any(METHODS[method].translated for method in experiment.methods)
    keys = ("collections.train", "switching", "models")
    for query_lang, doc_lang in [experiment.switching.pair] if paired else []:
        if not any(
            query_lang in _langs(files, "queries") and doc_lang in _langs(files, "documents")
            for files in collections
        ):
            yield problem(
                f"no collection has queries in {query_lang} and documents in {doc_lang} "
                "to train on",
                *keys,
            )
    switching, split = experiment.switching, experiment.collections.train_split
    if switching.negatives and switching.negatives_from == "collection":
        kinds = {(file.kind, file.split) for files in collections for file in files}
        if ("candidates", split) not in kinds:
            yield problem(
                f"no training collection has candidates of split {split}; "
                f"use random, or {', '.join(FIRST_STAGES)}",
                "switching.negatives_from",
                "collections",
            )
    # Of other formats, the files tell all domains.
    if not any(reading.own_domains(file) for files in collections for file in files):
        yield from _domains(experiment, {file.domain for files in collections for file in files})


def _untrainable(experiment: Experiment, found: dict[Collection, list[Part]]) -> Iterator[str]:
    """Collections to train on that have no pair of queries and documents to begin with.

    English pairs are switched, or those of one pair of languages are trained on as they are.
    """
    trained = [("en", "en")]
    if any(METHODS[method].translated for method in experiment.methods):
        trained.append(experiment.switching.pair)
    for collection in experiment.collections.train:
        documents, queries = layouts.languages(found[collection])
        if not any(query in queries and doc in documents for query, doc in trained):
            yield (
                f"{collection.place}: training needs English queries and documents; "
                f"{layouts.held(found[collection])}"
            )


def _unrankable(experiment: Experiment, found: dict[Collection, list[Part]]) -> Iterator[str]:
    """Collections that have no candidates and in which none can be found."""
    split, source = experiment.collections.test_split, experiment.evaluation.candidates_from
    for collection in experiment.collections.test if experiment.reranks else []:
        files = found[collection]
        english = all("en" in langs for langs in layouts.languages(files))
        given = any(part.kind == "candidates" and part.split == split for part in files)
        if not (given or (english and source in FIRST_STAGES)):
            yield (
                f"{collection.place}: what is reranked is what a first stage finds in English, or "
                f"the candidates of a collection (evaluation.candidates_from: {source}); "
                f"{layouts.held(files)}: give it candidates/{split}.run"
            )


def _domains(experiment: Experiment, domains: set[str]) -> Iterator[Problem]:
    left, weights = experiment.leave_out, experiment.switching.domain_weights
    they_are = f"they are of {', '.join(sorted(domains))}"
    if left and left.domain not in domains:
        yield problem(
            f"no training collection is of domain {left.domain}; {they_are}",
            "leave_out.domain",
            "collections.train",
        )
    elif left and domains == {left.domain}:
        yield problem(
            f"without {left.domain} nothing is left to train on; {they_are}",
            "leave_out.domain",
            "collections.train",
        )
    for name, message in (
        (sorted(weights.keys() - domains), "no training collection is of domain"),
        (sorted(domains - weights.keys()) if weights else [], "no weight for"),
    ):
        if name:
            yield problem(
                f"{message} {', '.join(name)}; {they_are}",
                "switching.domain_weights",
                "collections.train",
            )


def _testing(
    experiment: Experiment, collection: Collection, files: list[Part]
) -> Iterator[Problem]:
    """Languages of a test collection that nothing asks for, or that cannot be translated."""
    asked = set(experiment.evaluation.languages or OF_COLLECTIONS)
    for kind in ("queries", "documents"):
        langs = _langs(files, kind)
        if not langs & asked:
            yield problem(
                f"none is a language of {collection.place}'s {kind}: {', '.join(sorted(langs))}",
                "evaluation.languages",
                "collections.test",
            )
    if _translating(experiment):
        held = _langs(files, "queries") | _langs(files, "documents")
        missing = _ranked(experiment, held) - _known(experiment, "words") - {"en"}
        if missing:
            yield _untranslated(experiment, missing)


def _ranked(experiment: Experiment, held: set[str]) -> set[str]:
    """Those of the languages that some condition reads."""
    evaluation = experiment.evaluation
    mixed = {lang for langs in evaluation.mixed(held).values() for lang in langs}
    return held & (mixed | set(evaluation.languages or OF_COLLECTIONS))


def _untranslated(experiment: Experiment, langs: set[str]) -> Problem:
    methods = ", ".join(_translating(experiment))
    return problem(
        f"{methods} cannot translate {', '.join(sorted(langs))}: no lexicon of lexicons.words has "
        "them; give one, or leave these methods away",
        "lexicons",
        "collections.test",
        "titles",
        "models",
    )


def _translating(experiment: Experiment) -> list[str]:
    return sorted(method for method in experiment.asked if METHODS[method].translates)


def _langs(files: list[Part], kind: str) -> set[str]:
    return {file.lang for file in files if file.kind == kind}
