"""Checkpoints of a run in its middle: written by all workers, checked before they are read."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clir import manifest, progress, scratch
from clir.errors import InputError
from ray_app.training.engines import Engine
from ray_app.training.runs import Run


@contextmanager
def saved(run: Run, step: int, engine: Engine, rank: int) -> Iterator[Path]:
    """A folder with this worker's part of a checkpoint, for whoever keeps it."""
    with tempfile.TemporaryDirectory(prefix="checkpoint-", dir=scratch.folder()) as name:
        folder = Path(name)
        engine.save(folder, step)
        note = {"run": run.name, "step": step, "origin": run.origin}
        (folder / "run.json").write_text(json.dumps(note))
        if run.workspace.hashes:
            manifest.list_files(folder, f"files.{rank}.json")
        yield folder


def resume(run: Run, engine: Engine, folder: Path | None, rank: int) -> int:
    """Load a checkpoint if it is this run's; the step it was left at, or 0.

    InputError where it was damaged.
    """
    if folder is None:
        return 0
    try:
        note = json.loads((folder / "run.json").read_text())
        if note["run"] != run.name or note["origin"] != run.origin:
            return 0
        manifest.check_files(folder, f"files.{rank}.json")  # each worker its own
    except (OSError, ValueError, KeyError, TypeError) as error:
        kept = run.workspace.kept(run.workspace.checkpoints)
        raise InputError(
            f"{run.name}: its checkpoint was damaged ({error}); delete {kept} and run again"
        ) from None
    step = engine.load(folder)
    if rank == 0:
        progress.say(f"{run.workspace.name(run.folder)}: resumed at step {step}")
    return step
