"""Which models an experiment trains, and the tokenizers of those that start from scratch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.dataset

from clir import manifest, stages
from clir.errors import InputError
from clir.experiment import Experiment, FilledModel, Model, Training
from clir.switching.methods import trained
from clir.switching.plans import OnTheFly, on_the_fly, pairs_folder
from clir.workspace import Workspace, run_name
from ray_app.models.base_models import Base


@dataclass(frozen=True)
class Run:
    """One model to train: everything a worker needs to know, and nothing of its launcher."""

    name: str
    model_name: str
    method: str
    seed: int
    without_domain: str | None
    pairs: Path
    switch: OnTheFly | None  # None: the pairs are switched already
    tokenizer: Path | None  # None: the base model's own
    model: FilledModel
    base: Base | None  # in place of the tokenizer and a model from scratch, once it is found
    training: Training
    folder: Path  # where the finished model goes
    workspace: Workspace
    origin: dict[str, Any]  # for its manifest

    def is_due(self) -> bool:
        """Whether the finished model is not there yet, or was made from something else."""
        return not manifest.is_current(self.folder, self.origin)


def plan_runs(experiment: Experiment) -> list[Run]:
    """Every run: model x method x seed, and the methods again without the left-out domain."""
    runs = []
    for name in experiment.models:
        model, left = experiment.model(name), experiment.leave_out
        cases: list[tuple[str, str | None]] = [(method, None) for method in trained(model.methods)]
        if left and name == left.model:
            cases += [(method, left.domain) for method in left.methods]
        runs += [
            _run(experiment, name, model, method, seed, without)
            for method, without in cases
            for seed in experiment.seeds
        ]
    return runs


def _run(
    experiment: Experiment,
    model_name: str,
    model: FilledModel,
    method: str,
    seed: int,
    without: str | None,
) -> Run:
    workspace = experiment.workspace
    pairs, switch = pairs_folder(experiment, method), on_the_fly(experiment, method)
    tokenizer = workspace.tokenizer(model_name) if model.base is None else None
    name = run_name(model_name, method, seed, without)
    # What is only read at evaluation, or only about speed, makes no other model.
    settings = {
        "seed": seed,
        "without_domain": without,
        "model": model.model_dump(exclude={"methods", "pairs", "candidates"}),
        "training": experiment.training.model_dump(
            include={"workers", "zero_stage", "precision", "tokenizer_sample"}
        ),
    }
    inputs = [pairs] + ([tokenizer] if tokenizer else [])
    if switch:
        settings["plan"] = switch.plan._asdict()
        inputs.append(switch.switchers)
    return Run(
        name=name,
        model_name=model_name,
        method=method,
        seed=seed,
        without_domain=without,
        pairs=pairs / "data",
        switch=switch,
        tokenizer=tokenizer,
        model=model,
        base=None,
        training=experiment.training,
        folder=workspace.model(name),
        workspace=workspace,
        origin=manifest.origin_of(workspace, inputs, settings),
    )


def build_tokenizers(experiment: Experiment) -> None:
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
    data = pyarrow.dataset.dataset(sorted(map(str, folder.glob("*.parquet"))))
    for batch in data.to_batches(columns=[name]):
        yield from batch[name].to_pylist()


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder (training.tokenizer_texts)")
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        yield from (line.strip() for line in file)
