"""The pieces an evaluation is cut into, each doing one small thing and leaving it in files.

Embedding items turn texts into vectors; ranking items turn vectors (or candidates) into runs and
per-query values. An item is done when its files are listed, and are still what they were then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clir import manifest, tables
from clir.collections import trec
from clir.errors import InputError
from clir.experiment import Evaluation
from clir.families import Family
from clir.scoring import measures
from clir.switching.translate_test import into_english
from ray_app.evaluation import ranking, texts
from ray_app.evaluation.texts import Setting

if TYPE_CHECKING:
    from ray_app.models.ranker import Ranker

DONE = "done"  # where it is listed what each item wrote
PART = 50_000  # texts of one embedding item, and documents of one block of scores
_SMALL = 2 << 20  # bytes


@dataclass(frozen=True)
class System:
    """One way to rank: a trained model, reading texts as they are or translated into English."""

    name: str
    model_name: str
    family: Family
    method: str
    seed: int
    without_domain: str | None
    model: Path
    max_length: int
    candidates: int  # that are reranked per query, by a family that does
    translates: bool
    work: Path  # where its results are made


@dataclass(frozen=True)
class Sources:
    """Where all items read from."""

    tables: Path
    translators: Path | None  # of Translate-Test, if any system asks for it
    candidates: Path | None
    split: str
    evaluation: Evaluation
    hashes: bool = True  # whether what an earlier start left is checked by hash, else by size


@dataclass(frozen=True)
class Embedding:
    """Vectors of some texts of one language of a collection."""

    system: System
    collection: str
    kind: str  # documents or queries
    lang: str
    part: int  # first row

    @property
    def needs_model(self) -> bool:
        return True

    @property
    def file(self) -> Path:
        folder = _vectors_folder(self.system, self.collection, self.kind, self.lang)
        return folder / f"{self.part:09}.parquet"

    def run(self, sources: Sources) -> list[Path]:
        """Do it; the files written."""
        table = texts.read_texts(
            sources.tables, self.kind, self.collection, self.lang, sources.split
        )
        table = table.slice(self.part, PART)
        content = _as_read(self.system, sources, table, self.lang)
        vectors = _ranker(self.system, sources.evaluation.batch_size).embed(content)
        _refuse_no_numbers(vectors, self.system)
        column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
        return [_write(table.drop_columns("text").append_column("vector", column), self.file)]


@dataclass(frozen=True)
class Rankings:
    """Runs and per-query values of some settings with one language of queries."""

    system: System
    collection: str
    query_lang: str
    settings: tuple[Setting, ...]

    @property
    def needs_model(self) -> bool:
        """Whether texts are read anew; vectors are there already."""
        return self.system.family.ranks == "candidates"

    @property
    def name(self) -> str:
        # All settings of a language lie in one file, or each in its own. Always two languages: a
        # collection's name may end like one.
        doc_lang = self.settings[0].doc_lang if len(self.settings) == 1 else "all"
        return f"{self.collection}.{self.query_lang}.{doc_lang}.parquet"

    @property
    def file(self) -> Path:
        return self.system.work / "measures" / self.name

    def run(self, sources: Sources) -> list[Path]:
        """Do it; the files written."""
        rank = _by_candidates if self.needs_model else _by_vectors
        queries = _Side(self, sources, "queries", self.query_lang)
        judgments = texts.read_judgments(sources.tables, self.collection, sources.split)
        judgments = judgments[judgments["query_id"].isin(queries.ids.to_pylist())]
        runs, judged, written = [tables.RUNS.empty_table()], [], []
        for setting in self.settings:
            documents = _Side(self, sources, "documents", setting.doc_lang)
            here = _answerable(judgments, documents.ids)
            if here.empty:  # nothing is judged between these languages: a condition it has not
                continue
            found = rank(self, sources, queries, documents)
            if not found.documents.size:  # nothing to rerank between them
                continue
            flawed = here["query_id"].isin(queries.flawed())
            flawed |= (here["grade"] > 0) & here["doc_id"].isin(documents.flawed())
            judged.append(here.assign(doc_lang=setting.doc_lang, flawed=flawed))
            runs.append(_run_table(self, setting, queries.ids, documents.ids, found))
            scores = ranking.falling(found.scores)[found.documents >= 0]
            written += self._write_trec(setting, runs[-1], scores, here)
        everything = pa.concat_tables(runs)
        values = _values(self, queries, judged, everything)
        written.append(_write(everything, self.system.work / "runs" / self.name))
        return [*written, _write(values, self.file)]

    def _write_trec(
        self, setting: Setting, run: pa.Table, scores: np.ndarray, judged: pd.DataFrame
    ) -> list[Path]:
        """A setting's run, and beside it the judgments that it is scored by: two files."""
        folder = self.system.work / "trec"
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{self.collection}.{setting.query_lang}.{setting.doc_lang}"
        files = [folder / f"{name}.run", folder / f"{name}.qrels"]
        column = run.column_names.index("score")
        run = run.set_column(column, "score", pa.array(scores, pa.float64()))
        trec.write_run(run, self.system.name, files[0])
        trec.write_judgments(pa.Table.from_pandas(judged, preserve_index=False), files[1])
        return files


