"""Beside each result: what it was made from, and which files it is. What is done is skipped.

A stage writes in the private place of the output folder (``clir.output_folder``); its manifest
comes last, and then the folder gets its name. So a folder under its own name is whole, and a killed
stage leaves nothing that is read. A folder is read only if it holds the files that its manifest
lists, and replaced only if it holds no others: what is not listed may be a user's.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from clir import progress
from clir.errors import InputError
from clir.output_folder import PRIVATE, OutputFolder

NAME = "manifest.json"
# What every manifest tells.
_SHAPE = {"inputs": dict, "settings": dict, "version": str, "counts": dict, "files": dict}
_OUTPUT = Path("OUTPUT")  # stands for the output folder
_AGAIN = "delete the folder and run again"
_HASHING = 8  # files at a time: one core reads about a gigabyte a second

Files = dict[str, dict[str, Any]]  # by their place in a folder: bytes, sha256 (or null)


def build(
    workspace: OutputFolder,
    folder: Path,
    inputs: Iterable[Path],
    settings: Mapping[str, Any],
    write: Callable[[Path], Mapping[str, Any]],
) -> bool:
    """Have ``write(temporary_folder)`` make ``folder``, unless it is there and up to date.

    ``write`` returns what to keep in the manifest: row counts, drops by reason. Inputs are files,
    or folders that carry a manifest of their own. Returns whether anything was done.
    """
    origin = origin_of(workspace, inputs, settings)
    if not is_current(folder, origin):
        with progress.stage(workspace.name(folder)), at_work(workspace, {folder: origin}):
            if not is_current(folder, origin):  # another start may have made it meanwhile
                publish(workspace, folder, origin, write)
                return True
    progress.up_to_date(workspace.name(folder))
    return False


def origin_of(
    workspace: OutputFolder, inputs: Iterable[Path], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """What an output is made from; two outputs of one origin are the same."""
    return {
        "inputs": {_told(workspace, path): fingerprint(path) for path in inputs},
        "settings": json.loads(json.dumps(settings, default=str)),
        "version": version("clir"),
    }


def _told(workspace: OutputFolder, path: Path) -> str:
    """An input as manifests tell it: the same wherever the output folder lies."""
    inside = path.is_relative_to(workspace.output)
    return str(_OUTPUT / path.relative_to(workspace.output)) if inside else str(path)


def _meant(workspace: OutputFolder, told: str) -> Path:
    path = Path(told)
    inside = path.is_relative_to(_OUTPUT)
    return workspace.output / path.relative_to(_OUTPUT) if inside else path


def is_current(folder: Path, origin: Mapping[str, Any]) -> bool:
    """Whether the folder is there and was made from just this.

    InputError where it may be a user's, or its files are not those that were written.
    """
    made = found(folder)
    return made is not None and all(made.get(key) == value for key, value in origin.items())


def due(
    workspace: OutputFolder, origins: Mapping[Path, Mapping[str, Any]]
) -> dict[Path, Mapping[str, Any]]:
    """The folders that are to be made; of the others it is told that they are up to date."""
    left = {folder: of for folder, of in origins.items() if not is_current(folder, of)}
    for folder in origins:
        if folder not in left:
            progress.up_to_date(workspace.name(folder))
    return left


@contextmanager
def at_work(workspace: OutputFolder, origins: Mapping[Path, Mapping[str, Any]]) -> Iterator[None]:
    """Hold the folders of stages that are about to be made, and look at what they are made from."""
    with ExitStack() as held:
        for folder, origin in origins.items():
            held.enter_context(workspace.held(folder))
            for path in (_meant(workspace, told) for told in origin["inputs"]):
                if (path / NAME).exists() and manifest_of(path) is not None:
                    verify(workspace, path)
        yield


def publish(
    workspace: OutputFolder,
    folder: Path,
    origin: Mapping[str, Any],
    write: Callable[[Path], Mapping[str, Any]],
    seconds_before: float = 0.0,
) -> None:
    """Write a folder in the private place, its manifest last, and give it its name.

    ``seconds_before``: time already spent on it, for the manifest's account. The stage is held by
    this process, or by the one that has sent the work here.
    """
    workspace.check_inside(folder)
    found(folder)
    started = time.monotonic() - seconds_before
    with progress.stage(workspace.name(folder)) as stage, workspace.piece(folder) as piece:
        partial = piece / folder.name
        partial.mkdir()
        counts = dict(write(partial))
        files = _files(partial, workspace.hashes)
        seconds = round(time.monotonic() - started, 1)
        manifest = {**origin, "counts": counts, "seconds": seconds, "files": files}
        _write_down(partial / NAME, manifest)
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not is_current(folder, origin):  # else another start's is as good as this one
            if folder.exists():
                folder.rename(piece / "replaced")
            partial.rename(folder)
            _remember(folder, files)
        _sync(folder.parent)
        stage.result, stage.seconds = in_words(counts), seconds


def replace(workspace: OutputFolder, path: Path, write: Callable[[Path], object]) -> None:
    """Have ``write(temporary_path)`` make a result without a manifest in it: a file or a folder."""
    with workspace.held(path):
        check_replaceable(workspace, path)
        with workspace.piece(path) as piece:
            made, listed = piece / path.name, workspace.written(path)
            write(made)
            before = _files(path, hashes=True) if path.exists() else None
            # Both are known as ours, whichever is there when this start is killed.
            _write_down(listed, [_files(made, hashes=True), before])
            if path.exists():
                path.rename(piece / "replaced")
            made.rename(path)


def remove(workspace: OutputFolder, path: Path) -> None:
    """Remove a result, if it is there; InputError where it may hold something of a user's."""
    with workspace.held(path):
        check_replaceable(workspace, path)
        if path.exists():
            with workspace.piece(path) as piece:
                path.rename(piece / "replaced")


