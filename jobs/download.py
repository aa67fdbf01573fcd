"""Fetch what experiments read: Wikipedia dumps, word vectors, mMARCO.

Cut downloads go on where they were, checksums are checked where they are published, and no server
sees more than two connections. What is there already is left alone.
"""

from __future__ import annotations

import argparse
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from clir import command, download
from clir.download import Wanted
from clir.errors import InputError
from clir.languages import LANGUAGES, check_language

_DUMPS = "https://dumps.wikimedia.org"
_VECTORS = "https://dl.fbaipublicfiles.com/fasttext"
_MMARCO = "https://huggingface.co/datasets/unicamp-dl/mmarco/resolve/main/data"
_NO_ALIGNED_VECTORS = {"ja"}


def main() -> None:
    arguments = _arguments()
    agent = f"clir/{version('clir')} (cross-lingual retrieval; {arguments.contact})"
    wanted = [
        *_dumps(arguments, agent),
        *_vectors(arguments),
        *_mmarco(arguments),
    ]
    if not wanted:
        raise InputError("nothing to fetch: give --wikis, --vectors or --mmarco")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn()) as bars:
        tasks = {}

        def show(now: download.Progress) -> None:
            if now.path not in tasks:
                tasks[now.path] = bars.add_task(now.path.name)
            bars.update(tasks[now.path], completed=now.done, total=now.size)

        download.fetch_all(wanted, agent, show)
    print(f"{len(wanted)} files are in {arguments.to}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    languages: dict[str, Any] = {"type": _languages, "default": [], "metavar": "LANG,LANG"}
    parser.add_argument("--to", type=Path, default=Path("data"), help="folder (default: data)")
    parser.add_argument(
        "--contact",
        required=True,
        help="your e-mail or page, sent along: Wikimedia refuses nameless downloads",
    )
    parser.add_argument("--wikis", **languages, help="page and langlinks dumps of these, or all")
    parser.add_argument("--date", help="of the dumps, such as 20260101")
    parser.add_argument("--vectors", **languages, help="word vectors of these, or all")
    parser.add_argument("--plain-vectors", action="store_true", help="not aligned to each other")
    parser.add_argument("--mmarco", **languages, help="passages and queries of these, or all")
    parser.add_argument("--dumps-mirror", default=_DUMPS, metavar="URL")
    parser.add_argument("--vectors-mirror", default=_VECTORS, metavar="URL")
    parser.add_argument("--mmarco-mirror", default=_MMARCO, metavar="URL")
    return parser.parse_args()


def _languages(text: str) -> list[str]:
    if text == "all":
        return list(LANGUAGES)
    try:
        return [check_language(code) for code in text.split(",")]
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _dumps(arguments: argparse.Namespace, agent: str) -> list[Wanted]:
    wanted = []
    for lang in arguments.wikis:
        if not (arguments.date or "").isdigit() or len(arguments.date) != 8:
            raise InputError("--wikis needs --date, eight digits such as 20260101")
        prefix = f"{lang}wiki-{arguments.date}"
        folder = f"{arguments.dumps_mirror}/{lang}wiki/{arguments.date}"
        names = [f"{prefix}-{table}.sql.gz" for table in ("page", "langlinks")]
        paths = [arguments.to / "dumps" / name for name in names]
        if all(path.exists() for path in paths):
            continue
        sums_url = f"{folder}/{prefix}-sha1sums.txt"
        sums = download.published_sums(sums_url, agent)
        for name, path in zip(names, paths, strict=True):
            if name not in sums:
                raise InputError(f"{sums_url}: does not list {name}; is the dump finished?")
            wanted.append(Wanted(f"{folder}/{name}", path, sums[name]))
    return wanted


def _vectors(arguments: argparse.Namespace) -> list[Wanted]:
    """fastText's; nobody publishes checksums of them."""
    names = {}
    for lang in arguments.vectors:
        if arguments.plain_vectors:
            names[f"cc.{lang}.300.vec.gz"] = "vectors-crawl"
        elif lang in _NO_ALIGNED_VECTORS:
            raise InputError(
                f"--vectors {lang}: there are no aligned vectors; fetch plain ones of it and of en "
                "(--plain-vectors), which are aligned here"
            )
        else:
            names[f"wiki.{lang}.align.vec"] = "vectors-aligned"
    base, to = arguments.vectors_mirror, arguments.to / "vectors"
    return [Wanted(f"{base}/{folder}/{name}", to / name) for name, folder in names.items()]


def _mmarco(arguments: argparse.Namespace) -> list[Wanted]:
    """Passages and queries of each language, and what all languages share."""
    if not arguments.mmarco:
        return []
    names = ["qrels.dev.small.tsv", "triples.train.ids.small.tsv"]
    for lang in arguments.mmarco:
        name = LANGUAGES[lang].name.lower()
        names += [
            f"google/collections/{name}_collection.tsv",
            f"google/queries/train/{name}_queries.train.tsv",
            f"google/queries/dev/{name}_queries.dev.small.tsv",
        ]
    to = arguments.to / "mmarco"
    return [Wanted(f"{arguments.mmarco_mirror}/{name}", to / name) for name in names]


if __name__ == "__main__":
    command.run(main)
