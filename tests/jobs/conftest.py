"""One experiment for all tests of this folder: interrupted three times at work, then finished."""

import shutil
import signal
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

from clir.output_folder import PRIVATE
from clir.workspace import Workspace
from tests.sample_runs import ODD, Start, command, interrupted, succeed


class Interrupted(NamedTuple):
    """The starts of one experiment, each ended at another stage; the last one finished it."""

    output: Path
    mining: Start  # by SIGINT
    training: Start  # by SIGKILL
    ranking: Start  # by SIGTERM
    half_mined: list[Path]  # what lay in the private place after the first one
    last: str  # what the last one said
    log: str  # what engines had said by then


@pytest.fixture(scope="session")
def starts(tmp_path_factory) -> Interrupted:
    output = tmp_path_factory.mktemp("experiment") / ODD
    half_done = output / PRIVATE / "work"
    # Short enough for the paths of sockets.
    temporary = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))

    def mining():
        return list(half_done.glob("titles/*/*/*"))

    def training():
        # Ray Train notes a checkpoint here once all workers have handed in their parts.
        kept = Workspace(output).kept(output / "checkpoints")
        notes = kept.glob("*/checkpoint_manager_snapshot.json")
        return any("checkpoint_dir_name" in note.read_text() for note in notes)

    def ranking():
        return list(output.rglob("embeddings/*/*.parquet"))

    first = interrupted(output, temporary, signal.SIGINT, mining)
    left = list(half_done.glob("*/*"))
    often = "training.checkpoint_every=4"
    second = interrupted(output, temporary, signal.SIGKILL, training, often)
    third = interrupted(output, temporary, signal.SIGTERM, ranking)
    shutil.rmtree(temporary)
    assert not (output / "report.html").exists()
    done = succeed(*command(output))
    log = (output / "engines.log").read_text()
    return Interrupted(output, first, second, third, left, done.stdout + done.stderr, log)


@pytest.fixture(scope="session")
def finished(starts) -> Path:
    """The output folder of the experiment."""
    return starts.output
