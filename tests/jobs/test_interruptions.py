"""Ctrl-C, SIGTERM, SIGKILL at work, on real engines: nothing stays, and the rerun is the same."""

import re
import signal
from pathlib import Path

import pyarrow.parquet as pq

from clir import manifest
from clir.workspace import Workspace
from tests.sample_runs import DATA, command, linked, succeed

LINE = "stopped by {}: run_experiment.py; the same command goes on where it was\n"
PROGRESS = re.compile(r"\d\d:\d\d:\d\d ")
# Of Spark's, Ray's, DeepSpeed's, transformers' and Python's lines.
THEIRS = ("pid=", "LOAD REPORT", "core_worker.cc", "WARN", "Warning:", "it/s", "[INFO]", "Trace")


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a model; its manifest tells of seconds, too."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != manifest.NAME)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_an_interrupted_start_says_one_line(starts):
    assert starts.mining.status == 130
    assert [line for line in starts.mining.after.splitlines(True) if not PROGRESS.match(line)] == [
        LINE.format("SIGINT")
    ]
    assert starts.ranking.status == 143
    assert starts.ranking.after.endswith(LINE.format("SIGTERM"))
    assert "Traceback" not in starts.ranking.after
    assert starts.training.status == -signal.SIGKILL


def test_only_our_own_lines_are_shown_and_engines_lines_are_in_the_log(starts):
    shown = [start.before + start.after for start in starts[1:4]] + [starts.last]
    for said in shown:
        assert [text for text in (*THEIRS, "\x1b") if text in said] == []
    *_, last = starts.last.splitlines()
    assert last == f"engines' own lines: {starts.output / 'engines.log'}"
    assert starts.log.count("\n== ") == len(shown)  # a start each
    for theirs in ("WARN NativeCodeLoader", "RayTrainWorker pid=", "core_worker.cc"):
        assert theirs in starts.log


def test_what_is_at_work_is_told_with_a_time(starts):
    told = starts.ranking.before + starts.last
    for line in (
        r"models/static\.ml-cs\.1: 40 steps, loss \d\.\d{3}, [\d,]+ pairs/s, [\d,]+ tokens/s "
        r"a worker, \d+% padding, \d+% waiting in [\d.]+ s",
        r"ranking: models: [\d,]+ items in [\d.]+ s",
        r"evaluation/static\.ml-cs\.1: trec runs 21 in [\d.]+ s",
    ):
        assert re.search(rf"^{PROGRESS.pattern}{line}$", told, re.MULTILINE)


def test_no_process_and_no_temporary_file_stays(starts):
    assert starts.mining.left == starts.training.left == starts.ranking.left == []
    assert not starts.half_mined


def test_the_next_start_goes_on_where_the_last_one_was(starts):
    # Also the pairs, and all that is trained.
    assert "up to date: titles, collections, lexicon and 12 more\n" in starts.last
    assert "resumed at step" in starts.ranking.before
    workspace, output = Workspace(starts.output), starts.output
    for place in (workspace.work(output / "x").parent, workspace.kept(output / "x").parent):
        assert not list(place.iterdir())  # nothing half-written is left


def test_the_results_are_those_of_a_start_that_was_not_interrupted(finished, tmp_path):
    """To the last bit, though this one trains its tokenizers anew too."""
    linked(tmp_path, finished, *DATA)
    for job in ("train", "rank"):
        succeed(*command(tmp_path, job=job))
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
