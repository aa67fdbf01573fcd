"""How far the work is: a bar for each stage at work, or plain lines with the time.

A job shows bars on a terminal, else lines: when a stage has run for a second, every half minute,
and at its end. Elsewhere (in tests, in a user's own program) a stage has one line, at its end. A
worker of an engine sends what it has to say through a file, and its job shows it.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, RLock, Thread
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from clir import terminal

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_OFTEN = 0.5  # seconds between looks at what goes on elsewhere, and between a stage's updates
_SOON = 1.0  # seconds until a stage without a terminal has its first line
_SELDOM = 30.0  # seconds between its further ones
_NAMED = 3  # stages that are up to date and named; the others are counted
_WIDTH = 110  # of tables
_SENT = ("name", "total", "unit", "done", "facts", "result", "seconds", "is_done")


class Stage:
    """A stage at work, for those who know how far it is."""

    def __init__(self, name: str, total: int | None, unit: str):
        self.name, self.total, self.unit = name, total, unit
        self.done, self.facts = 0, ""
        self.result = ""  # what its last line says
        self.seconds: float | None = None  # and how long it took, if not since its beginning
        self.is_done = self.is_relayed = False
        self.began = self.last_line = time.monotonic()
        self.bar: TaskID | None = None
        self._updated = 0.0

    def is_due(self) -> bool:
        """Whether the last update is so long ago that another one makes sense."""
        return time.monotonic() - self._updated > _OFTEN

    def update(self, done: int, total: int | None = None, unit: str = "", facts: str = "") -> None:
        """``done`` units of ``total``, and more in words."""
        self.done, self.total = done, total or self.total
        self.unit, self.facts = unit or self.unit, facts
        self._updated = time.monotonic()
        _tell("update", self)

    @property
    def words(self) -> str:
        of = f" of {self.total:,}" if self.total else ""
        counted = f"{self.done:,}{of} {self.unit}" if self.unit else ""
        return ", ".join(filter(None, (counted, self.facts)))


_lock = RLock()
_open: dict[str, Stage] = {}  # the stages at work by name, the innermost last
_current: list[str] = []  # names of stages that were up to date, and are not told yet
# This process: whether it is a job at work, its bars, or the file that a worker writes to.
_here = SimpleNamespace(job=False, over=False, bars=None, file=None)


@contextmanager
def stage(name: str, total: int | None = None, unit: str = "") -> Iterator[Stage]:
    """A stage at work; it is shown until the block ends. A stage within itself is the same one."""
    if name in _open:
        yield _open[name]
        return
    one = Stage(name, total, unit)
    _tell("begin", one)
    try:
        yield one
        one.is_done = True
    finally:
        _tell("end", one)


def innermost() -> Stage | None:
    """The stage that was begun last of those at work in this process."""
    with _lock:
        return next((one for one in reversed(_open.values()) if not one.is_relayed), None)


def up_to_date(name: str) -> None:
    """A stage has nothing to do; all such ones are told in one line, before anything else is."""
    with _lock:
        _current.append(name)


def say(line: str) -> None:
    """A line for the person who started this."""
    if _here.file is not None:
        _send("say", line)
        return
    with _lock:
        _say_current()
        _print(line)


def show(table: Any) -> None:
    """One of rich's tables."""
    from rich.console import Console  # no worker needs it

    with _lock:
        _say_current()
        bars = _bars()
        console = bars.console if bars else Console(file=terminal.out(), width=_WIDTH)
        console.print(table, width=_WIDTH)


def _say_current() -> None:
    named, more = _current[:_NAMED], len(_current) - _NAMED
    _current.clear()
    if named:
        _print(f"up to date: {', '.join(named)}" + (f" and {more} more" if more > 0 else ""))


def _print(line: str) -> None:
    bars = _bars()
    if bars:
        bars.console.print(line, soft_wrap=True, markup=False)
    elif not _here.over:
        print(f"{time.strftime('%H:%M:%S')} {line}", file=terminal.out(), flush=True)


