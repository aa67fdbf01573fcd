"""Dumps and passages of realistic shape, any amount of them, the same for the same seed."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from isal import igzip

from clir import tables
from clir.experiment import Model
from tests.dumps import LANGLINKS, PAGE, dump_text

_SAMPLE = Path(__file__).parents[2] / "jobs" / "sample" / "collections"
_STATEMENT = 9000  # rows in a line, about 1 MB of pages
_SYLLABLES = np.array("ba de fi go lu men nor pa qui ras sto tri ul ver wil zan ché ört".split())


def words(count: int, seed: int = 0) -> np.ndarray:
    """``count`` different made-up words of one to four syllables, short ones first."""
    draw = np.random.default_rng(seed)
    made: dict[str, None] = {}
    while len(made) < count:
        size = draw.choice([1, 2, 3, 4], p=[0.1, 0.4, 0.35, 0.15])
        made["".join(draw.choice(_SYLLABLES, size))] = None
    return np.array(sorted(made, key=len))


def write_page_dump(path: Path, rows: int, seed: int = 1) -> Path:
    """A page dump as of January 2026: a third redirects, a third in other namespaces."""
    draw, vocabulary = np.random.default_rng(seed), words(20_000)
    suffixes = np.array(["", "", "", "", "", "", "", "_(film)", "\\'s", ",_Ohio"])

    def values(first: int, count: int) -> Iterator[str]:
        names = np.char.capitalize(vocabulary[draw.integers(len(vocabulary), size=(2, count))])
        titles = names[0].astype(object) + "_" + names[1] + draw.choice(suffixes, count)
        kinds = draw.integers(3, size=count)
        randoms = draw.random(count)
        for n, (title, kind, random) in enumerate(zip(titles, kinds, randoms, strict=True), first):
            yield (
                f"({n},{14 if kind == 2 else 0},'{title}',{int(kind == 1)},0,{random:.10f},"
                f"'20251127050621','20251231000000',{1200000000 + n},{n % 90000},'wikitext',NULL)"
            )

    return _write(path, "page", PAGE, rows, values)


def write_langlinks_dump(path: Path, pages: int, langs: list[str], seed: int = 2) -> Path:
    """Links from half of ``pages`` pages into each of the languages."""
    draw, vocabulary = np.random.default_rng(seed), words(20_000, seed)

    def values(first: int, count: int) -> Iterator[str]:
        names = np.char.capitalize(vocabulary[draw.integers(len(vocabulary), size=(2, count))])
        for n, (one, other) in enumerate(names.T, first):
            page = 2 * (n // len(langs)) + 1
            yield f"({page},'{langs[n % len(langs)]}','{one} {other}')"

    return _write(path, "langlinks", LANGLINKS, pages // 2 * len(langs), values)


def write_passages(path: Path, rows: int, seed: int = 3) -> Path:
    """Parquet of ids and passages of 60 words, frequencies by Zipf's and Mandelbrot's law."""
    draw, vocabulary = np.random.default_rng(seed), words(50_000).astype(object)
    chances = 1 / (np.arange(len(vocabulary)) + 3.7) ** 1.05  # as English: the first has 5 %
    upto = np.cumsum(chances) / chances.sum()
    schema = pa.schema({"id": pa.string(), "text": pa.string()})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for first in range(0, rows, 10_000):
            count = min(10_000, rows - first)
            drawn = vocabulary[np.searchsorted(upto, draw.random((count, 60)))]
            drawn[:, 11::12] += ","
            texts = [" ".join(row).capitalize() + "." for row in drawn]
            ids = [f"p{first + n}" for n in range(count)]
            writer.write_table(pa.table({"id": ids, "text": texts}, schema))
    return path


def write_tokenizer(folder: Path, collections: str, pieces: int) -> Path:
    """A tokenizer from scratch, of the texts of some of the sample's collections."""
    from ray_app.models.tokenization import train_tokenizer

    settings = Model(family="static", vocabulary=pieces)
    train_tokenizer(_sample_texts(collections), settings).save_pretrained(folder)
    return folder


def write_encoder(folder: Path, family: str) -> Path:
    """multilingual-e5-small, saved as a family's models are; a cross-encoder's head is drawn."""
    from ray_app.models import e5_small
    from ray_app.models.families import FAMILIES

    base = folder / "base"
    base.mkdir(parents=True)
    e5_small.write(base)
    settings = Model(family=family, max_length=128)
    model, tokenizer = FAMILIES[family].load(base, settings)
    FAMILIES[family].save(model, model.state_dict(), tokenizer, settings, folder)
    return folder


def write_turns(path: Path, collections: str, turns: int) -> Path:
    """Parquet of the texts of some of the sample's collections, ``turns`` times, each shuffled."""
    texts, draw = np.array(_sample_texts(collections), object), np.random.default_rng(5)
    in_turns = np.concatenate([draw.permutation(texts) for _ in range(turns)])
    pq.write_table(pa.table({"text": pa.array(in_turns)}), path)
    return path


def write_pairs(folder: Path) -> Path:
    """Training pairs of the sample's news: for each query a right passage and a wrong one."""
    texts = {
        kind: [json.loads(line) for line in (_SAMPLE / f"train-news/en/{kind}.jsonl").open()]
        for kind in ("queries", "corpus")
    }
    passages = {row["_id"]: row["text"] for row in texts["corpus"]}
    judged = (_SAMPLE / "train-news/qrels/train.tsv").read_text().splitlines()[1:]
    right = dict(line.split("\t")[:2] for line in judged)
    others, rows = list(passages), []
    for number, query in enumerate(row for row in texts["queries"] if row["_id"] in right):
        wrong = others[(others.index(right[query["_id"]]) + 7 * number + 1) % len(others)]
        for label, doc in ((1, right[query["_id"]]), (0, wrong)):
            row = dict.fromkeys(tables.PAIRS.names, "en") | {"label": label, "score": None}
            row |= {"query_id": query["_id"], "query": query["text"]}
            rows.append(row | {"doc_id": doc, "passage": passages[doc]})
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(rows, tables.PAIRS), folder / "part-0.parquet")
    return folder


def _sample_texts(collections: str) -> list[str]:
    """The queries and documents, in all languages."""
    files = sorted(_SAMPLE.glob(f"{collections}/*/*.jsonl"))
    return [json.loads(line)["text"] for file in files for line in file.open(encoding="utf-8")]


def write_dictionary(path: Path, langs: list[str], share: float = 0.6) -> Path:
    """JSON lists of (language, English word, translation) for a share of the words."""
    vocabulary = words(50_000)
    known = np.random.default_rng(4).random(len(vocabulary)) < share
    entries = [(lang, str(word), f"{word}{lang}") for word in vocabulary[known] for lang in langs]
    path.write_text(json.dumps(entries))
    return path


def _write(path, table, columns, rows, values) -> Path:
    header, footer = dump_text(table, columns, []).split("/*!40000")
    with igzip.open(path, "wb", compresslevel=2) as file:
        file.write(header.encode())
        for first in range(0, rows, _STATEMENT):
            written = ",".join(values(first, min(_STATEMENT, rows - first)))
            file.write(f"INSERT INTO `{table}` VALUES {written};\n".encode())
        file.write(f"/*!40000{footer}".encode())
    return path
