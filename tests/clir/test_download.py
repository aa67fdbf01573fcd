"""Downloads against a local server that cuts connections, changes files and refuses."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from clir import download
from clir.download import Wanted
from clir.errors import InputError

CONTENT = bytes(range(256)) * 40_000  # 10 MB
SHA1 = hashlib.sha1(CONTENT).hexdigest()
ROOT = Path(__file__).parents[2]


class Server(ThreadingHTTPServer):
    """Serves CONTENT under any name; ``cut_after`` bytes it hangs up."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.cut_after: int | None = None
        self.files: dict[str, bytes] = {}
        self.etag, self.content = '"one"', CONTENT
        self.lock, self.now, self.most = threading.Lock(), 0, 0
        self.requests: list[tuple[str, str | None, str]] = []
        self.answers: Counter[int] = Counter()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        server = self.server
        with server.lock:
            server.now += 1
            server.most = max(server.most, server.now)
            asked = self.headers.get("Range")
            server.requests.append((self.path, asked, self.headers["User-Agent"]))
        self.answer(asked)

    def do_HEAD(self):
        self.answer(None)

    def last_bytes(self):
        """Whoever has the last bytes may ask again before this thread goes on."""
        with self.server.lock:
            self.server.now -= 1

    def answer(self, asked):
        server = self.server
        content = server.files.get(self.path.partition("?")[0], server.content)
        if self.path.startswith("/none"):
            self.last_bytes()
            return self.send_error(404)
        start = 0
        if asked and self.headers.get("If-Range", server.etag) == server.etag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        status = 206 if start else 200
        if start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.last_bytes()
            self.end_headers()
            return None
        server.answers[status] += 1
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", server.etag)
        self.send_header("X-Repo-Commit", "0" * 40)  # the hub's
        self.end_headers()
        if self.command == "HEAD":
            return None
        end = len(content) if server.cut_after is None else start + server.cut_after
        self.wfile.write(content[start : max(start, end - 1)])
        self.last_bytes()
        self.wfile.write(content[max(start, end - 1) : end])
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as started:
        thread = threading.Thread(target=started.serve_forever, args=(0.01,))
        thread.start()
        yield started
        started.shutdown()
        thread.join()


def fetch(wanted, **options):
    download.fetch_all(wanted, "test (a@b)", pause=0.01, **options)


def test_a_cut_download_goes_on_where_it_was(server, tmp_path):
    server.cut_after = 3_000_000
    steps = []
    path = tmp_path / "deep" / "file"
    fetch([Wanted(f"{server.url}/f", path, SHA1)], progress=steps.append)
    assert path.read_bytes() == CONTENT
    assert server.answers == {200: 1, 206: 3}
    assert [agent for _, _, agent in server.requests] == ["test (a@b)"] * 4
    assert steps[-1] == (path, len(CONTENT), len(CONTENT))
    assert [p.name for p in path.parent.iterdir()] == ["file"]
    fetch([Wanted(f"{server.url}/f", path, SHA1)])
    assert len(server.requests) == 4  # what is there is left alone


@pytest.mark.parametrize(
    ("part", "etag", "answers"),
    [
        (CONTENT[:1000], '"one"', {206: 1}),
        (b"old" * 1000, '"zero"', {200: 1}),  # the file has changed meanwhile
        (CONTENT, None, {}),  # only its name is missing
        (b"x" * 1000, None, {206: 1, 200: 1}),  # damaged
    ],
)
def test_the_part_of_an_earlier_start_is_used_if_it_is_one(server, tmp_path, part, etag, answers):
    (tmp_path / "file.part").write_bytes(part)
    if etag:
        (tmp_path / "file.part.etag").write_text(etag)
    fetch([Wanted(f"{server.url}/f", tmp_path / "file", None if etag else SHA1)])
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.answers == answers
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_wrong_sum_is_refused(server, tmp_path):
    with pytest.raises(InputError, match="fetched twice"):
        fetch([Wanted(f"{server.url}/f", tmp_path / "other", "0" * 40)])
    assert not list(tmp_path.iterdir())


def test_a_missing_file_costs_no_other(server, tmp_path):
    names = ["none", "a", "b", "c", "d", "e"]
    with pytest.raises(InputError, match="/none: there is no such file"):
        fetch([Wanted(f"{server.url}/{name}", tmp_path / name, SHA1) for name in names])
    assert sorted(path.name for path in tmp_path.glob("?")) == ["a", "b", "c", "d", "e"]
    assert server.most <= 2


