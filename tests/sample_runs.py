"""The demo made small, as a user runs it: commands, and starts that are interrupted at work."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil

from clir.workspace import Workspace

ROOT = Path(__file__).parents[1]
SMALL = [
    "switching.copies=2",
    "switching.negatives=1",
    "models.static.methods=[zero-shot, ml-cs, translate-test]",
    "models.static.vocabulary=3000",
    "models.static.hidden_size=32",
    "models.cross-encoder.methods=[zero-shot]",
    "models.cross-encoder.vocabulary=3000",
    "models.cross-encoder.hidden_size=16",
    "models.cross-encoder.layers=1",
    "models.cross-encoder.steps=4",
    "models.cross-encoder.candidates=5",
    "models.cross-encoder.pairs=[[en, de]]",
    "training.steps=40",
    "training.batch_size=32",
    "training.tokenizer_sample=4000",
    "training.checkpoint_every=20",
    "training.precision=fp32",
    "leave_out={model: static, domain: social, methods: [zero-shot]}",
    "evaluation.languages=[en, de, ar]",
]
# What training reads.
DATA = ("titles", "collections", "lexicon", "lexicon_card", "pairs")
# A name of an output folder that Spark, Arrow or Ray might take for a pattern or an address.
ODD = "o[u]t {a,b} 100%=1,:#é"


class Start(NamedTuple):
    """How a start ended."""

    status: int
    before: str  # what it had said when the signal came
    after: str  # and from then on
    left: list[str]  # processes that it had started, and temporary files


def command(output: Path, *overrides: str, job: str = "run_experiment") -> list[str]:
    line = [sys.executable, f"jobs/{job}.py", "--config", "jobs/configs/from_scratch.yaml"]
    for override in [f"output={output}", *SMALL, *overrides]:
        line += ["--set", override]
    return line


def run(*arguments: str, at: Path = ROOT, **options) -> subprocess.CompletedProcess:
    return subprocess.run(arguments, cwd=at, capture_output=True, text=True, **options)


def succeed(*arguments: str) -> subprocess.CompletedProcess:
    done = run(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done


def linked(output: Path, made: Path, *parts: str) -> Path:
    """An output folder with some results of another one."""
    Workspace(output).open()
    for part in parts:
        (output / part).parent.mkdir(exist_ok=True)
        (output / part).symlink_to(made / part)
    return output


def must_not_start() -> None:
    """In place of an engine."""
    raise AssertionError("work began")


def interrupted(
    output: Path, temporary: Path, number: int, at_work: Callable[[], object], *overrides: str
) -> Start:
    """Run until something is at work, then send a signal; wait 30 s for what is left."""
    log = temporary.with_name(f"{temporary.name}.log")
    with log.open("w") as file:
        job = subprocess.Popen(command(output, *overrides), cwd=ROOT, stdout=file, stderr=file,
                               env=os.environ | {"TMPDIR": str(temporary)})  # fmt: skip
    started: list[psutil.Process] = []
    try:
        end = time.monotonic() + 400
        while not at_work():
            assert job.poll() is None and time.monotonic() < end, log.read_text()[-3000:]
            time.sleep(0.05)
        before = log.read_text()
        started = psutil.Process(job.pid).children(recursive=True)
        assert len(started) > 1  # an engine and the guard
        job.send_signal(number)
        status = job.wait(30)
        _, alive = psutil.wait_procs(started, timeout=30)
        left = [*map(str, alive), *_left_in(temporary)]
        return Start(status, before, log.read_text().removeprefix(before), left)
    finally:
        for process in started:
            if process.is_running():
                process.kill()
        job.kill()
        job.wait()
        log.unlink()


def _left_in(temporary: Path) -> list[str]:
    """What stays in a folder for temporary things, beside the lock that all starts share."""
    end = time.monotonic() + 30
    kept = temporary / f"clir-{os.getuid()}" / "lock"
    while left := [path for path in temporary.glob("**/*") if path not in (kept, kept.parent)]:
        if time.monotonic() > end:
            break
        time.sleep(0.1)
    return [str(path) for path in left]
