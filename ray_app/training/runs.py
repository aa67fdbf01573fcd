"""Which models an experiment trains, and the tokenizers of those that start from scratch."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from clir import manifest, packaged_encoder, stages, tables
from clir.errors import InputError
from clir.experiment import Experiment, FilledModel, Model, Training
from clir.stages import Trained
from clir.switching.plans import OnTheFly, Plan, on_the_fly, pairs_folder, plan
from clir.text.lines import opened
from clir.workspace import Workspace
from ray_app.models import base_models
from ray_app.models.base_models import Base


@dataclass(frozen=True)
class Run:
    """One model to train: everything a worker needs to know, and nothing of its launcher."""

    name: str
    method: str
    seed: int
    without_domain: str | None
    pairs: Path
    plan: Plan  # how its pairs are switched
    switch: OnTheFly | None  # None: they are switched already
    tokenizer: Path | None  # None: the base model's own
    model: FilledModel
    goes_on_from: Path | None  # another run's model, in place of the base
    base: Base | None  # in place of the tokenizer and a model from scratch, once it is found
    training: Training
    folder: Path  # where the finished model goes
    workspace: Workspace
    origin: dict[str, Any]  # for its manifest

    def is_due(self) -> bool:
        """Whether the finished model is not there yet, or was made from something else."""
        return not manifest.is_current(self.folder, self.origin)


def plan_runs(experiment: Experiment) -> list[Run]:
    """Every run of the experiment; InputError where what one reads is not there yet."""
    return [_run(experiment, one) for one in stages.runs(experiment)]


def _run(experiment: Experiment, one: Trained) -> Run:
    workspace, model = experiment.workspace, experiment.model(one.model, one.method)
    stage, first = stages.run(experiment, one), stages.begins_as(experiment, one)
    switch = on_the_fly(experiment, one.method)
    if switch and model.mix:
        switch = switch._replace(keeps_english=True)
    return Run(
        name=one.name,
        method=one.method,
        seed=one.seed,
        without_domain=one.without_domain,
        pairs=stages.read_pairs(experiment, one.model, one.method) / "data",
        plan=plan(experiment, one.method),
        switch=switch,
        tokenizer=workspace.tokenizer(one.model) if model.base is None else None,
        model=model,
        goes_on_from=workspace.model(first.name) if first else None,
        base=None,
        training=experiment.training,
        folder=stage.folder,
        workspace=workspace,
        origin=manifest.origin_of(workspace, stage.inputs, stage.settings),
    )


def train_due(experiment: Experiment, train: Callable[[list[Run], Path], None]) -> list[Run]:
    """Have every run trained that is not finished; all runs, finished now.

    ``train`` gets those, and the folder where checkpoints are kept: it goes on from what a start
    that was killed has left there.
    """
    _build_tokenizers(experiment)
    _build_packaged_encoder(experiment)
    workspace, checkpoints = experiment.workspace, experiment.workspace.checkpoints
    runs = plan_runs(experiment)
    if due := manifest.due(workspace, {run.folder: run.origin for run in runs}):
        found = [_with_base(run) for run in runs if run.folder in due]
        with workspace.held(checkpoints), manifest.at_work(workspace, due):
            train(found, workspace.kept(checkpoints))
            shutil.rmtree(workspace.kept(checkpoints), ignore_errors=True)  # all are finished
    return runs


def _with_base(run: Run) -> Run:
    if run.goes_on_from is not None:  # it is there when this one's turn comes
        return replace(run, base=Base(run.goes_on_from))
    if (base := run.model.base) is None:
        return run
    if base == packaged_encoder.NAME:
        return replace(run, base=Base(run.workspace.packaged_encoder))
    return replace(run, base=base_models.find(base))


def _build_packaged_encoder(experiment: Experiment) -> None:
    def write(out: Path) -> dict[str, int]:
        from ray_app.models import e5_small  # transformers takes seconds to load

        e5_small.write(out)
        return {}

    if stages.uses_packaged_encoder(experiment):
        manifest.build(experiment.workspace, *stages.base_of_package(experiment), write)


def _build_tokenizers(experiment: Experiment) -> None:
    """Make the tokenizers of all models from scratch; methods differ in nothing else."""
    for name, model in experiment.models.items():
        if model.base is None:
            _build_tokenizer(experiment, name, model)


def _build_tokenizer(experiment: Experiment, name: str, model: Model) -> None:
    workspace, stage = experiment.workspace, stages.tokenizer(experiment, name)

    def write(out: Path) -> dict[str, int]:
        from ray_app.models.families import FAMILIES  # torch takes seconds to load
        from ray_app.models.tokenization import train_tokenizer

        pairs = dict.fromkeys(pairs_folder(experiment, method) for method in experiment.methods)
        texts = experiment.training.tokenizer_texts
        sources = [
            *(_column(folder / "data", name) for folder in pairs for name in ("query", "passage")),
            _column(workspace.lexicon / "data", "target_term"),
            *(_lines(file) for path in texts for file in _files(path)),
        ]
        sample = experiment.training.tokenizer_sample
        tokenizer = train_tokenizer(_sampled(sources, sample), model)
        FAMILIES[model.family].frame(tokenizer)
        tokenizer.save_pretrained(out)
        return {"pieces": len(tokenizer)}

    manifest.build(workspace, *stage, write)


def _sampled(sources: list[Iterator[str]], texts: int) -> Iterator[str]:
    """About ``texts`` texts, one of each source in turn until the sources end."""
    left = texts
    while sources and left > 0:
        going = []
        for source in sources:
            text = next(source, None)
            if text is None:
                continue
            going.append(source)
            yield text
            left -= 1
        sources = going


def _column(folder: Path, name: str) -> Iterator[str]:
    for batch in tables.dataset(folder).to_batches(columns=[name]):
        yield from batch[name].to_pylist()


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder (training.tokenizer_texts)")
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def _lines(path: Path) -> Iterator[str]:
    with opened(path) as file, TextIOWrapper(file, "utf-8", "replace") as text:
        yield from (line.strip() for line in text)