def test_a_server_that_always_hangs_up_is_given_up(server, tmp_path):
    server.cut_after = 0
    with pytest.raises(InputError, match="5 times"):
        fetch([Wanted(f"{server.url}/f", tmp_path / "file")])


def run(server, to, *arguments):
    return subprocess.run(
        [sys.executable, "jobs/download.py", "--contact", "a@b", "--to", str(to),
         "--dumps-mirror", server.url, "--vectors-mirror", server.url, *arguments],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | {"HF_ENDPOINT": server.url},
    )  # fmt: skip


@pytest.mark.parametrize("wiki", ["de", "pl"])
def test_the_command_fetches_dumps_by_their_published_sums(server, tmp_path, wiki):
    names = [f"{wiki}wiki-20260101-{table}.sql.gz" for table in ("page", "langlinks")]
    sums = "".join(f"{SHA1}  {name}\n" for name in names)
    server.files[f"/{wiki}wiki/20260101/{wiki}wiki-20260101-sha1sums.txt"] = sums.encode()
    done = run(server, tmp_path, "--wikis", wiki, "--date", "20260101", "--vectors", f"en,{wiki}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "vectors" / f"wiki.{wiki}.align.vec").read_bytes() == CONTENT
    assert sorted(path.name for path in (tmp_path / "dumps").iterdir()) == sorted(names)
    assert all("a@b" in agent for _, _, agent in server.requests)


def test_mmarco_is_fetched_from_the_hub_once_and_checked(server, tmp_path):
    base = "/datasets/unicamp-dl/mmarco"
    files = [
        "data/google/collections/german_collection.tsv",
        "data/google/queries/dev/german_queries.dev.small.tsv",
        "data/google/queries/train/german_queries.train.tsv",
        "data/qrels.dev.small.tsv",
        "data/triples.train.ids.small.tsv",
    ]
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    of_all = {"type": "file", "size": len(CONTENT), "oid": "0" * 40}
    large = {"lfs": {"size": len(CONTENT), "oid": sha256, "pointerSize": 1}}
    tree = [of_all | large | {"path": name} for name in files]
    server.files[f"/api{base}/tree/main"] = json.dumps(tree).encode()
    for _ in range(2):
        done = run(server, tmp_path, "--mmarco", "de")
        assert done.returncode == 0, done.stderr
    kept = [path for path in tmp_path.rglob("*.tsv") if path.read_bytes() == CONTENT]
    assert sorted(str(path.relative_to(tmp_path / "mmarco")) for path in kept) == files
    got = [path for path, _, _ in server.requests if "/resolve/" in path]
    assert sorted(got) == [f"{base}/resolve/main/{name}" for name in files]
    kept[0].write_bytes(b"damaged")
    os.utime(kept[0], (0, 0))  # a file that is newer than its download is fetched again
    done = run(server, tmp_path, "--mmarco", "de")
    assert done.returncode == 2
    assert done.stderr == f"error: {kept[0]}: damaged or outdated; delete it and run again\n"
    server.files[f"/api{base}/tree/main"] = b"no list"
    done = run(server, tmp_path, "--mmarco", "de")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "the hub does not give it" in done.stderr
    refused = run(server, tmp_path, "--mmarco", "pl")
    assert refused.returncode == 2 and "unknown language 'pl'" in refused.stderr


def test_the_command_says_in_one_line_what_is_wrong(server, tmp_path):
    server.files["/dewiki/20260101/dewiki-20260101-sha1sums.txt"] = b"0 x\n"
    sums = "".join(f"{'0' * 40} frwiki-20260101-{name}.sql.gz\n" for name in ("page", "langlinks"))
    server.files["/frwiki/20260101/frwiki-20260101-sha1sums.txt"] = sums.encode()
    for arguments, message in [
        (["--wikis", "de"], "needs --date"),
        (["--wikis", "de", "--date", "20260101"], "is the dump finished"),
        (["--wikis", "fr", "--date", "20260101"], "its checksum is"),
        (["--vectors", "ja"], "no aligned vectors"),
        ([], "nothing to fetch"),
    ]:
        done = run(server, tmp_path, *arguments)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1 and message in done.stderr
