"""How a job runs: mistakes and interruptions end in one line, and nothing is left behind."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import Any, NoReturn

from clir import failures, progress, scratch, terminal
from clir.errors import user_message

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK = 0.5  # seconds between looks at the work
_UNWINDING = 3  # seconds that the work has to tidy up when it was interrupted


class _Interrupted(BaseException):
    """Somebody wants this process to end."""

    def __init__(self, number: int = signal.SIGINT):  # Python itself makes one in another thread
        super().__init__(number)
        self.number = number


def run(main: Callable[[], None]) -> None:
    """Run a command's ``main`` as a process of its own, see ``run_job``.

    Ctrl-C and SIGTERM end it in one line too, with exit status 130 and 143; its engines end with
    it. The work is done by a thread beside this one: engines put up handlers of their own for
    signals where they can, which print pages and leave processes, and they can in this one alone.
    This one stays free to act at once, whatever compiled code the work is in.
    """
    raised: list[BaseException] = []

    def work() -> None:
        try:
            run_job(scratch.use)
            with progress.shown():
                run_job(main)
        except BaseException as error:  # raised again below, by the main thread
            raised.append(error)

    thread = Thread(target=work, daemon=True)
    try:
        watched = [
            number
            for number in _SIGNALS
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN  # nohup
        ]
        _handle(watched, _interrupt)
        thread.start()
        while thread.is_alive():
            thread.join(_LOOK)
            _handle(watched, _interrupt)  # Ray's compiled code has put its own there
        _handle(_SIGNALS, signal.SIG_IGN)
    except _Interrupted as interrupted:
        _end(interrupted.number, thread)
    scratch.leave()
    log = terminal.where_engines_wrote()
    if log and (not raised or isinstance(raised[0], SystemExit)):
        print(log, file=terminal.out(), flush=True)
    if raised:
        raise raised[0]  # which the log tells in full


def run_job(main: Callable[[], None]) -> None:
    """Run a command's ``main``; what ends it before its time is said in a line.

    A user's mistakes have a line each, and exit status 2. A failure of an engine has one that
    names the log of the engines.
    """
    try:
        main()
    except Exception as error:
        progress.stop()
        message = user_message(error)
        if message is None:
            log = terminal.where_engines_wrote()
            said = failures.in_a_line(error, terminal.engines_said())
            terminal.complain(f"error: {said}" + (f"; {log}" if log else ""))
            raise
        terminal.complain(*(f"error: {line}" for line in message.splitlines()))
        sys.exit(2)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise _Interrupted(number)


def _handle(numbers: Iterable[signal.Signals], handler: Any) -> None:
    for number in numbers:
        signal.signal(number, handler)


def _end(number: int, thread: Thread) -> NoReturn:
    """End everything that was started, say so in a line, and go."""
    _handle(_SIGNALS, signal.SIG_IGN)
    progress.stop()
    sys.stdout.flush()
    name = signal.Signals(number).name
    terminal.complain(
        f"stopped by {name}: {Path(sys.argv[0]).name}; the same command goes on where it was"
    )
    terminal.silence()
    # The work removes what is half done, once the engine that it waits for is gone.
    error = ctypes.py_object(_Interrupted)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), error)
    scratch.end_started()
    if thread.ident is not None:  # else it has not begun
        thread.join(_UNWINDING)
    scratch.leave()
    os._exit(128 + number)
