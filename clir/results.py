"""Every result of an experiment by its place in the output folder, looked at before any work."""

from collections.abc import Iterator
from pathlib import Path

from clir import manifest
from clir.experiment import Experiment
from clir.switching.methods import METHODS, trained
from clir.workspace import run_name


def begin(experiment: Experiment) -> None:
    """What every job does first: clear what killed starts left; nothing else is changed.

    InputError where the output folder is not ours, or something lies in the place of a result that
    we did not write, or that was damaged since.
    """
    workspace = experiment.workspace
    workspace.check()
    for path in places(experiment):
        manifest.check_replaceable(workspace, path)
    workspace.clear()


def places(experiment: Experiment) -> Iterator[Path]:
    """The places of all results that some job of the experiment may make, in order."""
    workspace, methods = experiment.workspace, experiment.methods
    yield from (workspace.titles, workspace.rejected_titles, workspace.collections)
    yield from map(workspace.vectors, experiment.lexicons.vector_texts)
    yield from (workspace.vector_lexicon, workspace.lexicon, workspace.lexicon_card)
    yield workspace.training_candidates
    yield from map(workspace.switchers, methods)
    yield workspace.translators
    yield from map(workspace.pairs, methods)
    yield workspace.scored_pairs
    yield from map(workspace.switch_rates, methods)
    yield from map(workspace.tokenizer, experiment.models)
    runs, systems = _run_names(experiment)
    yield workspace.packaged_encoder
    yield workspace.checkpoints
    yield from map(workspace.model, runs)
    yield workspace.candidates
    yield from map(workspace.evaluation, systems)
    yield from (workspace.summary, workspace.report)


def _run_names(experiment: Experiment) -> tuple[list[str], list[str]]:
    """The names of all runs, and of all systems that rank with their models."""
    runs, systems = [], []
    for name, model in experiment.models.items():
        cases: list[tuple[str, str | None]] = [
            (method, None) for method in dict.fromkeys([*model.methods, *experiment.methods])
        ]
        if experiment.leave_out:
            cases += [(method, experiment.leave_out.domain) for method in trained(METHODS)]
        for method, without in cases:
            for seed in experiment.seeds:
                run = run_name(name, method, seed, without)
                systems.append(run)
                if METHODS[method].trained == method:
                    runs.append(run)
    return runs, systems
