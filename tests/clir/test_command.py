"""A job that is interrupted or killed: what it says, and what it leaves."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from clir import scratch
from clir.errors import InputError

ROOT = Path(__file__).parents[2]
# A child, and one that left its parent and its session, as daemons do; then work that never ends.
STARTS = r"""
import subprocess, sys, time
from pathlib import Path
from clir import scratch
from clir import command

def main():
    child = subprocess.Popen(["sleep", "600"], stderr=subprocess.DEVNULL)
    code = (
        "import subprocess as s\n"
        "no = s.DEVNULL\n"
        "lost = s.Popen(['sleep', '600'], stdout=no, stderr=no, start_new_session=True)\n"
        "print(lost.pid)"
    )
    lost = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    Path(sys.argv[1]).write_text(f"{child.pid} {lost.strip()} {scratch.folder()}")
    WORK

command.run(main)
"""
SLEEPS = "time.sleep(600)"
# In compiled code, where no Python runs.
COMPILED = "import ctypes; ctypes.CDLL(None).sleep(600)"
# That takes any error for one of its own, as code that asks the network does.
CATCHES = """
    try:
        [time.sleep(0.01) for _ in range(60000)]
    except Exception as error:
        Path(sys.argv[1] + ".caught").write_text(repr(error))
"""


@pytest.fixture
def job(tmp_path):
    """Starts a job; gives it, the processes it started, and its folder."""
    jobs = []

    def start(work: str = SLEEPS) -> tuple[subprocess.Popen, list[psutil.Process], Path]:
        script, told = tmp_path / "job.py", tmp_path / f"told.{len(jobs)}"
        script.write_text(STARTS.replace("WORK", work))
        env = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
        # These tests may run where hang-ups are ignored (nohup).
        process = subprocess.Popen([sys.executable, script, told], stderr=subprocess.PIPE,
                                   text=True, env=env, preexec_fn=lambda: signal.signal(
                                       signal.SIGHUP, signal.SIG_DFL))  # fmt: skip
        jobs.append(process)
        wait_for(lambda: told.exists() and len(told.read_text().split()) == 3)
        *started, folder = told.read_text().split()
        return process, [psutil.Process(int(pid)) for pid in started], Path(folder)

    yield start
    for process in jobs:
        process.kill()
        process.communicate()


def wait_for(found, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("work", [SLEEPS, COMPILED], ids=["python", "compiled"])
@pytest.mark.parametrize(("name", "status"), [("INT", 130), ("TERM", 143), ("HUP", 129)])
def test_an_interrupted_job_ends_in_one_line_and_leaves_nothing(job, name, status, work):
    process, started, folder = job(work)
    assert folder.is_dir()
    process.send_signal(getattr(signal, f"SIG{name}"))
    _, said = process.communicate(timeout=20)
    assert process.returncode == status
    assert said == f"stopped by SIG{name}: job.py; the same command goes on where it was\n"
    assert all(map(ended, started)) and not folder.exists()


def guards_of(folder: Path) -> list[psutil.Process]:
    """The processes that wait for the end of a folder's."""
    marks = {"clir.scratch", str(folder)}
    return [p for p in psutil.process_iter(["cmdline"]) if marks <= set(p.info["cmdline"] or ())]


def test_what_a_killed_job_leaves_is_cleared_at_once(job):
    process, started, folder = job()
    (guard,) = guards_of(folder)
    process.kill()
    process.wait()
    wait_for(lambda: not folder.exists())
    assert all(map(ended, started))
    wait_for(lambda: ended(guard))


def test_what_is_left_is_cleared_by_the_next_job_and_nothing_else_is(job):
    first, started, folder = job()
    other, others, living = job()
    for guard in guards_of(folder):
        guard.kill()
    first.kill()
    first.wait()
    assert not any(map(ended, started)) and folder.is_dir()
    third, _, third_folder = job()
    wait_for(lambda: not folder.exists())
    assert all(map(ended, started))
    assert not any(map(ended, others)) and living.is_dir() and third_folder.is_dir()
    other.send_signal(signal.SIGTERM)
    other.wait(20)
    assert third.poll() is None and third_folder.is_dir()
    for process in (*others, *started):
        assert ended(process)


def run(main: str, tmp_path: Path) -> subprocess.CompletedProcess:
    code = f"from clir import scratch\nfrom clir import command\n{main}\ncommand.run(main)"
    env = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)


def test_how_jobs_end_otherwise(tmp_path):
    done = run("def main(): print('done')", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
    wrong = "from clir.errors import InputError\ndef main(): raise InputError('a: b\\nc: d')"
    done = run(wrong, tmp_path)
    assert (done.returncode, done.stderr) == (2, "error: a: b\nerror: c: d\n")
    done = run("def main(): 1 / 0", tmp_path)
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr  # our own mistakes
    done = run("def main(): import sys; sys.exit(5)", tmp_path)
    assert (done.returncode, done.stderr) == (5, "")
    assert [path.name for path in tmp_path.glob("clir-*/*")] == ["lock"]


def test_temporary_files_of_a_job_and_of_what_it_starts_lie_in_its_folder(tmp_path):
    main = """
import subprocess, sys, tempfile
def main():
    code = "import tempfile; print(tempfile.gettempdir())"
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert there.strip() == tempfile.gettempdir() == str(scratch.folder() / "tmp")
    assert len(str(scratch.short_folder())) <= 41
"""
    done = run(main, tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_folder_of_somebody_else_is_refused(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / f"clir-{os.getuid()}").symlink_to(tmp_path / "theirs")
    with pytest.raises(InputError, match="it is not yours"):
        scratch.own_folder(tmp_path / f"clir-{os.getuid()}")


def test_an_interruption_is_no_error_that_the_work_may_catch(job, tmp_path):
    process, _, _ = job(CATCHES)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert not list(tmp_path.glob("*.caught"))
