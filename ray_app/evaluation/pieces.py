"""The files that an evaluation leaves piece by piece, so that a killed one goes on where it was.

A piece is done when its files are listed, and are still what they were then.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from clir import manifest, progress

DONE = "done"  # where it is listed what each piece wrote


def do(work: Path, file: Path, run: Callable[[], Iterable[Path]], hashes: bool) -> float:
    """Have ``run`` write a piece's files, unless an earlier start has; the seconds it took.

    ``file``: the one that names the piece. All lie in ``work``. What an earlier start has left is
    checked by ``hashes``, or by sizes.
    """
    listing = f"{DONE}/{file.relative_to(work)}.json"
    if _is_done(work, listing):
        return 0.0
    started = time.monotonic()
    names = [str(path.relative_to(work)) for path in run()]
    manifest.list_files(work, listing, names, hashes)
    return time.monotonic() - started


def _is_done(work: Path, listing: str) -> bool:
    """Whether the files of a piece are there as they were written."""
    if not (work / listing).exists():
        return False
    try:
        manifest.check_files(work, listing)
    except ValueError as damage:
        progress.say(f"{work}: {damage}: made again")
        return False
    return True
