"""One small collection, written in every layout."""

import gzip
import json
from pathlib import Path

from clir.collections import reading
from clir.collections.layouts import files as files_of
from clir.experiment import Collection

DOCUMENTS = {"1": 'A "coral reef', "2": "Der Hund, 5'", "3": "a <b & c"}
QUERIES = {"7": "which reef?", "8": "dogs"}
JUDGMENTS = [("train", "7", "1", 1), ("test", "8", "2", 2), ("test", "8", "3", 0)]
RUN = [("8", "3", 1, 2.5), ("8", "2", 2, -1e-3)]  # query, document, rank, score


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(line + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_beir(folder: Path) -> Path:
    for name, texts in (("corpus", DOCUMENTS), ("queries", QUERIES)):
        items = ({"_id": key, "text": text} for key, text in texts.items())
        write(folder / f"{name}.jsonl", *map(json.dumps, items))
    for split in ("train", "test"):
        rows = (f"{query}\t{doc}\t{grade}" for s, query, doc, grade in JUDGMENTS if s == split)
        write(folder / "qrels" / f"{split}.tsv", "query-id\tcorpus-id\tscore", *rows)
    return _run_beside(folder)


def write_beir_by_language(folder: Path) -> Path:
    write_beir(folder)
    (folder / "en").mkdir()
    for name in ("corpus.jsonl", "queries.jsonl"):
        (folder / name).rename(folder / "en" / name)
    return folder


def write_msmarco(folder: Path) -> Path:
    write(folder / "collection.tsv", *map("\t".join, DOCUMENTS.items()))
    for split in ("train", "test"):
        write(folder / f"queries.{split}.tsv", *map("\t".join, QUERIES.items()))
    _write_qrels(folder, "tsv")
    return _run_beside(folder)


def write_mmarco(folder: Path) -> Path:
    for name in ("english", "german"):
        collection = folder / "google" / "collections" / f"{name}_collection.tsv"
        write(collection, *map("\t".join, DOCUMENTS.items()))
        queries = folder / "google" / "queries" / "train" / f"{name}_queries.train.tsv"
        write(queries, *map("\t".join, QUERIES.items()))
    _write_qrels(folder, "tsv")
    return _run_beside(folder)


def write_trec(folder: Path) -> Path:
    marked_up = {key: text.replace("&", "&amp;").replace("<", "&lt;")
                 for key, text in DOCUMENTS.items()}  # fmt: skip
    (one, text), *others = marked_up.items()
    write(folder / "documents" / "a.gz", f"<DOC>\n<DOCNO> {one} </DOCNO>",
          f"<TEXT>\n{text}\n</TEXT>\n</DOC>")  # fmt: skip
    write(folder / "documents" / "more" / "b.txt", "<?xml?><docs>", *(
        f'<doc id="x"><DOCNO>{key}</DOCNO>\n<TEXT lang="en">\n{text}</TEXT></doc>'
        for key, text in others
    ), "</docs>")  # fmt: skip
    write(folder / "topics.all.txt", *(
        f"<top>\n<num> Number: {key}\n<title> Topic: {text}\n\n<desc> Description:\nmore\n</top>\n"
        for key, text in QUERIES.items()
    ))  # fmt: skip
    _write_qrels(folder, "txt")
    return _run_beside(folder)


LAYOUTS = [write_beir, write_beir_by_language, write_msmarco, write_mmarco, write_trec]


def _write_qrels(folder: Path, suffix: str) -> None:
    for split in ("train", "test"):
        rows = (f"{query} 0\t{doc}  {grade}" for s, query, doc, grade in JUDGMENTS if s == split)
        write(folder / f"qrels.{split}.{suffix}", *rows)


def _run_beside(folder: Path) -> Path:
    rows = (f"{query} Q0 {doc} {rank} {score} bm25" for query, doc, rank, score in RUN)
    write(folder / "candidates" / "test.run", *rows)
    return folder


def rows(files, kind=None):
    return [
        row
        for file in files
        if kind in (None, file.kind)
        for batch in reading.read(file)
        for row in batch.to_pylist()
    ]


def read(folder, **settings):
    """The rows of a collection by kind, read in ranges of five bytes."""
    given = Collection(path=folder, domain="news", **settings)
    found = {kind: [] for kind in reading.SCHEMAS}
    for task in reading.tasks(files_of(given), 5):
        for part in task:
            found[part.kind] += rows([part])
    return found