class _Side:
    """The ids of a setting's queries or documents, as runs sort them, and where their texts are."""

    def __init__(self, item: Rankings, sources: Sources, kind: str, lang: str):
        self.item, self.sources, self.kind = item, sources, kind
        held = texts.held_languages(sources.tables, item.collection, sources.split)
        self.langs = texts.members(lang, kind, held, sources.evaluation)
        self.draw = int(lang.split("-")[2]) if lang.startswith("xx-") else 0
        table = self._of_languages(texts.read_ids)
        self.ids = table["id"].combine_chunks()
        self.domains = table["domain"].combine_chunks()
        self._sorted = _keys(self.ids)

    def _of_languages(self, read: Callable[[Path, str, str, str, str], pa.Table]) -> pa.Table:
        """What ``read`` gives of every language, as far as this side has it, in order of ids."""
        parts = []
        for lang in self.langs:
            part = read(
                self.sources.tables, self.kind, self.item.collection, lang, self.sources.split
            )
            parts.append(part.filter(pa.array(self._has(part["id"], lang))))
        return texts.in_order(pa.concat_tables(parts))

    def _has(self, ids: pa.ChunkedArray, lang: str) -> np.ndarray:
        """Which ids this side has in this language: all, or those that drew it."""
        if not self.draw:
            return np.ones(len(ids), bool)
        item, sources = self.item, self.sources
        partly = texts.partly_held(
            sources.tables, self.kind, item.collection, tuple(self.langs), sources.split
        )
        return texts.drawn(ids, self.langs, self.draw, partly) == lang

    def places(self, ids: pa.Array | pa.ChunkedArray) -> np.ndarray:
        """Where these ids of the side stand among its ids."""
        return np.searchsorted(self._sorted, _keys(ids))

    def texts(self) -> pa.Array:
        """All texts as the system reads them, in the order of ids (for reranking)."""

        def read(tables: Path, kind: str, collection: str, lang: str, split: str) -> pa.Table:
            table = texts.read_texts(tables, kind, collection, lang, split)
            content = _as_read(self.item.system, self.sources, table, lang)
            return table.set_column(table.column_names.index("text"), "text", content)

        return self._of_languages(read)["text"].combine_chunks()

    def flawed(self) -> list[str]:
        """The ids whose text is a translation that failed."""
        return self._of_languages(texts.read_flawed)["id"].to_pylist()

    def vector_blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Blocks of (places among the ids, ascending; vectors)."""
        for lang in self.langs:
            folder = _vectors_folder(self.item.system, self.item.collection, self.kind, lang)
            for path in sorted(folder.glob("*.parquet")):
                table = _read_vectors(path)
                table = table.filter(pa.array(self._has(table["id"], lang))).combine_chunks()
                if len(table):
                    column = table["vector"].combine_chunks()
                    vectors = column.flatten().to_numpy().reshape(len(table), -1)
                    yield self.places(table["id"]), vectors


def _keys(ids: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Ids as runs hold them, to search among; NumPy's strings would lose a NUL at the end."""
    return np.array(trec.encoded(ids).to_pylist(), np.str_)


