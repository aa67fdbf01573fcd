"""Where a process keeps what is temporary: a folder of its own, gone when the process is.

All such folders lie in one that belongs to the user. Each is locked by its process for as long as
that lives, so it is known beyond doubt which ones are left over. Of a job that is killed, a guard
ends what was started for it and removes its folder; where the guard is killed too, the next
process to make a folder does so. What was started for a folder carries its name in the
environment, or (if it has none any more) writes into it.
"""

import atexit
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil

from clir.errors import InputError

_MARK = "CLIR_SCRATCH"  # in the environment of every process that is started for a folder
_LOCK = "lock"
_BASE = Path(tempfile.gettempdir())
# A socket's path has 107 bytes at most. Behind this many come 25 of ours, and 66 of Ray's.
_SHORT = 16
_folders: dict[tuple[int, Path], Path] = {}  # by process, which may be a fork, and base
_locks: list[IO[bytes]] = []  # held for as long as this process lives
_guards: list[subprocess.Popen[bytes]] = []


def folder() -> Path:
    """This process's folder, made when it is first asked for."""
    return _of_this_process(_BASE)


def short_folder() -> Path:
    """The same, or another one if that is too long for the paths of sockets."""
    return _of_this_process(_BASE if len(str(_BASE)) <= _SHORT else Path("/tmp"))


def use() -> None:
    """Have this process and all that it starts keep what is temporary in its folder."""
    own = folder()
    os.environ[_MARK] = str(own)
    os.environ["TMPDIR"] = tempfile.tempdir = str(own / "tmp")
    # It waits for the end of this pipe, which is the end of this process, however it comes. Not in
    # this session: whoever kills all of that should not kill the guard.
    guard = subprocess.Popen(
        [sys.executable, "-m", __name__, *{str(own), str(short_folder())}],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    _guards.append(guard)


def leave_word(line: str) -> None:
    """What the guard says if this process is killed, by the system or by an engine in it."""
    for guard in _guards:
        assert guard.stdin is not None
        guard.stdin.write(line.encode() + b"\n")
        guard.stdin.flush()


def _guard(folders: list[Path]) -> None:
    sys.stderr.write(sys.stdin.read())
    sys.stderr.close()  # a pipe's reader need not wait for the rest
    for left in folders:
        _clear(left, fcntl.LOCK_EX)  # until the last of the process is gone


def leave() -> None:
    """End every process that this one started, and remove its folders."""
    end_started()
    for guard in _guards:
        guard.kill()
        guard.wait()
    for (process, _), own in _folders.items():
        if process == os.getpid():
            shutil.rmtree(own, ignore_errors=True)


def end_started() -> None:
    """Kill every process that this one started, and those that they started."""
    _end(lambda: {*psutil.Process().children(recursive=True), *_marked(folder())})


def _end(find: Callable[[], Iterable[psutil.Process]], seconds: float = 10) -> None:
    """Kill what ``find`` finds, but this process and its guard, until it finds no more."""
    kept = {os.getpid(), *(guard.pid for guard in _guards)}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        left = [process for process in find() if process.pid not in kept and _runs(process)]
        if not left:
            return
        for process in left:
            with suppress(psutil.Error):
                process.kill()  # checks that it is the same one still, not another of its number
        psutil.wait_procs(left, timeout=1)


def _marked(own: Path) -> Iterator[psutil.Process]:
    """The processes that were started for a folder, whoever their parent is now."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it is gone, or another user's
            marks = process.environ()
            # Ray's agents write their title over it.
            if marks.get(_MARK) == str(own) or (not marks and _writes_into(own, process)):
                yield process


def _writes_into(own: Path, process: psutil.Process) -> bool:
    files = process.open_files()
    return any(own in Path(file.path).parents and file.mode != "r" for file in files)


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _of_this_process(base: Path) -> Path:
    key = os.getpid(), base
    if key not in _folders:
        _folders[key] = own_folder(base / f"clir-{os.getuid()}")
    return _folders[key]


def own_folder(root: Path) -> Path:
    """A new folder of this process in ``root``; what dead processes left there goes."""
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{root}: cannot be made ({error.strerror}); set TMPDIR to another folder"
        ) from None
    if root.is_symlink() or root.stat().st_uid != os.getuid():
        raise InputError(f"{root}: it is not yours; remove it, or set TMPDIR to another folder")
    with _alone(root):
        for other in root.iterdir():
            _clear(other)
        own = Path(tempfile.mkdtemp(prefix="", dir=root))
        lock = (own / _LOCK).open("wb")
        fcntl.flock(lock, fcntl.LOCK_EX)
    _locks.append(lock)
    (own / "tmp").mkdir()
    atexit.register(_remove, own, os.getpid())
    return own


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """While one process makes or clears folders, no other does."""
    with (root / _LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _clear(other: Path, how: int = fcntl.LOCK_EX | fcntl.LOCK_NB) -> None:
    """Remove the folder of a process that is gone, and what runs for it still."""
    if not (other / _LOCK).is_file():
        return  # none of these folders
    with (other / _LOCK).open("rb") as lock:
        try:
            fcntl.flock(lock, how)
        except BlockingIOError:
            return  # its process lives
        _end(lambda: _marked(other))
        shutil.rmtree(other, ignore_errors=True)


def _remove(own: Path, process: int) -> None:
    if process == os.getpid():  # a fork leaves its parent's alone
        shutil.rmtree(own, ignore_errors=True)


if __name__ == "__main__":
    _guard(list(map(Path, sys.argv[1:])))
