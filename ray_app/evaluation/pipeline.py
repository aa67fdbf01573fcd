"""Ranking and scoring every system on every condition, by Ray Data.

Work is a list of small independent items; each writes its own files and is skipped when they are
there, so a killed evaluation goes on where it was and no item's loss costs another's work.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import ray
import ray.data

from clir import manifest
from clir.experiment import Experiment
from clir.switching.methods import METHODS
from clir.switching.translate_test import build_translators
from clir.workspace import Workspace, run_name
from ray_app.evaluation import candidates, pieces, texts
from ray_app.evaluation.conditions import Condition, conditions, read_languages
from ray_app.evaluation.dense import PART, Embedding
from ray_app.evaluation.rankings import Rankings
from ray_app.evaluation.systems import Sources, System
from ray_app.training.runs import Run

Item = Embedding | Rankings


class Planned(NamedTuple):
    """A system, where its results go, and what they are made from."""

    system: System
    folder: Path
    origin: dict[str, Any]
    pairs: list[tuple[str, str]] | None  # of languages; None: all


def evaluate(experiment: Experiment, runs: list[Run]) -> list[Path]:
    """Rank and score all systems; the folders with their runs and per-query values."""
    sources, systems = plan(experiment, runs)
    due = [each for each in systems if not manifest.is_current(each.folder, each.origin)]
    for each in systems:
        if each not in due:
            print(f"{each.folder.name}: up to date", flush=True)
    if due:
        with manifest.at_work(experiment.workspace, {each.folder: each.origin for each in due}):
            _rank(experiment, sources, due)
    return [each.folder for each in systems]


def _rank(experiment: Experiment, sources: Sources, due: list[Planned]) -> None:
    names = [collection.id for collection in experiment.collections.test]
    rankings = list(_rankings(sources, names, due))
    # First whatever runs a model, on GPUs where there are any; then what compares vectors.
    embeddings: list[Item] = [*_embeddings(sources, names, due)]
    by_model = _carry([*embeddings, *(r for r in rankings if r.needs_model)], sources)
    by_vectors = _carry([r for r in rankings if not r.needs_model], sources)
    for each in due:
        seconds = sum(spent.get(each.system.name, 0.0) for spent in (by_model, by_vectors))
        _finish(experiment.workspace, each, seconds)


def plan(experiment: Experiment, runs: list[Run]) -> tuple[Sources, list[Planned]]:
    """What every system reads, and the systems: each run by its own method and those that ask it.

    Makes the candidates for reranking and Translate-Test's look-up tables if they are missing.
    """
    sources = _sources(experiment)
    return sources, [_plan(experiment, sources, run, m) for run in runs for m in _methods(run)]


def _sources(experiment: Experiment) -> Sources:
    workspace = experiment.workspace
    found = candidates.build(experiment, workspace.collections) if experiment.reranks else None
    translators = None
    if any(METHODS[method].translates for method in experiment.asked):
        translators = build_translators(experiment, workspace.lexicon)
    return Sources(
        tables=workspace.collections,
        translators=translators,
        candidates=found,
        split=experiment.collections.test_split,
        evaluation=experiment.evaluation,
        hashes=experiment.workspace.hashes,
    )


def _methods(run: Run) -> list[str]:
    """The methods that rank with a run: its own if asked for, and those that translate."""
    if run.without_domain:
        return [run.method]
    return [m for m in run.model.methods if run.method == METHODS[m].trained]


def _plan(experiment: Experiment, sources: Sources, run: Run, method: str) -> Planned:
    inputs = [run.folder, sources.tables]
    if METHODS[method].translates and sources.translators:
        inputs.append(sources.translators)
    reranks = run.model.kind.ranks == "candidates"
    if reranks and sources.candidates:
        inputs.append(sources.candidates)
    settings = {
        "method": method,
        "evaluation": experiment.evaluation.model_dump(exclude={"workers", "batch_size"}),
        "pairs": run.model.pairs,
        "candidates": run.model.candidates if reranks else None,
        "test": [collection.id for collection in experiment.collections.test],
        "split": sources.split,
    }
    origin = manifest.origin_of(experiment.workspace, inputs, settings)
    digest = hashlib.sha256(json.dumps(origin, sort_keys=True).encode()).hexdigest()[:12]
    name = run_name(run.model_name, method, run.seed, run.without_domain)
    folder = experiment.workspace.evaluation(name)
    system = System(
        name=name,
        model_name=run.model_name,
        family=run.model.kind,
        method=method,
        seed=run.seed,
        without_domain=run.without_domain,
        model=run.folder,
        max_length=run.model.max_length,
        candidates=run.model.candidates,
        translates=METHODS[method].translates,
        # Named by its origin, so that what an earlier start left is used only if it still fits.
        work=experiment.workspace.kept(folder) / digest,
    )
    return Planned(system, folder, origin, run.model.pairs if reranks else None)


def _embeddings(sources: Sources, names: list[str], due: list[Planned]) -> Iterator[Embedding]:
    systems = [each.system for each in due if each.system.family.ranks == "collections"]
    for collection in names if systems else []:
        for kind in ("documents", "queries"):
            held = texts.held_languages(sources.tables, collection, sources.split)
            for lang in read_languages(kind, held, sources.evaluation):
                found = texts.read_ids(sources.tables, kind, collection, lang, sources.split)
                for part in range(0, len(found), PART):
                    for system in systems:
                        yield Embedding(system, collection, kind, lang, part)


def _rankings(sources: Sources, names: list[str], due: list[Planned]) -> Iterator[Rankings]:
    for collection in names:
        held = texts.held_languages(sources.tables, collection, sources.split)
        for each in due:
            wanted: dict[str, list[Condition]] = {}
            for condition in conditions(held, sources.evaluation):
                pair = (condition.queries.label, condition.documents.label)
                if each.pairs is None or pair in each.pairs or condition.draw:
                    wanted.setdefault(condition.queries.label, []).append(condition)
            for group in wanted.values():
                # Vectors are cheap to compare; texts read together are read anew each time.
                by_vectors = each.system.family.ranks == "collections"
                for part in [group] if by_vectors else [[one] for one in group]:
                    yield Rankings(each.system, collection, tuple(part))


class _Worker:
    """An actor that does one item after another, and keeps the last models loaded."""

    def __init__(self, sources: Sources):
        self.sources = sources

    def __call__(self, batch: pa.Table) -> pa.Table:
        items = [pickle.loads(item) for item in batch["item"].to_pylist()]
        seconds = [self._do(item) for item in items]
        return pa.table({"system": [item.system.name for item in items], "seconds": seconds})

    def _do(self, item: Item) -> float:
        run = partial(item.run, self.sources)
        return pieces.do(item.system.work, item.file, run, self.sources.hashes)


def _carry(items: Sequence[Item], sources: Sources) -> dict[str, float]:
    """Have a fixed pool of actors do the items; seconds per system."""
    if not items:
        return {}
    ray.data.DataContext.get_current().enable_progress_bars = False
    # Models that stay loaded are few, so one system's items follow each other; the longest
    # items, which read texts together, come first.
    items = sorted(items, key=lambda i: (i.system.family.ranks != "candidates", i.system.name))
    work = ray.data.from_items(
        [{"item": pickle.dumps(item)} for item in items], override_num_blocks=len(items)
    )
    workers = min(sources.evaluation.workers, len(items))
    done = work.map_batches(
        _Worker,
        fn_constructor_args=(sources,),
        batch_size=1,
        batch_format="pyarrow",
        # A pool of fixed size: an elastic one may starve beside a fast stage.
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=1,
        num_gpus=1 if items[0].needs_model and ray.cluster_resources().get("GPU", 0) > 0 else 0,
    ).to_pandas()
    assert len(done) == len(items), f"{len(done)} of {len(items)} items came back"
    return done.groupby("system")["seconds"].sum().to_dict()


def _finish(workspace: Workspace, plan: Planned, seconds: float) -> None:
    """Give a system's results their name; what only served to make them goes."""
    work = plan.system.work
    for name in ("embeddings", pieces.DONE):
        shutil.rmtree(work / name, ignore_errors=True)

    def write(folder: Path) -> dict[str, int]:
        work.mkdir(parents=True, exist_ok=True)  # it may have had nothing to do
        for part in sorted(work.iterdir()):
            part.rename(folder / part.name)
        return {"trec runs": len(list((folder / "trec").glob("*.run")))}

    manifest.publish(workspace, plan.folder, plan.origin, write, seconds)
    shutil.rmtree(workspace.kept(plan.folder), ignore_errors=True)
