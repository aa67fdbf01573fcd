"""What a job says to a person; what engines say goes to a log beside the results."""

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from clir import scratch
from clir.errors import InputError
from clir.workspace import Workspace

_TAIL = 1 << 16  # bytes of the log


@dataclass
class _Ours:
    """Where lines of our own go, once engines have the other streams."""

    out: TextIO
    err: TextIO
    log: Path
    begun: int  # where in it this process's part begins


_ours: list[_Ours] = []  # one, from the start of the engines on


def give_engines(workspace: Workspace) -> None:
    """From here on, only what this module and ``progress`` say is shown.

    What else this process writes, and every process that it starts, goes to the end of the log.
    """
    workspace.open()
    log = workspace.log
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise InputError(f"{log}: cannot be written to: {error.strerror}") from None
    now = time.strftime("%Y-%m-%d %H:%M:%S %z")
    begun = os.fstat(descriptor).st_size
    os.write(descriptor, f"\n== {now}, process {os.getpid()}: {' '.join(sys.argv)}\n".encode())
    sys.stdout.flush()
    sys.stderr.flush()
    _ours.append(_Ours(_second(sys.stdout), _second(sys.stderr), log, begun))
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    scratch.leave_word(
        "error: this job was killed: by the system, perhaps for memory, or by an engine that lost "
        f"a node; the same command goes on where it was; {where_engines_wrote()}"
    )
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _second(stream: TextIO) -> TextIO:
    """The same place by a descriptor that is passed on to no other process."""
    return os.fdopen(os.dup(stream.fileno()), "w", encoding=stream.encoding, errors="replace")


def out() -> TextIO:
    return _ours[0].out if _ours else sys.stdout


def complain(*lines: str) -> None:
    """Lines for the stream of errors."""
    stream = _ours[0].err if _ours else sys.stderr
    print(*lines, sep="\n", file=stream, flush=True)


def where_engines_wrote() -> str | None:
    """How the log is named; None where no engine has run."""
    return f"engines' own lines: {_ours[0].log}" if _ours else None


def engines_said() -> str:
    """The end of what engines have said in this process's time."""
    if not _ours:
        return ""
    with _ours[0].log.open("rb") as file:
        file.seek(max(_ours[0].begun, file.seek(0, os.SEEK_END) - _TAIL))
        return file.read().decode(errors="replace")


def draws() -> bool:
    """Whether something can be drawn there, over what was drawn before."""
    return out().isatty() and os.environ.get("TERM", "dumb") != "dumb"


def silence() -> None:
    """Nobody hears of anything any more: how engines and the work on them end is no news."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2, *(stream.fileno() for one in _ours for stream in (one.out, one.err))):
        os.dup2(nowhere, descriptor)
