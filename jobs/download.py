"""Fetch what experiments read: Wikipedia dumps, word vectors, mMARCO.

Cut downloads of dumps and vectors go on where they were, and no server of them sees more than two
connections. mMARCO comes from the Hugging Face hub (HF_ENDPOINT: a mirror of it). Checksums are
checked where they are published. What is there already is not fetched again.
"""

import argparse
from collections.abc import Collection
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.utils import logging
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from clir import command, download
from clir.download import Wanted
from clir.errors import InputError, in_a_line
from clir.languages import FOURTEEN, LANGUAGES

_DUMPS = "https://dumps.wikimedia.org"
_VECTORS = "https://dl.fbaipublicfiles.com/fasttext"
_MMARCO = "unicamp-dl/mmarco"
_NO_ALIGNED_VECTORS = {"ja"}


def main() -> None:
    arguments = _arguments()
    agent = f"clir/{version('clir')} (cross-lingual retrieval; {arguments.contact})"
    wanted, mmarco = [*_dumps(arguments, agent), *_vectors(arguments)], _mmarco(arguments)
    if not wanted and not mmarco:
        raise InputError("nothing to fetch: give --wikis, --vectors or --mmarco")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn()) as bars:
        tasks = {}

        def show(now: download.Progress) -> None:
            if now.path not in tasks:
                tasks[now.path] = bars.add_task(now.path.name)
            bars.update(tasks[now.path], completed=now.done, total=now.size)

        download.fetch_all(wanted, agent, show)
    if mmarco:
        _fetch_mmarco(mmarco, arguments.to / "mmarco", agent)
    print(f"{len(wanted) + len(mmarco)} files are in {arguments.to}")


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
    languages["type"] = partial(_languages, known=FOURTEEN)  # mMARCO's
    parser.add_argument("--mmarco", **languages, help="passages and queries of these, or all")
    parser.add_argument("--dumps-mirror", default=_DUMPS, metavar="URL")
    parser.add_argument("--vectors-mirror", default=_VECTORS, metavar="URL")
    return parser.parse_args()


def _languages(text: str, known: Collection[str] = LANGUAGES) -> list[str]:
    codes = list(known) if text == "all" else text.split(",")
    for code in codes:
        if code not in known:
            raise argparse.ArgumentTypeError(
                f"unknown language {code!r}: use one of {', '.join(known)}"
            )
    return codes


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


def _mmarco(arguments: argparse.Namespace) -> list[str]:
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
    return [f"data/{name}" for name in names]


def _fetch_mmarco(names: list[str], to: Path, agent: str) -> None:
    logging.set_verbosity_error()  # not a line for each try
    try:
        for name in names:
            hf_hub_download(_MMARCO, name, repo_type="dataset", local_dir=to, user_agent=agent)
        found = HfApi().verify_repo_checksums(_MMARCO, repo_type="dataset", local_dir=to)
    except Exception as error:  # of the network, of the hub
        raise InputError(
            f"mMARCO: the hub does not give it ({in_a_line(error)}); try again later"
        ) from error
    if found.mismatches:
        damaged = ", ".join(str(to / each["path"]) for each in found.mismatches)
        raise InputError(f"{damaged}: damaged or outdated; delete it and run again")


if __name__ == "__main__":
    command.run(main)
