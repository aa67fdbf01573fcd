"""Every result of an experiment by its place in the output folder, looked at before any work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clir import manifest, names
from clir.experiment import Experiment
from clir.switching.methods import METHODS, trained

REPORT = ("summary.json", "report.html")
REJECTED = "titles.rejected"


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
    """The places of all results that some job of the experiment may make."""
    output = experiment.output
    for name in ("titles", REJECTED, "collections", "lexicon", "lexicon_card", "vector_lexicon",
                 "training_candidates", "candidates", "checkpoints", *REPORT):  # fmt: skip
        yield output / name
    for lang in experiment.lexicons.vector_texts:
        yield output / "vectors" / lang
    for method in (*experiment.methods, "translate-test"):
        yield output / "switchers" / method
    for method in experiment.methods:
        yield output / "pairs" / method
        yield output / "switch_rates" / method
    for kind, model in experiment.models.items():
        yield output / "tokenizers" / kind
        methods = dict.fromkeys([*model.methods, *experiment.methods])
        cases: list[tuple[str, str | None]] = [(method, None) for method in methods]
        if experiment.leave_out:
            cases += [(method, experiment.leave_out.domain) for method in trained(METHODS)]
        for method, without in cases:
            for seed in experiment.seeds:
                name = run_name(kind, method, seed, without)
                yield output / "evaluation" / name
                if not METHODS[method].translates:
                    yield output / "models" / name


def run_name(kind: str, method: str, seed: int, without: str | None) -> str:
    """What a trained model is called, and a system that ranks with one."""
    return f"{kind}.{method}.{seed}" + (f".without-{names.encoded(without)}" if without else "")