def check_replaceable(workspace: OutputFolder, path: Path) -> None:
    """InputError where what lies at a result's place is not just what we wrote there."""
    listed = workspace.written(path)
    if not listed.exists():
        found(path)
    elif os.path.lexists(path) and not _is_as_written(path, listed):
        raise InputError(
            f"{path}: changed since it was written, so it may be yours: move it away and run again"
        )


def _is_as_written(path: Path, listed: Path) -> bool:
    """Whether a result without a manifest in it is one that is listed, without a link in it."""
    places = [path, *(path / name for name in (_walk(path) if path.is_dir() else ()))]
    if any(place.is_symlink() for place in places):
        return False
    return _files(path, hashes=True) in (_read_json(listed) or [])


def read(folder: Path) -> dict[str, Any]:
    """The manifest of a finished stage; InputError where there is none.

    The folder holds the files that it lists, in their sizes; InputError names one that does not
    fit.
    """
    made = found(folder)
    if made is None:
        raise InputError(f"{folder}: not there yet; run the job that makes it first")
    return made


def found(folder: Path) -> dict[str, Any] | None:
    """As ``read``, but None where nothing is there."""
    if not os.path.lexists(folder) or _is_empty(folder):
        return None
    if not (folder / NAME).exists():
        holds = f"holds {next(_walk(folder), 'folders')}" if folder.is_dir() else "is a file"
        raise InputError(
            f"{folder}: not written by clir (it {holds} and has no {NAME}), so it may be yours: "
            "move it away and run again"
        )
    made = manifest_of(folder)
    if made is None:
        raise InputError(
            f"{folder}: not done: its {NAME} is cut short or not clir's; move the folder away (or "
            "delete it) and run again"
        )
    _check_sizes(folder, made["files"])
    return made


def manifest_of(folder: Path) -> dict[str, Any] | None:
    """The manifest of a folder, its files not looked at; None where it is none that we wrote."""
    made = _read_json(folder / NAME)
    shaped = isinstance(made, dict) and all(isinstance(made.get(k), t) for k, t in _SHAPE.items())
    return made if shaped and all(map(_is_file_entry, made["files"].values())) else None


def verify(workspace: OutputFolder, folder: Path) -> dict[str, Any]:
    """As ``read``, and every byte of the files is the one that was written.

    In a process each file is read once, unless it changes.
    """
    made = read(folder)
    if workspace.hashes:
        wanted = {name: of["sha256"] for name, of in made["files"].items() if of["sha256"]}
        names = [name for name in wanted if verified.get(folder / name) != _stat(folder / name)]
        for name, digest in zip(names, _digests([folder / n for n in names]), strict=True):
            if digest != wanted[name]:
                raise InputError(f"{folder}: {name} was changed since it was written; {_AGAIN}")
            verified[folder / name] = _stat(folder / name)
    return made


