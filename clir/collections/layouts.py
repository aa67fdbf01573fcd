"""Retrieval collections: which files a folder holds in which layout, and what they say as tables.

A layout is found by looking at the folder:

- BEIR: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/SPLIT.tsv``; or with ``LANG/`` before the first
  two, where the same id is the same text in every language. A language may have one of them only.
- MS MARCO: ``collection.tsv``, ``queries.SPLIT.tsv``, ``qrels.SPLIT.tsv``,
  ``qidpidtriples.SPLIT.*.tsv``, ``top1000.SPLIT.tsv``.
- mMARCO, as published: ``google/collections/NAME_collection.tsv``,
  ``google/queries/SPLIT/NAME_queries.SPLIT.tsv``; ``qrels.SPLIT.tsv`` and
  ``triples.SPLIT.ids.*.tsv`` hold for all languages. ``google/`` may be left away.
- TREC: ``documents/`` (files of ``<DOC>``), ``topics.SPLIT.txt``, ``qrels.SPLIT.txt``.

Each may also hold ``candidates/SPLIT.run``, runs in TREC's format, and ``about.json`` with the
collection's domain. Any file may be packed by gzip; then one task reads it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clir import names, tables
from clir.collections import beir, msmarco, named_datasets, trec
from clir.errors import InputError
from clir.experiment import Collection
from clir.languages import LANGUAGES, OF_COLLECTIONS, check_collection_language
from clir.text.lines import Rows

SCHEMAS = {
    "documents": tables.DOCUMENTS,
    "queries": tables.QUERIES,
    "judgments": tables.JUDGMENTS,
    "candidates": tables.CANDIDATES,
}
_FILE_READERS = {
    "BEIR texts": beir.read_texts,
    "BEIR judgments": beir.read_judgments,
    "MS MARCO texts": msmarco.read_texts,
    "positives of triples": msmarco.read_positives,
    "negatives of triples": msmarco.read_negatives,
    "top 1000": msmarco.read_top1000,
    "TREC documents": trec.read_documents,
    "TREC topics": trec.read_topics,
    "TREC judgments": trec.read_judgments,
    "TREC run": trec.read_run,
}
_NAMED_READERS = {
    "named documents": named_datasets.read_documents,
    "named queries": named_datasets.read_queries,
    "named judgments": named_datasets.read_judgments,
    "named scored documents": named_datasets.read_scored,
    "named triples": named_datasets.read_negatives,
}
_TEXTS = ("documents", "queries")
_NOT_CUT = {"TREC documents", "TREC topics", *_NAMED_READERS}  # not line by line


class Part(NamedTuple):
    """What one task reads: a file, a range of its bytes, or a kind of a named dataset."""

    kind: str  # the table it becomes a part of, a key of SCHEMAS
    form: str  # how it is read, a key of one of the readers
    path: str  # or the name
    collection: str
    domain: str
    lang: str = ""  # of texts
    split: str = ""  # of judgments and candidates
    start: int = 0
    end: int | None = None

    def absolute(self) -> Part:
        """The same for a process in another folder."""
        return self._replace(path=str(Path(self.path).absolute()))


def files(collection: Collection) -> list[Part]:
    """The whole files of a collection (or kinds of a named one), each with what it is.

    Raises InputError where the layout is none of the known ones, or something needed is missing.
    """
    base = Part("", "", "", collection.id, "")
    if collection.path is None:
        found = list(_named(base, collection))
    else:
        found = list(_layout(base, collection.path, collection))
    if lang := collection.query_lang:
        found = [part._replace(lang=lang) if part.kind == "queries" else part for part in found]
    if not all(languages(found)):
        raise InputError(f"{collection.place}: {held(found)}; both are needed")
    domain = _domain(collection)
    return [part._replace(domain=domain) for part in found]


def languages(files: Iterable[Part]) -> tuple[set[str], set[str]]:
    """Those that a collection's documents and its queries are in."""
    files = list(files)
    documents, queries = ({part.lang for part in files if part.kind == kind} for kind in _TEXTS)
    return documents, queries