def _tell(what: str, one: Stage) -> None:
    """Show what happens to a stage, or send it to where it is shown."""
    with _lock:
        if what == "begin":
            _open[one.name] = one
        elif what == "end":
            _open.pop(one.name, None)
            one.seconds = time.monotonic() - one.began if one.seconds is None else one.seconds
        if _here.file is not None:
            _send(what, {name: getattr(one, name) for name in _SENT})
            return
        if bars := _bars():
            if one.bar is None:
                one.bar = bars.add_task(one.name, total=one.total, words="")
            bars.update(one.bar, completed=one.done, total=one.total, words=one.words)
            if what == "end":
                bars.remove_task(one.bar)
        if what == "end" and one.is_done:
            say(f"{one.name}: {one.result or one.words or 'done'} in {one.seconds:.1f} s")


@contextmanager
def shown() -> Iterator[None]:
    """In a job: show what is at work while it runs."""
    _here.job = True
    try:
        with watched(_say_lines):
            yield
        with _lock:
            _say_current()
    finally:
        stop()


def stop() -> None:
    """A job shows no more; the cursor is back."""
    if _here.bars:
        _here.bars.stop()
    _here.bars, _here.over = None, _here.job


def _bars() -> Progress | None:
    """The bars of a job on a terminal, begun when something is to be shown."""
    if _here.bars is None and _here.job and not _here.over and terminal.draws():
        from rich.console import Console  # no worker needs it
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(file=terminal.out(), highlight=False, emoji=False)
        name = TextColumn("{task.description}", markup=False)
        words = TextColumn("{task.fields[words]}", markup=False)
        columns = (name, BarColumn(20), words, TimeElapsedColumn())
        _here.bars = Progress(
            *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        _here.bars.start()
    bars: Progress | None = _here.bars
    return bars


def _say_lines() -> None:
    """Without a terminal: what is at work, now and then."""
    with _lock:
        now = time.monotonic()
        for one in () if _bars() else list(_open.values()):
            is_new = one.last_line == one.began
            if now - one.last_line > (_SOON if is_new else _SELDOM):
                say(f"{one.name}: " + ("started" if is_new else one.words or "at work"))
                one.last_line = now


@contextmanager
def watched(look: Callable[[], None]) -> Iterator[None]:
    """Have ``look`` called now and then beside the block, and once in the end."""
    over = Event()

    def watch() -> None:
        while not over.wait(_OFTEN):
            look()

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        look()


@contextmanager
def sent_to(folder: Path) -> Iterator[None]:
    """In a worker: what is said goes to a file in a folder, and its job shows it (``relayed``)."""
    with (folder / uuid4().hex).open("ab", buffering=0) as file:
        _here.file = file
        try:
            yield
        finally:
            _here.file = None


def _send(what: str, told: Any) -> None:
    _here.file.write(json.dumps([what, told]).encode() + b"\n")


@contextmanager
def relayed(folder: Path) -> Iterator[None]:
    """Show what workers send to files in a folder."""
    folder.mkdir()
    read: Counter[Path] = Counter()  # bytes
    stages: dict[str, Stage] = {}

    def look() -> None:
        for path in sorted(folder.iterdir()):
            with path.open("rb") as file:
                file.seek(read[path])
                whole, end, _ = file.read().rpartition(b"\n")
            read[path] += len(whole) + len(end)
            for line in whole.splitlines():
                what, told = json.loads(line)
                _replay(what, told, stages)

    try:
        with watched(look):
            yield
    finally:
        for left in stages.values():  # of workers that died
            _tell("end", left)


def _replay(what: str, told: Any, stages: dict[str, Stage]) -> None:
    if what == "say":
        say(told)
        return
    one = stages.setdefault(told["name"], Stage(told["name"], told["total"], told["unit"]))
    vars(one).update(told, is_relayed=True)
    _tell(what, one)
    if what == "end":
        stages.pop(one.name)