def list_files(
    folder: Path, listing: str, names: Iterable[str] | None = None, hashes: bool = True
) -> None:
    """List some of a folder's files, or all, in one of its files, for ``check_files``."""
    (folder / listing).parent.mkdir(parents=True, exist_ok=True)
    _write_down(folder / listing, _files(folder, hashes, names))


def check_files(folder: Path, listing: str) -> None:
    """ValueError where a file that a listing names, if it is there, is not as it was written."""
    listed = folder / listing
    files = _read_json(listed) if listed.exists() else {}
    if not (isinstance(files, dict) and all(map(_is_file_entry, files.values()))):
        raise ValueError(f"{listing} was changed")
    for name, of in files.items():
        if not (folder / name).is_file():
            raise ValueError(f"{name} is missing")
        if (folder / name).stat().st_size != of["bytes"]:
            raise ValueError(f"{name} is of another size")
        if of["sha256"] and sha256_of(folder / name) != of["sha256"]:
            raise ValueError(f"{name} was changed")


def fingerprint(path: Path) -> str:
    """SHA-256 of a file, or of the manifest's origin part where a stage made the folder."""
    if (path / NAME).exists():
        made = manifest_of(path)
        if made is not None or _in_an_output(path):
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
        now = _stat(path)
        if path not in _known or _known[path][0] != now:  # several results may be made from it
            _known[path] = now, sha256_of(path)
        return _known[path][1]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file or folder") from None


def _in_an_output(path: Path) -> bool:
    """Whether a folder is a stage's by its place: in an output folder, or in one of its folders."""
    return any((parent / PRIVATE).is_dir() for parent in [*path.absolute().parents][:2])


def _check_sizes(folder: Path, listed: Files) -> None:
    """InputError where a folder holds other files than are listed, or of other sizes."""
    there = {name: os.lstat(folder / name) for name in _walk(folder) if name != NAME}
    for name in [*listed, *there]:
        if name not in there:
            raise InputError(f"{folder}: {name} is missing; {_AGAIN}")
        if name not in listed:
            raise InputError(
                f"{folder}: {name} was not written by clir, so it may be yours: move it away and "
                "run again"
            )
        if there[name].st_size != listed[name]["bytes"] or (folder / name).is_symlink():
            raise InputError(
                f"{folder}: {name} has {there[name].st_size:,} bytes, written were "
                f"{listed[name]['bytes']:,}; {_AGAIN}"
            )


def _walk(folder: Path) -> Iterator[str]:
    """The places of all files in a folder, links among them, which are not followed."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            yield str(path.relative_to(folder))


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())


def _files(path: Path, hashes: bool, names: Iterable[str] | None = None) -> Files:
    """What a manifest lists of a folder's files or of some; of a file, whose place is ``.``."""
    if names is None:
        names = _walk(path) if path.is_dir() else ["."]
    names = sorted(names)
    places = [path / name for name in names]
    digests = _digests(places) if hashes else [None] * len(places)
    return {
        name: {"bytes": place.stat().st_size, "sha256": digest}
        for name, place, digest in zip(names, places, digests, strict=True)
    }


def _is_file_entry(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("bytes"), int) and "sha256" in value


# Hashes of files that results are made from, as the files were then.
_known: dict[Path, tuple[tuple[int, ...], str]] = {}
# Files whose bytes this process has seen to be the listed ones, as they were then.
verified: dict[Path, tuple[int, ...]] = {}


def _stat(path: Path) -> tuple[int, ...]:
    now = path.stat()
    return now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns


def _remember(folder: Path, files: Files) -> None:
    """What was just hashed and listed needs no second look by this process."""
    for name, of in files.items():
        if of["sha256"]:
            verified[folder / name] = _stat(folder / name)


def _digests(paths: list[Path]) -> list[str]:
    with ThreadPoolExecutor(_HASHING) as threads:
        return list(threads.map(sha256_of, paths))


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_down(path: Path, content: Any) -> None:
    """Write JSON; its bytes and its folder's entry are on the disk before anything follows."""
    with path.with_name(f"_{path.name}").open("w", encoding="utf-8") as file:
        file.write(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    path.with_name(f"_{path.name}").rename(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_json(path: Path) -> Any:
    """What a JSON file says; None where it is none."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def in_words(counts: Mapping[str, Any]) -> str:
    """The plain numbers among a manifest's counts, as a line."""
    return ", ".join(f"{key} {n:,}" for key, n in counts.items() if isinstance(n, int) and n)