def held(files: Iterable[Part]) -> str:
    """The languages of a collection, for messages."""
    documents, queries = (", ".join(sorted(langs)) or "no language" for langs in languages(files))
    return f"it has documents in {documents}, queries in {queries}"


def is_named(file: Part) -> bool:
    """Whether ir_datasets has it, under a name in place of a path."""
    return file.form in _NAMED_READERS


def tasks(files: Iterable[Part], size: int = 64 << 20) -> list[list[Part]]:
    """The same files in runs of about ``size`` bytes: large ones cut, small ones together.

    A run is of one collection and language, so whoever reads one of them skips the others' files.
    """
    runs: list[list[Part]] = []
    last, room = None, 0
    for file in sorted(files, key=lambda file: (file.collection, file.lang, file.path, file.form)):
        for part, bytes_ in _cut(file, size):
            if (file.collection, file.lang) != last or bytes_ > room:
                runs.append([])
                last, room = (file.collection, file.lang), size
            runs[-1].append(part)
            room -= bytes_
    return runs


def read(part: Part) -> Iterator[pa.RecordBatch]:
    """A part as batches of its kind's table. Errors name file and line."""
    for batch in read_marked(part):
        yield batch.select(SCHEMAS[part.kind].names)


def read_marked(part: Part) -> Iterator[pa.RecordBatch]:
    """The same with a column ``recoded``: whether a text was read in another encoding."""
    for batch, _, recoded in _read(part):
        for key in {"query_id", "doc_id"} & set(batch.schema.names):
            if pc.any(pc.equal(pc.binary_length(batch[key]), 0)).as_py():
                path, line, _ = next(places([part._replace(start=0, end=None)], key, [""]))
                raise InputError(f"{path}:{line}: an empty {key.replace('_', ' ')}")
        domains = batch["domain"].unique().to_pylist() if "domain" in batch.schema.names else []
        if names.ALL_DOMAINS in domains:
            place = next(places([part._replace(start=0, end=None)], "domain", [names.ALL_DOMAINS]))
            _checked_domain(place.value, f"{place.path}:{place.line}")
        yield batch.append_column("recoded", recoded)


class Place(NamedTuple):
    """Where a value stands."""

    path: str
    line: int
    value: str


def places(files: Iterable[Part], column: str, values: list[str]) -> Iterator[Place]:
    """Where each row is that has one of some values, for a message about it."""
    wanted = pa.array(values, pa.string())
    for file in files:
        for batch, lines, _ in _read(file):
            for row in np.flatnonzero(pc.is_in(batch[column], value_set=wanted)):
                yield Place(file.path, int(lines[row]), batch[column][row].as_py())


def _read(part: Part) -> Iterator[tuple[pa.RecordBatch, np.ndarray, pa.BooleanArray]]:
    schema = SCHEMAS[part.kind]
    for columns, lines in _rows(part):
        recoded = columns.pop("recoded", None) or pa.repeat(False, len(lines))
        same = {"collection": part.collection, "lang": part.lang, "split": part.split, "title": ""}
        if "id" in columns:
            columns["doc_id" if part.kind == "documents" else "query_id"] = columns["id"]
        if "domain" in schema.names:
            own = columns.get("domain", pa.nulls(len(lines), pa.string()))
            columns["domain"] = pc.fill_null(own, part.domain)
        arrays = [
            columns[field.name].cast(field.type)
            if field.name in columns
            else pa.repeat(pa.scalar(same.get(field.name), field.type), len(lines))
            for field in schema
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema), lines, recoded


def _checked_domain(domain: str, place: str) -> str:
    try:
        return names.check_domain(domain)
    except ValueError as error:
        raise InputError(f"{place}: {error}") from None


def _cut(file: Part, size: int) -> Iterator[tuple[Part, int]]:
    """A file in ranges of ``size`` bytes, each with its length; what cannot be cut, whole."""
    if is_named(file):
        yield file, size
        return
    total = Path(file.path).stat().st_size
    if file.form in _NOT_CUT or file.path.endswith(".gz"):
        yield file, total
        return
    for start in range(0, total, size):
        end = min(start + size, total)
        yield file._replace(start=start, end=end), end - start