def _vectors_folder(system: System, collection: str, kind: str, lang: str) -> Path:
    return system.work / "embeddings" / f"{collection}.{kind}.{lang}"


def _refuse_no_numbers(found: np.ndarray, system: System) -> None:
    """InputError where a model answers with what no ranking can be made of."""
    if not np.isfinite(found).all():
        raise InputError(
            f"{system.model}: the model gives vectors or scores that are NaN or infinite; train it "
            "anew with a smaller training.learning_rate or training.precision fp32"
        )


def _read_vectors(path: Path) -> pa.Table:
    """id, vector. Small files stay in memory: every setting reads them again."""
    return _kept_vectors(path) if path.stat().st_size < _SMALL else pq.read_table(path)


@lru_cache(maxsize=64)
def _kept_vectors(path: Path) -> pa.Table:
    return pq.read_table(path)


def _by_vectors(
    item: Rankings, sources: Sources, queries: _Side, documents: _Side
) -> ranking.Ranking:
    blocks = list(queries.vector_blocks())
    vectors = np.concatenate([block for _, block in blocks])
    vectors[np.concatenate([places for places, _ in blocks])] = vectors.copy()
    return ranking.by_vectors(vectors, documents.vector_blocks(), sources.evaluation.depth)


def _by_candidates(
    item: Rankings, sources: Sources, queries: _Side, documents: _Side
) -> ranking.Ranking:
    assert sources.candidates is not None
    table = pq.ParquetFile(sources.candidates / f"{item.collection}.parquet").read()
    for key, ids in (("query_id", queries.ids), ("doc_id", documents.ids)):
        table = table.filter(pc.is_in(table[key], value_set=ids))
    query, document = queries.places(table["query_id"]), documents.places(table["doc_id"])
    within = pd.Series(query).groupby(query).cumcount().to_numpy()
    first = within < item.system.candidates  # the best ones, which come first
    query, document, within = query[first], document[first], within[first]
    if not len(query):
        return ranking.of_candidates(*np.empty((2, len(queries.ids), 0)))
    scores = _ranker(item.system, sources.evaluation.batch_size).score(
        queries.texts().take(pa.array(query)), documents.texts().take(pa.array(document))
    )
    _refuse_no_numbers(scores, item.system)
    width = int(np.bincount(query).max())
    documents_of = np.full((len(queries.ids), width), -1, np.int64)
    scores_of = np.full((len(queries.ids), width), -np.inf, np.float32)
    documents_of[query, within], scores_of[query, within] = document, scores
    return ranking.of_candidates(documents_of, scores_of)


def _run_table(
    item: Rankings,
    setting: Setting,
    queries: pa.Array,
    documents: pa.Array,
    found: ranking.Ranking,
) -> pa.Table:
    """``tables.RUNS`` of one setting."""
    rows, ranks = np.nonzero(found.documents >= 0)
    count = len(rows)
    return pa.table(
        {
            "model": pa.repeat(item.system.name, count),
            "collection": pa.repeat(item.collection, count),
            "setting": pa.repeat(setting.name, count),
            "query_lang": pa.repeat(setting.query_lang, count),
            "doc_lang": pa.repeat(setting.doc_lang, count),
            "query_id": queries.take(pa.array(rows)),
            "doc_id": documents.take(pa.array(found.documents[rows, ranks])),
            "rank": pa.array(ranks + 1, pa.int32()),
            "score": pa.array(found.scores[rows, ranks], pa.float64()),
        },
        schema=tables.RUNS,
    )


def _answerable(judgments: pd.DataFrame, doc_ids: pa.Array) -> pd.DataFrame:
    """Judgments of the documents that are there, for queries with a relevant one among them."""
    there = pc.is_in(pa.array(judgments["doc_id"], pa.string()), value_set=doc_ids)
    here = judgments[np.asarray(there)]
    return here[here["query_id"].isin(here.loc[here["grade"] > 0, "query_id"])]


