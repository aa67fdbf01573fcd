"""The output folder: how we know that it is ours, and the place in it where nothing is a user's.

``OUTPUT/.clir-output`` marks the folder as ours, and is private to us:

- ``work/STAGE/ID`` is half-written work, which gets its name in the output folder when it is whole;
- ``kept/STAGE`` is what a later start goes on with: checkpoints, the pieces of an evaluation;
- ``locks/STAGE`` is locked as long as a start works on a stage, and says which process that is;
- ``written/NAME`` lists results that have no manifest of their own.

Whatever is removed without looking at what it holds is removed in there. A lock ends with the
process that holds it, so what lies under ``work`` of a stage that nobody has locked was left by a
start that was killed.
"""

import fcntl
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from clir.errors import InputError

PRIVATE = ".clir-output"
_PLACES = ("work", "kept", "locks", "written")
_PATIENCE = 2.0  # seconds: clearing what is left of others takes their locks for a moment
_SAID = """This folder was made by clir; the results are beside it.
Half-written work, checkpoints and locks lie in here, and are removed without asking: keep nothing
of yours in here. Without this folder clir refuses to write into the folder that it is in.
"""


@dataclass(frozen=True)
class OutputFolder:
    """An experiment's output folder, and whether files in it are checked byte by byte."""

    output: Path
    hashes: bool = True  # else only their sizes

    def stage(self, folder: Path) -> str:
        """What a result's folder is called in the private one: ``pairs+ml-cs``."""
        return "+".join(folder.absolute().relative_to(self.output.absolute()).parts)

    def name(self, folder: Path) -> str:
        """What a result is called to a person: ``pairs/ml-cs``."""
        return str(folder.absolute().relative_to(self.output.absolute()))

    def work(self, folder: Path) -> Path:
        """Where half-written work on a result lies."""
        return self._private / "work" / self.stage(folder)

    def kept(self, folder: Path) -> Path:
        """Where that lies which a later start goes on with."""
        return self._private / "kept" / self.stage(folder)

    def written(self, path: Path) -> Path:
        """The list of what was written as a result that has no manifest of its own."""
        return self._private / "written" / self.stage(path)

    @property
    def _private(self) -> Path:
        return self.output / PRIVATE

    def check(self) -> None:
        """InputError unless the output folder is ours, or empty, or not there."""
        output, private = self.output, self._private
        try:
            for place in (private, *(private / name for name in _PLACES)):
                if place.is_symlink() or (place.exists() and not place.is_dir()):
                    raise InputError(f"{place}: not made by clir; give output another folder")
            if private.exists():
                return
            held = sorted(path.name for path in output.iterdir())
        except FileNotFoundError:
            if output.is_symlink():
                raise InputError(f"{output}: a link to nothing; give output another one") from None
            return
        except OSError as error:
            raise InputError(f"{output}: cannot be the output folder: {error.strerror}") from None
        if held:
            raise InputError(
                f"{output}: not an output folder of this version of clir (it holds {held[0]} and "
                f"no {PRIVATE}): give output a new or empty folder, so that nothing of yours is "
                "replaced"
            )

    def open(self) -> None:
        """Make the output folder and mark it as ours, where it is not yet."""
        self.check()
        try:
            self._private.mkdir(parents=True, exist_ok=True)
            for name in _PLACES:
                (self._private / name).mkdir(exist_ok=True)
            said = self._private / "README.txt"
            if not said.exists():
                said.write_text(_SAID)
        except OSError as error:
            raise InputError(f"{self.output}: cannot be written to: {error.strerror}") from None

    def check_inside(self, path: Path) -> None:
        """InputError where a result, or a folder that it is in, is a link out of the output."""
        parts = path.absolute().relative_to(self.output.absolute()).parts
        for count in range(1, len(parts) + 1):
            place = self.output.joinpath(*parts[:count])
            if place.is_symlink():
                raise InputError(
                    f"{place}: a link, and what is behind it may be yours; nothing is written "
                    "there: remove the link and run again"
                )

    @contextmanager
    def piece(self, path: Path) -> Iterator[Path]:
        """A new folder to make a result in; it is gone in the end, or what is left in it.

        Its name is another one each time: workers that outlive a killed start may still write.
        """
        self.open()
        piece = self.work(path) / uuid4().hex[:8]
        piece.mkdir(parents=True)
        try:
            yield piece
        finally:
            shutil.rmtree(piece, ignore_errors=True)

    @contextmanager
    def held(self, folder: Path) -> Iterator[None]:
        """For one start at a time to work on a result; InputError where another one does.

        What a killed start left of it half-written is removed.
        """
        self.open()
        self.check_inside(folder)
        with self._lock(self.stage(folder), _PATIENCE) as holder:
            if holder:
                raise InputError(
                    f"{folder}: {holder} is making it now; wait until that ends, and run again"
                )
            yield
            shutil.rmtree(self.work(folder), ignore_errors=True)

    def clear(self) -> None:
        """Remove what killed starts left half-written."""
        if self._private.exists():
            self.open()  # a start may have been killed while it made these folders
            for place in sorted((self._private / "work").iterdir()):
                with self._lock(place.name):
                    pass

    @contextmanager
    def _lock(self, stage: str, patience: float = 0.0) -> Iterator[str]:
        """Lock a stage and clear what was left of it; who holds it, where that is another start."""
        try:
            descriptor = os.open(self._private / "locks" / stage, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise InputError(f"{self.output}: cannot be written to: {error.strerror}") from None
        try:
            try:
                _wait_for(descriptor, patience)
            except BlockingIOError:
                yield os.read(descriptor, 1000).decode() or "another start"
                return
            except OSError:  # a file system without locks: nobody knows whose the leftovers are
                yield ""
                return
            with suppress(OSError):  # a full disk: then others are told less
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
            shutil.rmtree(self._private / "work" / stage, ignore_errors=True)
            yield ""
        finally:
            os.close(descriptor)  # which unlocks it


def _wait_for(descriptor: int, patience: float) -> None:
    """Lock a file; BlockingIOError where another process holds it for longer."""
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
