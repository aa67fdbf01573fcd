"""Files from the web: cut downloads go on, published checksums are checked, servers are spared.

A file is fetched into ``NAME.part`` and gets its name when it is whole and its checksum is right.
"""

import hashlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import requests

from clir.errors import InputError

PER_HOST = 2  # connections at once: what the Wikimedia servers allow
_CHUNK = 1 << 16  # what a cut connection may lose
_TRIES = 5  # in a row without a single new byte
_TIMEOUT = (20, 60)  # seconds to connect, and between two reads


class Wanted(NamedTuple):
    """A file to fetch; ``checksum`` is its published hash in hex (md5, sha1 or sha256)."""

    url: str
    path: Path
    checksum: str | None = None


class Progress(NamedTuple):
    """How far a file is, in bytes; its size is None where the server does not tell it."""

    path: Path
    done: int
    size: int | None


def fetch_all(
    wanted: Iterable[Wanted],
    user_agent: str,
    progress: Callable[[Progress], None] = lambda _: None,
    pause: float = 1.0,
) -> None:
    """Fetch all files, at most two from a host at once. What is there is left alone.

    A missing file or a wrong checksum raises InputError when all others are fetched. ``pause``:
    seconds before a first retry, doubled with each.
    """
    hosts: dict[str, list[Wanted]] = defaultdict(list)
    for one in wanted:
        if not one.path.exists():
            hosts[urlsplit(one.url).netloc].append(one)
    stop = threading.Event()
    pools = [(ThreadPoolExecutor(PER_HOST), files) for files in hosts.values()]
    try:
        jobs = [
            pool.submit(_Fetch(one, user_agent, progress, pause, stop).run)
            for pool, files in pools
            for one in files
        ]
        errors = [error for job in jobs if (error := job.exception())]
    finally:
        stop.set()  # on Ctrl-C: the parts stay, the next start goes on
        for pool, _ in pools:
            pool.shutdown(cancel_futures=True)
    if errors:
        raise errors[0]


def published_sums(url: str, user_agent: str) -> dict[str, str]:
    """File name -> hash, of a list as md5sum and sha1sum write it."""
    try:
        answer = requests.get(url, headers={"User-Agent": user_agent}, timeout=_TIMEOUT)
    except requests.RequestException as error:
        raise InputError(f"{url}: {_reason(error)}") from None
    if answer.status_code != 200:
        raise InputError(f"{url}: {_meaning(answer.status_code)}")
    lines = (line.split() for line in answer.text.splitlines())
    return {parts[1].lstrip("*"): parts[0] for parts in lines if len(parts) == 2}


class _Fetch:
    """One file's way from the server to its name."""

    def __init__(
        self,
        wanted: Wanted,
        user_agent: str,
        progress: Callable[[Progress], None],
        pause: float,
        stop: threading.Event,
    ):
        self.wanted, self.progress, self.pause, self.stop = wanted, progress, pause, stop
        self.part = wanted.path.with_name(wanted.path.name + ".part")
        self.etag = wanted.path.with_name(wanted.path.name + ".part.etag")
        self.session = requests.Session()
        # Bytes as they are stored: a .gz must not be unpacked on the way.
        self.session.headers.update({"User-Agent": user_agent, "Accept-Encoding": "identity"})

    def run(self) -> None:
        with self.session:  # a connection that is kept open counts as one
            self._fetch()

    def _fetch(self) -> None:
        self.wanted.path.parent.mkdir(parents=True, exist_ok=True)
        for attempt in ("first", "second"):
            self._all_bytes()
            found = self._wrong_sum()
            if found is None:
                self.part.rename(self.wanted.path)
                self.etag.unlink(missing_ok=True)
                return
            # A part of an older file, or damaged on the way: once more.
            self.part.unlink()
            self.etag.unlink(missing_ok=True)
            if attempt == "second":
                raise InputError(
                    f"{self.wanted.url}: its checksum is {found}, the published one "
                    f"{self.wanted.checksum}; fetched twice, so try another mirror"
                )

    def _all_bytes(self) -> None:
        """Go on from what is there until the file is whole."""
        failures = 0
        while not self.stop.is_set():
            before = self._size()
            try:
                if self._request(before):
                    return
                reason = "the connection was cut"
            except requests.RequestException as error:
                reason = _reason(error)
            failures = 0 if self._size() > before else failures + 1
            if failures == _TRIES:
                raise InputError(f"{self.wanted.url}: {reason}, {_TRIES} times; try again later")
            self.stop.wait(self.pause * 2 ** max(0, failures - 1))
        raise InputError(f"{self.wanted.url}: stopped")

    def _request(self, have: int) -> bool:
        """One connection; whether the file is whole after it."""
        headers = {}
        if have and self.etag.exists():
            # Only what is left, and only of the same file; else the server sends all of it.
            headers = {"Range": f"bytes={have}-", "If-Range": self.etag.read_text()}
        elif have and self.wanted.checksum:
            headers = {"Range": f"bytes={have}-"}  # the checksum tells if it was another file
        with self.session.get(
            self.wanted.url, headers=headers, stream=True, timeout=_TIMEOUT
        ) as answer:
            if answer.status_code == 416:  # nothing is left, or the part is longer than the file
                total = answer.headers.get("Content-Range", "").rpartition("/")[2]
                if total == str(have):
                    return True
                self.part.unlink()
                return False
            if answer.status_code in (429, 503):
                seconds = answer.headers.get("Retry-After", "")  # or a date, which few send
                self.stop.wait(float(seconds) if seconds.isdigit() else self.pause)
                return False
            if answer.status_code not in (200, 206):
                raise InputError(f"{self.wanted.url}: {_meaning(answer.status_code)}")
            if answer.status_code == 200:
                have = 0
                etag = answer.headers.get("ETag", "")
                if etag and not etag.startswith("W/"):
                    self.etag.write_text(etag)
            return self._write(answer, have)

    def _write(self, answer: requests.Response, have: int) -> bool:
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        with self.part.open("ab" if have else "wb") as file:
            for chunk in answer.iter_content(_CHUNK):
                file.write(chunk)
                have += len(chunk)
                self.progress(Progress(self.wanted.path, have, total))
                if self.stop.is_set():
                    return False
        return total is None or have == total

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _wrong_sum(self) -> str | None:
        """The file's hash where it is not the published one."""
        if self.wanted.checksum is None:
            return None
        name = {32: "md5", 40: "sha1", 64: "sha256"}[len(self.wanted.checksum)]
        with self.part.open("rb") as file:
            found = hashlib.file_digest(file, name).hexdigest()
        return None if found == self.wanted.checksum.lower() else found


def _meaning(status: int) -> str:
    if status == 404:
        return "there is no such file (404); is the date or the name right?"
    if status == 403:
        return "refused (403); does the user agent name a contact?"
    return f"the server answers {status}; try again later or another mirror"


def _reason(error: requests.RequestException) -> str:
    return f"cannot be reached ({type(error).__name__})"
