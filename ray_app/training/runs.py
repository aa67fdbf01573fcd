"""Which models an experiment trains, and the tokenizers of those that start from scratch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.dataset

from clir import manifest
from clir.errors import InputError
from clir.experiment import Experiment, Model, Training
from clir.switching.methods import trained
from clir.switching.plans import OnTheFly, on_the_fly, pairs_folder
from clir.workspace import Workspace, run_name
from ray_app.training.base_models import Base


@dataclass(frozen=True)
class Run:
    """One model to train: everything a worker needs to know, and nothing of its launcher."""

    name: str
    kind: str
    method: str
    seed: int
    without_domain: str | None
    pairs: Path
    switch: OnTheFly | None  # None: the pairs are switched already
    tokenizer: Path | None  # None: the base model's own
    model: Model
    base: Base | None  # in place of the tokenizer and a model from scratch, once it is found
    training: Training
    folder: Path  # where the finished model goes
    workspace: Workspace
    origin: dict[str, Any]  # for its manifest

    @property
    def steps(self) -> int:
        return self.model.steps or self.training.steps

    @property
    def batch_size(self) -> int:
        return self.model.batch_size or self.training.batch_size

    def is_due(self) -> bool:
        """Whether the finished model is not there yet, or was made from something else."""
        return not manifest.is_current(self.folder, self.origin)


def plan_runs(experiment: Experiment) -> list[Run]:
    """Every run: model kind x method x seed, and the methods again without the left-out domain.

    Trains tokenizers that are missing.
    """
    runs = []
    for kind, model in experiment.models.items():
        tokenizer = _tokenizer(experiment, kind) if model.base is None else None
        cases: list[tuple[str, str | None]] = [(m, None) for m in trained(model.methods)]
        if experiment.leave_out and kind == experiment.leave_out.model:
            cases += [(m, experiment.leave_out.domain) for m in experiment.leave_out.methods]
        runs += [
            _run(experiment, kind, method, seed, without, tokenizer)
            for method, without in cases
            for seed in experiment.seeds
        ]
    return runs


def _run(
    experiment: Experiment,
    kind: str,
    method: str,
    seed: int,
    without: str | None,
    tokenizer: Path | None,
) -> Run:
    model = experiment.models[kind]  # type: ignore[index]
    pairs, switch = pairs_folder(experiment, method), on_the_fly(experiment, method)
    name = run_name(kind, method, seed, without)
    # What is only read at evaluation, or only about speed, makes no other model.
    settings = {
        "kind": kind,
        "seed": seed,
        "without_domain": without,
        "model": model.model_dump(exclude={"methods", "pairs", "candidates"}),
        "training": experiment.training.model_dump(
            exclude={"checkpoint_every", "max_failures", "threads", "tokenizer_texts"}
        ),
    }
    inputs = [pairs] + ([tokenizer] if tokenizer else [])
    if switch:
        settings["plan"] = switch.plan._asdict()
        inputs.append(switch.switchers)
    return Run(
        name=name,
        kind=kind,
        method=method,
        seed=seed,
        without_domain=without,
        pairs=pairs / "data",
        switch=switch,
        tokenizer=tokenizer,
        model=model,
        base=None,
        training=experiment.training,
        folder=experiment.workspace.model(name),
        workspace=experiment.workspace,
        origin=manifest.origin_of(experiment.workspace, inputs, settings),
    )


def _tokenizer(experiment: Experiment, kind: str) -> Path:
    """The tokenizer of all runs of one model kind, so that methods differ in nothing else."""
    folder = experiment.workspace.tokenizer(kind)
    model = experiment.models[kind]  # type: ignore[index]
    pairs = list(dict.fromkeys(pairs_folder(experiment, m) for m in experiment.methods))
    texts = experiment.training.tokenizer_texts
    sample = experiment.training.tokenizer_sample
    settings = {"kind": kind, "vocabulary": model.vocabulary, "sample": sample}

    def write(out: Path) -> dict[str, int]:
        from ray_app.training.tokenization import train_tokenizer

        sources = [
            *(_column(folder / "data", name) for folder in pairs for name in ("query", "passage")),
            _column(experiment.workspace.lexicon / "data", "target_term"),
            *(_lines(file) for path in texts for file in _files(path)),
        ]
        tokenizer = train_tokenizer(_sampled(sources, sample), kind, model)
        tokenizer.save_pretrained(out)
        return {"pieces": len(tokenizer)}

    inputs = [*pairs, experiment.workspace.lexicon, *texts]
    manifest.build(experiment.workspace, folder, inputs, settings, write)
    return folder


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
