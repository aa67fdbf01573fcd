"""Ranking and scoring every system on every condition, by Ray Data.

Work is a list of small independent items; each writes its own files and is skipped when they are
there, so a killed evaluation goes on where it was and no item's loss costs another's work.
"""

import pickle
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import ray
import ray.data

from clir import manifest, progress, stages
from clir.experiment import Experiment
from clir.switching.translate_test import build_translators
from clir.workspace import Workspace
from ray_app.cluster import Connect
from ray_app.evaluation import candidates, pieces, texts
from ray_app.evaluation.conditions import Condition, conditions, read_languages
from ray_app.evaluation.dense import Embedding
from ray_app.evaluation.lexical import Index
from ray_app.evaluation.rankings import Rankings
from ray_app.evaluation.systems import Planned, Sources, plan_systems, sources_of

Item = Embedding | Index | Rankings
_RETRIES = 3  # of an actor, and of an item


def evaluate(connect: Connect, experiment: Experiment) -> list[Path]:
    """Rank and score all systems; the folders with their runs and per-query values."""
    workspace = experiment.workspace
    if stages.translates(experiment):
        build_translators(experiment)
    if experiment.reranks:
        candidates.build(connect, experiment)
    systems = list(plan_systems(experiment))
    if due := manifest.due(workspace, {each.folder: each.origin for each in systems}):
        with manifest.at_work(workspace, due):
            connect()
            _rank(experiment, sources_of(experiment), [s for s in systems if s.folder in due])
    return [each.folder for each in systems]


def _rank(experiment: Experiment, sources: Sources, due: list[Planned]) -> None:
    names = [collection.id for collection in experiment.collections.test]
    rankings = list(_rankings(sources, names, due))
    # First whatever runs a model, on GPUs where there are any; then what compares vectors or words.
    models: list[Item] = [*_embeddings(sources, names, due)]
    models += (one for one in rankings if one.needs_model)
    gpus = int(ray.cluster_resources().get("GPU", 0) > 0)
    spent = _carry("ranking: models", models, sources, gpus)
    spent += _carry("ranking: indexes", _indexes(rankings), sources)
    spent += _carry("ranking: documents", [r for r in rankings if not r.needs_model], sources)
    for each in due:
        seconds = spent[each.system.name]
        _finish(experiment.workspace, each, seconds)


def _embeddings(sources: Sources, names: list[str], due: list[Planned]) -> Iterator[Embedding]:
    systems = [each.system for each in due if each.system.ranks_by == "vectors"]
    for collection in names if systems else []:
        for kind in ("documents", "queries"):
            held = texts.held_languages(sources.tables, collection, sources.split)
            for lang in read_languages(kind, held, sources.evaluation):
                for part in texts.row_groups(sources.tables, kind, collection, lang):
                    for system in systems:
                        yield Embedding(system, collection, kind, lang, part)


def _indexes(rankings: list[Rankings]) -> list[Index]:
    """What systems that rank by words look up, each once."""
    wanted = {
        Index(one.system, one.collection, condition.documents): None
        for one in rankings
        if one.system.ranks_by == "words"
        for condition in one.conditions
    }
    return list(wanted)


def _rankings(sources: Sources, names: list[str], due: list[Planned]) -> Iterator[Rankings]:
    for collection in names:
        held = texts.held_languages(sources.tables, collection, sources.split)
        for each in due:
            wanted: dict[str, list[Condition]] = {}
            for condition in conditions(held, sources.evaluation):
                if each.ranks(condition):
                    wanted.setdefault(condition.queries.label, []).append(condition)
            for group in wanted.values():
                # Vectors are cheap to compare; texts read together are read anew each time.
                reads = each.system.ranks_by == "scores"
                for part in [[one] for one in group] if reads else [group]:
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


def _carry(name: str, items: Sequence[Item], sources: Sources, gpus: int = 0) -> Counter[str]:
    """Have a fixed pool of actors do the items, with so many GPUs each; seconds per system."""
    spent: Counter[str] = Counter()
    if not items:
        return spent
    ray.data.DataContext.get_current().enable_progress_bars = False
    # Models that stay loaded are few, so one system's items follow each other; the longest
    # items, which read texts together, come first.
    items = sorted(items, key=lambda i: (i.system.ranks_by != "scores", i.system.name))
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
        # An actor that dies is replaced, but one that cannot but die ends the work.
        max_restarts=_RETRIES,
        max_task_retries=_RETRIES,
        num_cpus=1,
        num_gpus=gpus,
    )
    with progress.stage(name, len(items), "items") as stage:
        for row in done.iter_rows():
            spent[row["system"]] += row["seconds"]
            stage.update(stage.done + 1, facts=row["system"])
        stage.result = f"{stage.done:,} items"
    assert stage.done == len(items), f"{stage.done} of {len(items)} items came back"
    return spent


def _finish(workspace: Workspace, plan: Planned, seconds: float) -> None:
    """Give a system's results their name; what only served to make them goes."""
    work = plan.system.work
    for name in ("embeddings", "indexes", pieces.DONE):
        shutil.rmtree(work / name, ignore_errors=True)

    def write(folder: Path) -> dict[str, int]:
        work.mkdir(parents=True, exist_ok=True)  # it may have had nothing to do
        for part in sorted(work.iterdir()):
            part.rename(folder / part.name)
        return {"trec runs": len(list((folder / "trec").glob("*.run")))}

    manifest.publish(workspace, plan.folder, plan.origin, write, seconds)
    shutil.rmtree(workspace.kept(plan.folder), ignore_errors=True)
