"""Beside each output: what it was made from. What is done is skipped, what is half done is gone.

A stage writes into ``FOLDER.partial.ID``; its manifest comes last, and then the folder gets its
name. So a folder under its own name is whole, and a killed stage leaves nothing that is read. The
id is another one each time: workers that outlive a killed driver may still write into its folder.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from clir.errors import InputError

NAME = "manifest.json"


def build(
    folder: Path,
    inputs: Iterable[Path],
    settings: Mapping[str, Any],
    write: Callable[[Path], Mapping[str, Any]],
) -> bool:
    """Have ``write(temporary_folder)`` make ``folder``, unless it is there and up to date.

    ``write`` returns what to keep in the manifest: row counts, drops by reason. Inputs are files,
    or folders that carry a manifest of their own. Returns whether anything was done.
    """
    origin = origin_of(inputs, settings)
    if is_current(folder, origin):
        print(f"{_name(folder)}: up to date", flush=True)
        return False
    publish(folder, origin, write)
    return True


def origin_of(inputs: Iterable[Path], settings: Mapping[str, Any]) -> dict[str, Any]:
    """What an output is made from; two outputs of one origin are the same."""
    return {
        "inputs": {str(path): fingerprint(path) for path in inputs},
        "settings": json.loads(json.dumps(settings, default=str)),
        "version": version("clir"),
    }


def is_current(folder: Path, origin: Mapping[str, Any]) -> bool:
    """Whether the folder is there and was made from just this."""
    if not (folder / NAME).exists():
        return False
    made = read(folder)
    return all(made.get(key) == value for key, value in origin.items())


def publish(
    folder: Path,
    origin: Mapping[str, Any],
    write: Callable[[Path], Mapping[str, Any]],
    seconds_before: float = 0.0,
) -> None:
    """Write a folder under a temporary name, its manifest last, and give it its name.

    ``seconds_before``: time already spent on it, for the manifest's account.
    """
    for left in folder.parent.glob(f"{folder.name}.partial.*"):
        shutil.rmtree(left, ignore_errors=True)
    partial = folder.with_name(f"{folder.name}.partial.{uuid4().hex[:8]}")
    partial.mkdir(parents=True)
    started = time.monotonic() - seconds_before
    try:
        counts = dict(write(partial))
        seconds = round(time.monotonic() - started, 1)
        manifest = {**origin, "counts": counts, "seconds": seconds}
        (partial / NAME).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    except BaseException:  # a mistake in the input, a full disk, Ctrl-C
        shutil.rmtree(partial, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    print(f"{_name(folder)}: {in_words(counts)} in {seconds} s", flush=True)


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that gets its name when it is written: a task may be killed, or run twice.

    What is left of a killed one begins with ``_``, which readers of folders pass over.
    """
    partial = path.with_name(f"_{path.name}.{uuid4().hex}")
    try:
        with partial.open("wb") as file:
            yield file
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def read(folder: Path) -> dict[str, Any]:
    """The manifest of a finished stage; InputError where there is none."""
    try:
        return json.loads((folder / NAME).read_text())
    except FileNotFoundError:
        raise InputError(f"{folder}: not there yet; run the job that makes it first") from None


def fingerprint(path: Path) -> str:
    """SHA-256 of a file, or of the manifest's origin part where a stage made the folder."""
    if (path / NAME).exists():
        made = read(path)
        origin = [made[key] for key in ("inputs", "settings", "version")]
        return hashlib.sha256(json.dumps(origin, sort_keys=True).encode()).hexdigest()
    if path.is_dir():
        parts = [
            f"{p.relative_to(path)} {fingerprint(p)}"
            for p in sorted(path.rglob("*"))
            if p.is_file()
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file or folder") from None


def _name(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"


def in_words(counts: Mapping[str, Any]) -> str:
    """The plain numbers among a manifest's counts, as a line."""
    return ", ".join(f"{key} {n:,}" for key, n in counts.items() if isinstance(n, int) and n)