def _rows(part: Part) -> Iterator[Rows]:
    if is_named(part):
        return _NAMED_READERS[part.form](part.path)
    return _FILE_READERS[part.form](Path(part.path), part.start, part.end)


def _domain(collection: Collection) -> str:
    """The domain given in the experiment, else the one in about.json."""
    if collection.domain:
        return collection.domain
    if collection.path is None:
        raise InputError(f"{collection.place}: give its domain, as {{name: ..., domain: ...}}")
    about = collection.path / "about.json"
    try:
        told = json.loads(about.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        told = None
    domain = told.get("domain") if isinstance(told, dict) else None
    if not (isinstance(domain, str) and domain):
        raise InputError(
            f"{about}: names no domain; write the collection as {{path: ..., domain: ...}}"
        )
    return _checked_domain(domain, str(about))


def _layout(base: Part, folder: Path, collection: Collection) -> Iterator[Part]:
    """The files of a folder in one of the layouts."""
    by_language = _language_folders(folder)
    translations = [
        at
        for at in (folder / "google", folder)
        if _matching(at / "collections", r".+_collection\.tsv")
    ]
    if (collection.lang or collection.query_lang) and (by_language or translations):
        raise InputError(f"{folder}: it has folders or files by language; leave lang away")
    alone = base._replace(lang=collection.lang or "en")
    if by_language:
        for code in by_language:
            yield from _beir_texts(base._replace(lang=code), folder / code)
        yield from _beir_judgments(base, folder)
    elif _matching(folder, r"corpus\.jsonl"):
        yield from _beir_texts(alone, folder)
        yield from _beir_judgments(base, folder)
    elif _matching(folder, r"collection\.tsv"):
        yield from _msmarco(alone, folder)
    elif translations:
        yield from _mmarco(base, folder, translations[0])
    elif (folder / "documents").is_dir():
        yield from _trec(alone, folder)
    else:
        held = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        raise InputError(
            f"{folder}: no collection in a known layout, which are LANG/corpus.jsonl or "
            "corpus.jsonl (BEIR), collection.tsv (MS MARCO), google/collections (mMARCO) and "
            f"documents (TREC); it holds {', '.join(held[:10]) or 'nothing'}"
        )
    for path, split in _matching(folder / "candidates", r"(.+)\.run"):
        yield base._replace(kind="candidates", form="TREC run", path=path, split=split)


def _language_folders(folder: Path) -> list[str]:
    """The languages that BEIR's files lie in folders of."""
    inside = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    named = [path.name for path in inside if _matching(path, r"(?:corpus|queries)\.jsonl")]
    unknown = [name for name in named if name not in OF_COLLECTIONS]
    if unknown and not _matching(folder, r"corpus\.jsonl"):
        raise InputError(
            f"{folder / unknown[0]}: no language is called so; folders have the names "
            f"{', '.join(OF_COLLECTIONS)}"
        )
    return [code for code in OF_COLLECTIONS if code in named]


def _beir_texts(base: Part, folder: Path) -> Iterator[Part]:
    for kind, name in (("documents", "corpus"), ("queries", "queries")):
        for path, _ in _matching(folder, rf"{name}\.jsonl"):
            yield base._replace(kind=kind, form="BEIR texts", path=path)


def _beir_judgments(base: Part, folder: Path) -> Iterator[Part]:
    for path, split in _matching(folder / "qrels", r"(.+)\.tsv"):
        yield base._replace(kind="judgments", form="BEIR judgments", path=path, split=split)


def _msmarco(base: Part, folder: Path) -> Iterator[Part]:
    texts = base._replace(form="MS MARCO texts")
    for path, _ in _matching(folder, r"collection\.tsv"):
        yield texts._replace(kind="documents", path=path)
    for path, _ in _matching(folder, r"queries\.(.+)\.tsv"):
        yield texts._replace(kind="queries", path=path)
    yield from _shared_by_languages(base._replace(lang=""), folder)


def _mmarco(base: Part, folder: Path, translation: Path) -> Iterator[Part]:
    for code, language in LANGUAGES.items():
        texts = base._replace(form="MS MARCO texts", lang=code)
        name = language.name.lower()
        for path, _ in _matching(translation / "collections", rf"{name}_collection\.tsv"):
            yield texts._replace(kind="documents", path=path)
        for split in sorted((translation / "queries").glob("*")):
            for path, _ in _matching(split, rf"{name}_queries\.(.+)\.tsv"):
                yield texts._replace(kind="queries", path=path)
    yield from _shared_by_languages(base, folder)


def _shared_by_languages(base: Part, folder: Path) -> Iterator[Part]:
    """MS MARCO's ids: judgments, triples, top 1000.

    mMARCO publishes no training judgments: where a split has none, its triples' positives are.
    """
    judged = list(_trec_judgments(base, folder))
    yield from judged
    full = r"qidpidtriples\.(?:rnd-shuf\.)?([^.]+)(?:\..+)?\.tsv"
    small = r"triples\.([^.]+)\.ids(?:\..+)?\.tsv"
    for path, split in [*_matching(folder, full), *_matching(folder, small)]:
        file = base._replace(path=path, split=split)
        yield file._replace(kind="candidates", form="negatives of triples")
        if split not in {part.split for part in judged}:
            yield file._replace(kind="judgments", form="positives of triples")
    for path, split in _matching(folder, r"top1000\.(\w+(?:\.small)?)(?:\.tsv|\.txt)?"):
        yield base._replace(kind="candidates", form="top 1000", path=path, split=split)


def _trec(base: Part, folder: Path) -> Iterator[Part]:
    for file in sorted((folder / "documents").rglob("*")):
        if file.is_file() and not file.name.startswith("."):
            yield base._replace(kind="documents", form="TREC documents", path=str(file))
    for path, _ in _matching(folder, r"topics\.(.+?)(?:\.txt)?"):
        yield base._replace(kind="queries", form="TREC topics", path=path)
    yield from _trec_judgments(base._replace(lang=""), folder)


def _trec_judgments(base: Part, folder: Path) -> Iterator[Part]:
    for path, split in _matching(folder, r"qrels\.(.+?)(?:\.tsv|\.txt)?"):
        yield base._replace(kind="judgments", form="TREC judgments", path=path, split=split)


def _named(base: Part, collection: Collection) -> Iterator[Part]:
    """What ir_datasets has under a name."""
    assert collection.name is not None
    dataset = named_datasets.load(collection.name)
    base = base._replace(path=collection.name)
    for kind, has, lang in (
        ("documents", dataset.has_docs(), "docs_lang"),
        ("queries", dataset.has_queries(), "queries_lang"),
    ):
        if has:
            own = collection.query_lang if kind == "queries" else None
            code = own or collection.lang or getattr(dataset, lang)()
            if not code:
                raise InputError(f"{collection.place}: give lang, the language of its {kind}")
            yield base._replace(
                kind=kind, form=f"named {kind}", lang=check_collection_language(code)
            )
    base = base._replace(split=named_datasets.split_of(collection.name))
    if dataset.has_qrels():
        yield base._replace(kind="judgments", form="named judgments")
    if dataset.has_scoreddocs():
        yield base._replace(kind="candidates", form="named scored documents")
    if dataset.has_docpairs():
        yield base._replace(kind="candidates", form="named triples")


def _matching(folder: Path, pattern: str) -> list[tuple[str, str]]:
    """The files of a folder whose names match (but for .gz), each with what is in brackets.

    Where a file is there both plain and packed, the plain one.
    """
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(folder.glob("*")):
        match = re.fullmatch(pattern, path.name.removesuffix(".gz"))
        if match and path.is_file():
            found.setdefault(match[0], (str(path), "".join(match.groups())))
    return list(found.values())
