"""`make bench`: every speed that is claimed, against a named peer or a physical limit, in one run.

Writes bench.json, a list of: name, unit, ours, peer, peer_name, ratio (how many times better than
the peer), goal (the ratio aimed at), peak_rss_mb and growth (ours at 1, 4 and 16 times the work).
A figure is the median of three runs, ours and the peer's in turn, each a process of its own: of our
work in steady state, and (with_start_up) of the whole process. Memory is that of a process and all
that it starts.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import yaml

from tests.benchmarks import generate

ROOT = Path(__file__).parents[2]
LANGS = "de ru ar nl it fr zh hi id ja pt es vi".split()
RUNS = 3
GROWTH = (1, 4, 16)
_LOOK_EVERY = 0.5  # seconds


class Measured(NamedTuple):
    """One process."""

    seconds: float  # of the work alone where the process tells, else of the whole
    amount: int  # of work, in the benchmark's own unit
    whole: float  # seconds with start-up
    peak_mb: float


def measure(command: list[str], cores: int = 1) -> Measured:
    """Run a command on the first ``cores`` cores; its last line may tell its own seconds (JSON)."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=output,
            stderr=errors,
            preexec_fn=lambda: os.sched_setaffinity(0, range(cores)),
        )
        ended = threading.Event()
        with ThreadPoolExecutor(1) as watch:
            peak = watch.submit(_peak_of_all, child.pid, ended)
            _, status, usage = os.wait4(child.pid, 0)
            whole = time.perf_counter() - started
            ended.set()
        errors.seek(0)
        assert status == 0, f"{command} ended with {status}: {errors.read()[-2000:]!r}"
        output.seek(max(0, output.seek(0, 2) - 1000))
        last = output.read().splitlines()[-1:]
    told = json.loads(last[0]) if last and last[0].startswith(b'{"seconds"') else {}
    peak_mb = max(peak.result() / 2**20, usage.ru_maxrss / 1024)
    return Measured(told.get("seconds", whole), told.get("amount", 0), whole, peak_mb)


def _peak_of_all(pid: int, ended: threading.Event) -> int:
    """Bytes that a process and all it starts (a JVM, its workers) held at most, as looks go."""
    most = 0
    while not ended.wait(_LOOK_EVERY):
        held = 0
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(pid)
            for process in [parent, *parent.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    held += process.memory_full_info().pss  # what is shared counts once
        most = max(most, held)
    return most


def work(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "tests.benchmarks.work", *map(str, arguments)]


def work_on(name: str, inputs: dict[int, Path], *more: object) -> Callable[[int], list[str]]:
    """A work on the input of so many times the size."""
    return lambda times: work(name, inputs[times], *more)


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
    at: int = 1,
    job: Callable[[int], list[str]] | None = None,
) -> dict[str, Any]:
    """A row of bench.json: medians at ``at`` times the work, ours and the peer's runs in turn.

    ``unit`` is seconds of the work (lower is better), or something per second (higher is). ``job``:
    how users start it, where ``ours`` does more than that before it looks at the clock.
    """
    per_second = unit.endswith("/s")
    figures: dict[str, list[float]] = {"ours": [], "peer": [], "whole": []}
    sides = (("ours", ours, cores), ("peer", peer, peer_cores or cores))
    for _ in range(runs):
        for side, command, on in sides:
            done = measure(command(at), on)
            figures[side].append(done.amount / done.seconds if per_second else done.seconds)
            if side == "ours":
                figures["whole"].append((measure(job(at), on) if job else done).whole)
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

    def unpacked(times: int) -> list[str]:
        return ["sh", "-c", f"gzip -dc {dumps[times]} > /dev/null"]

    ours, mwsql = work_on("dump_reader", dumps), work_on("mwsql_reader", dumps)
    return [
        compared("dump reader", "s", ours, unpacked, "gzip -dc", 1 / 3),
        compared("dump reader, rows", "rows/s", ours, mwsql, "mwsql", 20),
    ]


def switching(folder: Path) -> list[dict[str, Any]]:
    dictionary = generate.write_dictionary(folder / "dictionary.json", LANGS)
    passages = {
        times: generate.write_passages(folder / f"passages{times}.parquet", 50_000 * times)
        for times in GROWTH
    }

    kernel = work_on("switch_kernel", passages, dictionary)
    by_token = work_on("switch_by_token", passages, dictionary)
    parquet = work_on("switch_parquet", passages, dictionary, folder / "switched.parquet")
    copy = work_on("copy_parquet", passages, folder / "copied.parquet")
    return [
        compared("switching", "words/s", kernel, by_token, "NLTK Treebank, per token", 20),
        compared("switching Parquet", "s", parquet, copy, "copying it unchanged", 1 / 4),
    ]


def write_config(path: Path, page: Path, langlinks: Path, wikis: list[str]) -> Path:
    """An experiment that mines the same two dumps as those of every wiki, into a folder beside."""
    settings = yaml.safe_load((ROOT / "jobs/configs/from_scratch.yaml").read_text())
    dumps = {"page": str(page), "langlinks": str(langlinks)}
    titles = [dumps | {"lang": lang} for lang in wikis]
    settings |= {"titles": titles, "output": str(path.with_suffix(""))}
    path.write_text(yaml.safe_dump(settings))
    return path


