"""Ctrl-C, SIGTERM, SIGKILL at work, on real engines: nothing stays, and the rerun is the same."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from clir.workspace import PRIVATE

ROOT = Path(__file__).parents[2]
TINY = [
    "models={bi-encoder: {methods: [zero-shot], vocabulary: 2000, hidden_size: 32}}",
    "leave_out=null",
    "switching.copies=1",
    "switching.negatives=1",
    "evaluation.languages=[en, de]",
    "training.steps=1500",
    "training.batch_size=128",
    "training.checkpoint_every=100",
    "training.tokenizer_sample=2000",
]


@pytest.fixture
def temporary():
    """A folder for temporary things that is short enough for sockets, and watched."""
    folder = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def command(output: Path) -> list[str]:
    line = [sys.executable, "jobs/run_experiment.py", "--config", "jobs/configs/demo.yaml"]
    for override in [f"output={output}", *TINY]:
        line += ["--set", override]
    return line


def interrupted(
    output: Path, temporary: Path, number: int, at_work: Callable[[str], object]
) -> tuple[int, str]:
    """Run until ``at_work`` (what was said so far), send a signal; status, and what was said then.

    All processes that the job had started are gone soon, and so is what was temporary.
    """
    log = temporary.with_name(f"{temporary.name}.log")
    env = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
    with log.open("w") as file:
        job = subprocess.Popen(command(output), cwd=ROOT, env=env, stdout=file, stderr=file)
    started: set[psutil.Process] = set()
    try:
        end = time.monotonic() + 400
        while not at_work(log.read_text()):
            assert job.poll() is None and time.monotonic() < end, log.read_text()[-3000:]
            time.sleep(0.05)
        before = len(log.read_text())
        started = set(psutil.Process(job.pid).children(recursive=True))
        assert len(started) > 1  # an engine and the guard
        job.send_signal(number)
        status = job.wait(30)
        _, left = psutil.wait_procs(started, timeout=30)
        assert not left
        wait_for_nothing_in(temporary)
        return status, log.read_text()[before:]
    finally:
        for process in [job, *started]:
            if isinstance(process, psutil.Process) and not process.is_running():
                continue
            process.kill()
        job.wait()
        log.unlink()


def wait_for_nothing_in(temporary: Path) -> None:
    end = time.monotonic() + 30
    while left := [path for path in temporary.glob("*/*") if path.name != "lock"]:
        assert time.monotonic() < end, left
        time.sleep(0.1)
    assert [path.name for path in temporary.iterdir()] == [f"clir-{os.getuid()}"]


def test_interrupted_three_times_it_ends_as_if_it_had_not_been(tmp_path, temporary):
    output = tmp_path / "out"
    half_done = output / PRIVATE / "work"
    line = "stopped by {}: run_experiment.py; the same command goes on where it was\n"

    status, said = interrupted(
        output, temporary, signal.SIGINT, lambda _: list(half_done.glob("titles/*/*/*"))
    )
    assert (status, said) == (130, line.format("SIGINT"))
    assert not list(half_done.glob("*/*"))

    status, said = interrupted(
        output, temporary, signal.SIGTERM, lambda said: re.search("steps 0 to", said)
    )
    assert status == 143 and said.endswith(line.format("SIGTERM")) and "Traceback" not in said

    status, _ = interrupted(
        output, temporary, signal.SIGKILL, lambda _: list(output.rglob("embeddings/*/*.parquet"))
    )
    assert status == -signal.SIGKILL

    whole = tmp_path / "whole"
    for folder in (output, whole):
        done = subprocess.run(command(folder), cwd=ROOT, capture_output=True, text=True,
                              env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
    name = "bi-encoder.zero-shot.1"
    for file in ("model.safetensors", "tokenizer.json", "config.json"):
        one, other = (folder / "models" / name / file for folder in (output, whole))
        assert one.read_bytes() == other.read_bytes(), file
    one, other = (
        pq.read_table(folder / "evaluation" / name / "measures").to_pandas()
        for folder in (output, whole)
    )
    keys = list(one.columns)
    assert (
        one.sort_values(keys)
        .reset_index(drop=True)
        .equals(other.sort_values(keys).reset_index(drop=True))
    )
