"""Checkpoints of a run in its middle: written by all workers, checked before they are read."""

import json
import shutil
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


def keep(checkpoint: Path, kept: Path) -> None:
    """Put a checkpoint in the place of the one before, for a launcher that keeps it itself."""
    coming, gone = (kept.with_name(name) for name in ("coming", "gone"))
    for left in (coming, gone):  # of a start that was killed here
        shutil.rmtree(left, ignore_errors=True)
    shutil.copytree(checkpoint, coming)
    if kept.exists():
        kept.rename(gone)
    coming.rename(kept)
    shutil.rmtree(gone, ignore_errors=True)


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