def mining(folder: Path) -> list[dict[str, Any]]:
    """The whole Spark job, thirteen languages at once."""
    pages, links, configs = {}, {}, {}
    for times in GROWTH:
        size = 200_000 * times
        pages[times] = generate.write_page_dump(folder / f"page{times}.sql.gz", size)
        links[times] = generate.write_langlinks_dump(folder / f"links{times}.sql.gz", size, LANGS)
        for wikis in (["en"], ["en", "de", "es", "fr"]):
            path = folder / f"mined{times}.{len(wikis)}.yaml"
            configs[times, len(wikis)] = write_config(path, pages[times], links[times], wikis)

    def mine(wikis: int, cores: int) -> Callable[[int], list[str]]:
        return lambda times: work("mine_titles", configs[1, 1], configs[times, wikis], cores)

    def job(wikis: int) -> Callable[[int], list[str]]:
        def command(times: int) -> list[str]:
            output = configs[times, wikis].with_suffix("")
            config = ["--config", str(configs[times, wikis]), "--set", "spark.master=local[2]"]
            shutil.rmtree(output, ignore_errors=True)  # what is up to date would be skipped
            return [sys.executable, "jobs/mine_titles.py", *config]

        return command

    def loops(times: int) -> list[str]:
        return work("re_mining", pages[times], links[times], *LANGS)

    return [
        compared(
            "mining titles, 4 times the work", "s", mine(1, 2), loops,
            "a plain re loop per language, one core", 1, cores=2, at=4, job=job(1),
        ),
        compared(
            "mining titles of four Wikipedias, 4 times the work", "s", mine(4, 2), mine(4, 1),
            "1 core", 1.7, cores=2, peer_cores=1, at=4, job=job(4),
        ),
    ]  # fmt: skip


def tokenizing(folder: Path) -> list[dict[str, Any]]:
    """In training, which meets its texts again and again, and in ranking, which meets each once."""
    again = {
        times: generate.write_turns(folder / f"turns{times}.parquet", "train-*", 8 * times)
        for times in GROWTH
    }
    short = {1: generate.write_turns(folder / "short.parquet", "test", 1)}
    passages = {1: generate.write_passages(folder / "passages.parquet", 20_000)}

    def row(name: str, pieces: int, texts: dict[int, Path]) -> dict[str, Any]:
        tokenizer = generate.write_tokenizer(folder / f"tokenizer{pieces}", "*", pieces)
        ours, peer = (work_on(f"tokenize_{way}", texts, tokenizer) for way in ("by_words", "whole"))
        name = f"tokenizing, {pieces:,} pieces, {name}"
        return compared(name, "tokens/s", ours, peer, "whole texts", 1.1, tuple(texts))

    return [
        row("training", 8_000, again),
        row("training", 32_000, {1: again[1]}),
        row("ranking by 2,016 texts in fourteen languages", 16_000, short),
        row("ranking by 20,000 passages", 16_000, passages),
    ]


def encoders(folder: Path) -> list[dict[str, Any]]:
    """Ranking with multilingual-e5-small on one core: vectors of texts, scores of pairs."""
    texts = {
        times: generate.write_turns(folder / f"texts{times}.parquet", "train-news", times)
        for times in GROWTH[:2]
    }
    rows = []
    for family, name, peer_name in (
        ("bi-encoder", "embed", "SentenceTransformer.encode, fp32"),
        ("cross-encoder", "score", "CrossEncoder.predict, fp32"),
    ):
        model = generate.write_encoder(folder / family, family)
        peer = work_on(f"{name}_by_sentence_transformers", texts, model)
        for precision, goal, growth in (("auto", 5, tuple(texts)), ("fp32", 1.3, (1,))):
            ours = work_on(name, texts, model, precision)
            unit = "texts/s" if name == "embed" else "pairs/s"
            title = f"{family} in {precision}"
            rows.append(compared(title, unit, ours, peer, peer_name, goal, growth, runs=1))
    return rows


def training(folder: Path) -> list[dict[str, Any]]:
    """Steps of 32 pairs on one core, all weights of multilingual-e5-small, against its trainers."""
    pairs, rows, steps = generate.write_pairs(folder / "pairs"), [], 12
    for family, peer_name in (
        ("bi-encoder", "SentenceTransformerTrainer, fp32"),
        ("cross-encoder", "CrossEncoderTrainer, fp32"),
    ):
        model = generate.write_encoder(folder / family, family)
        peer = work("train_by_sentence_transformers", pairs, model, family, steps)
        for precision, goal, growth in (("auto", 2, GROWTH[:2]), ("fp32", 2, (1,))):

            def ours(times: int, by: tuple[object, ...] = (model, family, precision)) -> list[str]:
                return work("train", pairs, *by, steps * times)

            title = f"training a {family} in {precision}"
            rows.append(
                compared(
                    title, "pairs/s", ours, lambda _, p=peer: p, peer_name, goal, growth, runs=1
                )
            )
    return rows


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


BENCHMARKS = [dump_reader, mining, switching, tokenizing, encoders, training]

if __name__ == "__main__":
    main()