def _values(item: Rankings, queries: _Side, judged: list[pd.DataFrame], runs: pa.Table) -> pa.Table:
    """``tables.MEASURES`` of all settings, in one call: a setting's name leads its query ids."""
    if not judged:
        return tables.MEASURES.empty_table()
    qrels = _as_written(pa.Table.from_pandas(pd.concat(judged), preserve_index=False))
    frame = _as_written(runs.select(["doc_lang", "query_id", "doc_id", "rank"]))
    for part in (frame, qrels):
        part["query_id"] = part["doc_lang"] + "\t" + part["query_id"]
    values = measures.per_query(qrels, frame)
    flawed = values["query_id"].isin(qrels.loc[qrels["flawed"], "query_id"])
    doc_lang, query_id = zip(*values["query_id"].str.split("\t", n=1), strict=True)
    system = item.system
    names = {setting.doc_lang: setting.name for setting in item.settings}
    written = trec.encoded(queries.ids).to_pylist()
    told = zip(queries.ids.to_pylist(), queries.domains.to_pylist(), strict=True)
    of_query = dict(zip(written, told, strict=True))  # its own id, and its domain
    method = system.method + (f" without {system.without_domain}" if system.without_domain else "")
    return pa.table(
        {
            "model": pa.repeat(system.model_name, len(values)),
            "method": pa.repeat(method, len(values)),
            "seed": pa.repeat(system.seed, len(values)),
            "collection": pa.repeat(item.collection, len(values)),
            "domain": [of_query[query][1] for query in query_id],
            "setting": [names[lang] for lang in doc_lang],
            "query_lang": pa.repeat(item.query_lang, len(values)),
            "doc_lang": list(doc_lang),
            "query_id": [of_query[query][0] for query in query_id],
            "flawed": pa.array(flawed),
            "measure": pa.array(values["measure"]),
            "value": pa.array(values["value"]),
        },
        schema=tables.MEASURES,
    )


def _as_written(rows: pa.Table) -> pd.DataFrame:
    """Rows with their ids as files have them: to trec_eval's code, a NUL ends an id."""
    for key in ("query_id", "doc_id"):
        column = trec.encoded(rows[key].cast(pa.string()))
        rows = rows.set_column(rows.column_names.index(key), key, column)
    return rows.to_pandas()


@lru_cache(maxsize=2)
def _ranker(system: System, batch_size: int) -> Ranker:
    # Not above: whoever only compares vectors starts in no time without torch.
    import torch

    from ray_app.models.ranker import Ranker

    torch.set_num_threads(1)  # actors share the machine; each has one CPU
    return Ranker(system.family.name, system.model, system.max_length, batch_size)


def _as_read(system: System, sources: Sources, table: pa.Table, lang: str) -> pa.Array:
    """The texts of one language, translated into English where the system does that."""
    content, ids = table["text"].combine_chunks(), table["id"].combine_chunks()
    if not system.translates:
        return content
    return into_english(content, ids, lang, str(sources.translators))


def _write(table: pa.Table, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with manifest.whole(path) as file:
        pq.write_table(table, file, compression="zstd")
    return path


def timed(item: Embedding | Rankings, sources: Sources) -> float:
    """Do an item unless an earlier start has done it; the seconds it took."""
    work = item.system.work
    listing = f"{DONE}/{item.file.relative_to(work)}.json"
    if _is_done(work, listing):
        return 0.0
    started = time.monotonic()
    names = [str(path.relative_to(work)) for path in item.run(sources)]
    manifest.list_files(work, listing, names, sources.hashes)
    return time.monotonic() - started


def _is_done(work: Path, listing: str) -> bool:
    """Whether the files that an item wrote are there as they were written."""
    if not (work / listing).exists():
        return False
    try:
        manifest.check_files(work, listing)
    except ValueError as damage:
        print(f"{work}: {damage}: made again", flush=True)
        return False
    return True
