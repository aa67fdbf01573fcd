"""`make bench`: every speed that is claimed, against a named peer or a physical limit, in one run.

Writes bench.json, a list of: name, unit, ours, peer, peer_name, ratio (how many times better than
the peer), goal (the ratio aimed at), peak_rss_mb and growth (ours at 1, 4 and 16 times the work).
Every figure is the median of several runs of whole processes, ours and the peer's in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.benchmarks import generate

ROOT = Path(__file__).parents[2]
LANGS = "de ru ar nl it fr zh hi id ja pt es vi".split()
RUNS = 3
GROWTH = (1, 4, 16)


class Measured(NamedTuple):
    """One process."""

    seconds: float  # of the work alone where the process tells, else of the whole
    amount: int  # of work, in the benchmark's own unit
    whole: float  # seconds with start-up
    peak_mb: float


def measure(command: list[str], cores: int = 1) -> Measured:
    """Run a command on the first ``cores`` cores; its last line may tell its own seconds (JSON)."""
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=output,
            preexec_fn=lambda: os.sched_setaffinity(0, range(cores)),
        )
        _, status, usage = os.wait4(child.pid, 0)
        whole = time.perf_counter() - started
        assert status == 0, f"{command} ended with {status}"
        output.seek(max(0, output.seek(0, 2) - 1000))
        last = output.read().splitlines()[-1:]
    told = json.loads(last[0]) if last and last[0].startswith(b'{"seconds"') else {}
    peak = usage.ru_maxrss / 1024
    return Measured(told.get("seconds", whole), told.get("amount", 0), whole, peak)


def work(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "tests.benchmarks.work", *map(str, arguments)]


def compared(
    name: str,
    unit: str,
    ours: Callable[[int], list[str]],
    peer: Callable[[int], list[str]],
    peer_name: str,
    goal: float,
    growth: tuple[int, ...] = GROWTH,
    cores: int = 1,
    peer_cores: int | None = None,
    runs: int = RUNS,
) -> dict[str, Any]:
    """A row of bench.json: medians at 1 times the work, ours and the peer's runs in turn.

    ``unit`` is seconds of the work (lower is better), or something per second (higher is).
    """
    per_second = unit.endswith("/s")
    figures: dict[str, list[float]] = {"ours": [], "peer": [], "whole": []}
    sides = (("ours", ours, cores), ("peer", peer, peer_cores or cores))
    for _ in range(runs):
        for side, command, on in sides:
            done = measure(command(1), on)
            figures[side].append(done.amount / done.seconds if per_second else done.seconds)
            if side == "ours":
                figures["whole"].append(done.whole)
    mine, others = statistics.median(figures["ours"]), statistics.median(figures["peer"])
    grown = [measure(ours(times), cores) for times in growth]
    row = {
        "name": name,
        "unit": unit,
        "ours": round(mine, 3),
        "peer": round(others, 3),
        "peer_name": peer_name,
        "ratio": round(mine / others if per_second else others / mine, 2),
        "goal": round(goal, 2),
        "peak_rss_mb": [round(one.peak_mb) for one in grown],
        "growth": [round(one.seconds, 2) for one in grown],
        "with_start_up": round(statistics.median(figures["whole"]), 2),
    }
    print(json.dumps(row), flush=True)
    return row


def dump_reader(folder: Path) -> list[dict[str, Any]]:
    dumps = {
        times: generate.write_page_dump(folder / f"page{times}.sql.gz", 500_000 * times)
        for times in GROWTH
    }

    def ours(times: int) -> list[str]:
        return work("dump_reader", dumps[times])

    def unpacked(times: int) -> list[str]:
        return ["sh", "-c", f"gzip -dc {dumps[times]} > /dev/null"]

    def mwsql(times: int) -> list[str]:
        return work("mwsql_reader", dumps[times])

    return [
        compared("dump reader", "s", ours, unpacked, "gzip -dc", 1 / 3),
        compared("dump reader, rows", "rows/s", ours, mwsql, "mwsql", 20, growth=(1,)),
    ]


def switching(folder: Path) -> list[dict[str, Any]]:
    dictionary = generate.write_dictionary(folder / "dictionary.json", LANGS)
    passages = {
        times: generate.write_passages(folder / f"passages{times}.parquet", 50_000 * times)
        for times in GROWTH
    }

    def kernel(times: int) -> list[str]:
        return work("switch_kernel", passages[times], dictionary)

    def by_token(times: int) -> list[str]:
        return work("switch_by_token", passages[times], dictionary)

    def parquet(times: int) -> list[str]:
        return work("switch_parquet", passages[times], dictionary, folder / "switched.parquet")

    def copy(times: int) -> list[str]:
        return work("copy_parquet", passages[times], folder / "copied.parquet")

    return [
        compared("switching", "words/s", kernel, by_token, "NLTK Treebank, per token", 20),
        compared("switching Parquet", "s", parquet, copy, "copying it unchanged", 1 / 4),
    ]


def mining(folder: Path) -> list[dict[str, Any]]:
    """The whole Spark job, thirteen languages at once; and one large file in it."""
    pages, links, configs = {}, {}, {}
    for times in GROWTH:
        size = 200_000 * times
        pages[times] = generate.write_page_dump(folder / f"page{times}.sql.gz", size)
        links[times] = generate.write_langlinks_dump(folder / f"links{times}.sql.gz", size, LANGS)
        dumps = {"lang": "en", "page": str(pages[times]), "langlinks": str(links[times])}
        settings = yaml.safe_load((ROOT / "jobs/configs/demo.yaml").read_text())
        settings |= {"titles": [dumps], "output": str(folder / f"out{times}")}
        configs[times] = folder / f"mine{times}.yaml"
        configs[times].write_text(yaml.safe_dump(settings))

    dumps = {"page": str(pages[4]), "langlinks": str(links[4])}
    settings |= {"titles": [{"lang": lang, **dumps} for lang in ("en", "de", "es", "fr")]}
    configs["wikis"] = folder / "wikis.yaml"
    configs["wikis"].write_text(yaml.safe_dump(settings | {"output": f"{folder}/outwikis"}))

    def job(name: int | str, cores: int = 2) -> list[str]:
        remove = f"rm -rf {folder}/out{name}"
        mine = f"{sys.executable} jobs/mine_titles.py --config {configs[name]}"
        return ["sh", "-c", f"{remove} && {mine} --set spark.master=local[{cores}]"]

    def loops(times: int) -> list[str]:
        return work("re_mining", pages[times], links[times], *LANGS)

    def one_file(way: str) -> Callable[[int], list[str]]:
        module = [sys.executable, "-m", "tests.benchmarks.gzip_in_spark", way]
        return lambda times: [*module, str(pages[16 * times])]

    return [
        compared("mining titles", "s", job, loops, "a plain re loop per language", 1, cores=2),
        compared(
            "mining titles of four Wikipedias, 16 times the work, 2 cores", "s",
            lambda _: job("wikis"), lambda _: job("wikis", cores=1), "1 core", 1.7, growth=(),
            cores=2, peer_cores=1, runs=1,
        ),
        compared(
            "one gzip dump in Spark, a task that unpacks and parses", "s", one_file("stream"),
            one_file("split"), "a task that unpacks, all cores parse", 1, growth=(), cores=2,
        ),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "bench.json")
    parser.add_argument("--only", choices=[one.__name__ for one in BENCHMARKS])
    arguments = parser.parse_args()
    rows = []
    for benchmark in BENCHMARKS:
        if arguments.only in (None, benchmark.__name__):
            with tempfile.TemporaryDirectory() as folder:
                rows += benchmark(Path(folder))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(rows, indent=1) + "\n")
    print(f"written: {arguments.out}")


BENCHMARKS = [dump_reader, mining, switching]

if __name__ == "__main__":
    main()
