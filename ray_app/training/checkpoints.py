"""Checkpoints of a run in its middle: written by all workers, checked before they are read."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clir import manifest, progress, scratch
from clir.errors import in_a_line
from ray_app.training.context import Context
from ray_app.training.engines import Engine
from ray_app.training.runs import Run


@contextmanager
def saved(run: Run, step: int, engine: Engine, context: Context) -> Iterator[Path]:
    """A folder with this worker's part of a checkpoint, for whoever keeps it."""
    with tempfile.TemporaryDirectory(prefix="checkpoint-", dir=scratch.folder()) as name:
        folder = Path(name)
        engine.save(folder, step)
        note = {"run": run.name, "step": step, "origin": run.origin, "workers": context.workers}
        (folder / "run.json").write_text(json.dumps(note))
        if run.workspace.hashes:
            manifest.list_files(folder, f"files.{context.rank}.json")
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


def resume(run: Run, engine: Engine, context: Context) -> int:
    """Load the newest checkpoint of this run that is as it was written; its step, or 0."""
    for folder in context.checkpoints():
        damage = _damage(run, folder, context)
        if damage is None:
            continue  # another run's
        if not context.all_say(not damage):  # each worker has looked at its part
            why = damage or "a part of another worker"
            name = run.workspace.name(run.folder)
            progress.say(f"{name}: a checkpoint was damaged ({why}); it is left out")
            continue
        step = engine.load(folder)
        if context.rank == 0:
            progress.say(f"{run.workspace.name(run.folder)}: resumed at step {step}")
        return step
    return 0


def _damage(run: Run, folder: Path, context: Context) -> str | None:
    """What is wrong with the parts of a run's checkpoint that this worker looks at.

    These may be several, or none: other workers may have written it than those that read it. None:
    it is another run's.
    """
    try:
        note = json.loads((folder / "run.json").read_text())
        if note["run"] != run.name or note["origin"] != run.origin:
            return None
        for part in range(context.rank, note["workers"], context.workers):
            manifest.check_files(folder, f"files.{part}.json")
    except (OSError, ValueError, KeyError, TypeError) as error:
        return in_a_line(error)
    return ""
