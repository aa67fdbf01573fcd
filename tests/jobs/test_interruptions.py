"""Ctrl-C, SIGTERM, SIGKILL at work, on real engines: nothing stays, and the rerun is the same."""

import signal
from pathlib import Path

import pyarrow.parquet as pq

from clir import manifest
from clir.workspace import Workspace
from tests.sample_runs import command, linked, run

LINE = "stopped by {}: run_experiment.py; the same command goes on where it was\n"


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a model; its manifest tells of seconds, too."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != manifest.NAME)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_an_interrupted_start_says_one_line(starts):
    assert (starts.mining.status, starts.mining.after) == (130, LINE.format("SIGINT"))
    assert starts.ranking.status == 143
    assert starts.ranking.after.endswith(LINE.format("SIGTERM"))
    assert "Traceback" not in starts.ranking.after
    assert starts.training.status == -signal.SIGKILL


def test_no_process_and_no_temporary_file_stays(starts):
    assert starts.mining.left == starts.training.left == starts.ranking.left == []
    assert not starts.half_mined


def test_the_next_start_goes_on_where_the_last_one_was(starts):
    for stage in ("titles", "lexicon", "collections", "zero-shot", "ml-cs"):
        assert f"{stage}: up to date" in starts.last
    assert "resumed at step" in starts.ranking.before
    workspace, output = Workspace(starts.output), starts.output
    for place in (workspace.work(output / "x").parent, workspace.kept(output / "x").parent):
        assert not list(place.iterdir())  # nothing half-written is left


def test_the_results_are_those_of_a_start_that_was_not_interrupted(finished, tmp_path):
    """To the last bit, though this one trains its tokenizers anew too."""
    linked(tmp_path, finished, "titles", "collections", "lexicon", "lexicon_card", "pairs")
    for job in ("train", "rank"):
        whole = run(*command(tmp_path, job=job))
        assert whole.returncode == 0, whole.stderr[-3000:]
    names = sorted(path.name for path in (finished / "models").iterdir())
    assert names == [
        "cross-encoder.zero-shot.1",
        "static.ml-cs.1",
        "static.zero-shot.1",
        "static.zero-shot.1.without-social",
    ]
    for name in names:
        ours, other = (contents(folder / "models" / name) for folder in (finished, tmp_path))
        assert "model.safetensors" in ours and ours == other, name
        ours, other = (
            pq.read_table(folder / "evaluation" / name / "measures").to_pandas()
            for folder in (finished, tmp_path)
        )
        keys = list(ours.columns)
        ours, other = (table.sort_values(keys, ignore_index=True) for table in (ours, other))
        assert ours.equals(other), name
