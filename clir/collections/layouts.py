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

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

from clir import names
from clir.collections import named_datasets
from clir.errors import InputError
from clir.experiment import Collection
from clir.languages import LANGUAGES, OF_COLLECTIONS, check_collection_language

_TEXTS = ("documents", "queries")


class Part(NamedTuple):
    """What one task reads: a file, a range of its bytes, or a kind of a named dataset."""

    kind: str  # the table it becomes a part of: documents, queries, judgments or candidates
    form: str  # how it is read (clir.collections.reading)
    path: str  # or the name
    collection: str
    domain: str
    lang: str = ""  # of texts
    split: str = ""  # of judgments and candidates
    start: int = 0
    end: int | None = None
    named: bool = False  # ir_datasets has it, under a name in place of a path

    def absolute(self) -> Self:
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


def checked_domain(domain: str, place: str) -> str:
    """``domain`` itself; InputError, naming where it stands, where it is no name of one."""
    try:
        return names.check_domain(domain)
    except ValueError as error:
        raise InputError(f"{place}: {error}") from None


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
    return checked_domain(domain, str(about))


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
    base = base._replace(path=collection.name, named=True)
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
