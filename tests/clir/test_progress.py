"""What a job shows of its stages, with a terminal and without one."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clir import progress, terminal
from clir.errors import InputError
from clir.workspace import Workspace

ROOT = Path(__file__).parents[2]
NOISE = "LOAD REPORT of an engine"
# Stages as jobs have them; an engine says what it likes, here and in a process of its own.
JOB = r"""
import os, subprocess, sys, time
from pathlib import Path
from clir import command, progress, terminal
from clir.workspace import Workspace

def seen(stage):
    while not shows(stage):
        time.sleep(0.01)

def shows(stage):
    return stage.bar is not None or stage.last_line != stage.began

def main():
    for name in ("titles", "collections", "lexicon", "pairs/zero-shot", "pairs/ml-cs"):
        progress.up_to_date(name)
    terminal.give_engines(Workspace(Path(sys.argv[1])))
    with progress.stage("models/a.b.1", 10, "steps") as stage:
        print("NOISE")
        print("NOISE", file=sys.stderr, flush=True)
        subprocess.run(["sh", "-c", "echo NOISE; echo NOISE >&2"])
        seen(stage)
        stage.update(3, facts="loss 0.5")
        WORK
        stage.result = "10 steps, loss 0.1"
        stage.seconds = 12.34

command.run(main)
""".replace("NOISE", NOISE)


def script(tmp_path: Path, work: str = "pass") -> list[str]:
    (tmp_path / "job.py").write_text(JOB.replace("WORK", work))
    return [sys.executable, str(tmp_path / "job.py"), str(tmp_path / "out")]


def run(tmp_path: Path, work: str = "pass") -> subprocess.CompletedProcess:
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(script(tmp_path, work), env=env, capture_output=True, text=True)


def on_a_terminal(call: list[str], number: int | None = None) -> tuple[int, str]:
    """The exit status, and what a terminal got; a signal is sent when something was counted."""
    ours, theirs = pty.openpty()
    env = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm"}
    job = subprocess.Popen(call, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    said = b""
    try:
        while block := os.read(ours, 1 << 16):
            said += block
            if number and b"3 of 10" in said:
                job.send_signal(number)
                number = None
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    return job.wait(), said.decode()


def test_without_a_terminal_there_are_plain_lines_with_a_time(tmp_path):
    done = run(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    *lines, last = done.stdout.splitlines()
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines)
    assert [line[9:] for line in lines] == [
        "up to date: titles, collections, lexicon and 2 more",
        "models/a.b.1: started",
        "models/a.b.1: 10 steps, loss 0.1 in 12.3 s",
    ]
    assert last == f"engines' own lines: {tmp_path / 'out' / 'engines.log'}"


def test_a_terminal_has_a_bar_and_then_a_line(tmp_path):
    counted = "import time; time.sleep(0.3)"  # so that it is drawn
    status, said = on_a_terminal(script(tmp_path, counted))
    assert status == 0
    assert "3 of 10 steps, loss 0.5" in said and "━" in said
    drawn = re.sub(r"\x1b\[[0-9;?]*\w", "", said)
    assert "\rmodels/a.b.1: 10 steps, loss 0.1 in 12.3 s\r\n" in drawn
    assert NOISE not in said and said.endswith("engines.log\r\n")
    assert said.rindex("\x1b[?25h") > said.rindex("\x1b[?25l")  # the cursor is back


def test_an_interruption_leaves_the_terminal_in_order(tmp_path):
    call = script(tmp_path, "import time; time.sleep(600)")
    status, said = on_a_terminal(call, signal.SIGINT)
    assert status == 130
    assert said.endswith("stopped by SIGINT: job.py; the same command goes on where it was\r\n")
    assert said.rindex("\x1b[?25h") > said.rindex("\x1b[?25l")


def test_engines_write_to_the_log_and_restarts_go_on_in_it(tmp_path):
    for _ in range(2):
        run(tmp_path)
    said = (tmp_path / "out" / "engines.log").read_text()
    assert said.count(NOISE) == 8
    heads = re.findall(r"^== \d{4}-\d\d-\d\d .*job\.py .*out$", said, re.MULTILINE)
    assert len(heads) == 2


@pytest.mark.parametrize(
    ("work", "status", "said"),
    [
        ("1 / 0", 1, "a fault of this program, not of your input: ZeroDivisionError: division by"),
        ("Path('/dev/full').write_text('x')", 1, "no space left on a disk: free some where the"),
        ("from clir.errors import InputError; raise InputError('a.txt: empty')", 2, "a.txt: empty"),
    ],
)
def test_a_failure_is_one_line_and_the_log_has_the_rest(tmp_path, work, status, said):
    done = run(tmp_path, work)
    log = f"engines' own lines: {tmp_path / 'out' / 'engines.log'}"
    assert done.returncode == status
    assert done.stderr.startswith(f"error: {said}") and done.stderr.count("\n") == 1
    assert log in (done.stderr if status == 1 else done.stdout)
    assert ("Traceback" in (tmp_path / "out" / "engines.log").read_text()) == (status == 1)


def test_a_killed_job_has_a_last_line(tmp_path):
    done = run(tmp_path, "os.kill(os.getpid(), 9)")
    assert done.returncode == -9
    assert done.stderr.startswith("error: this job was killed: by the system, perhaps for memory")
    assert done.stderr.endswith(f"engines' own lines: {tmp_path / 'out' / 'engines.log'}\n")


def test_what_workers_send_is_shown_and_one_that_dies_is_followed_by_another(tmp_path, capsys):
    folder = tmp_path / "told"
    with progress.relayed(folder):
        for dies in (True, False):
            child = os.fork()
            if child == 0:
                with progress.sent_to(folder), progress.stage("models/a", 9, "steps") as stage:
                    stage.update(4)
                    if dies:
                        os._exit(1)
                    progress.say("models/a: resumed at step 4")
                    stage.update(9)
                os._exit(0)
            os.waitpid(child, 0)
        end = time.monotonic() + 30
        while progress.innermost() and time.monotonic() < end:
            time.sleep(0.01)
    said = [line[9:] for line in capsys.readouterr().out.splitlines()]
    assert sorted(re.sub(r" in .* s$", "", line) for line in said) == [
        "models/a: 9 of 9 steps",
        "models/a: resumed at step 4",
    ]


def test_a_link_in_the_place_of_the_log_is_refused(tmp_path):
    (tmp_path / "mine").write_text("mine")
    Workspace(tmp_path / "out").open()
    (tmp_path / "out" / "engines.log").symlink_to(tmp_path / "mine")
    with pytest.raises(InputError, match=r"engines\.log: cannot be written to"):
        terminal.give_engines(Workspace(tmp_path / "out"))
    assert (tmp_path / "mine").read_text() == "mine"
