"""Candidates for reranking: BM25's best English documents for each English query.

The origin's protocol: every language pair reranks the candidates that the English first stage
found, so what a first stage across languages would lose is not seen here. Queries and documents
that are not in English have those candidates that the collection brings.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.parquet as pq

from clir import manifest, scratch, stages
from clir.experiment import Experiment
from clir.retrieval import bm25
from ray_app.evaluation.texts import held_languages, read_texts


def build(experiment: Experiment, tables: Path) -> Path:
    """Make the candidates of every test collection: query_id, doc_id; returns their folder."""
    stage = stages.candidates(experiment)
    depth, split = stage.settings["depth"], stage.settings["split"]

    def write(out: Path) -> dict[str, int]:
        return {
            name: _write(tables, name, split, depth, out) for name in stage.settings["collections"]
        }

    manifest.build(experiment.workspace, *stage, write)
    return stage.folder


def _write(tables: Path, collection: str, split: str, depth: int, out: Path) -> int:
    held = held_languages(tables, collection, split)
    if "en" in held.documents and "en" in held.queries:
        best, queries, documents = _best(tables, collection, split, depth)
        found = _by_turns(best, _own(tables, collection, split, (queries["id"], documents["id"])))
    else:
        found = _own(tables, collection, split, None)
    columns = pa.schema({"query_id": pa.string(), "doc_id": pa.string()})
    table = pa.Table.from_pandas(found, columns, preserve_index=False)
    pq.write_table(table, out / f"{collection}.parquet", compression="zstd")
    return len(table)


def _by_turns(best: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """BM25's best and the collection's own candidates of each query, by turns."""
    parts = [part.assign(place=part.groupby("query_id").cumcount()) for part in (best, own)]
    return pd.concat(parts).sort_values(["query_id", "place"], kind="stable")


def _best(
    tables: Path, collection: str, split: str, depth: int
) -> tuple[pd.DataFrame, pa.Table, pa.Table]:
    """What BM25 finds, and the English queries and documents that it was asked and looked in."""
    documents = read_texts(tables, "documents", collection, "en", split)
    queries = read_texts(tables, "queries", collection, "en", split)
    with tempfile.TemporaryDirectory(dir=scratch.folder()) as folder:
        bm25.save_index(documents["text"], Path(folder) / "index")
        found, _ = bm25.best(Path(folder) / "index", queries["text"], depth)
    asked = np.arange(len(found)).repeat(found.shape[1])
    best = {
        "query_id": queries["id"].take(pa.array(asked)),
        "doc_id": documents["id"].take(pa.array(found.ravel())),
    }
    return pa.table(best).to_pandas(), queries, documents


def _own(
    tables: Path,
    collection: str,
    split: str,
    english: tuple[pa.ChunkedArray, pa.ChunkedArray] | None,
) -> pd.DataFrame:
    """The collection's own, a query's best ones first, but those of ``english`` ids alone.

    ``english``: ids of queries and of documents, which BM25 finds. All others are kept: how many
    are reranked is counted where the documents' language is known.
    """
    data = pyarrow.dataset.dataset(sorted(map(str, (tables / "candidates").glob("*.parquet"))))
    wanted = (pc.field("collection") == collection) & (pc.field("split") == split)
    order = ["query_id", "rank", "score", "doc_id"]
    table = data.to_table(columns=order, filter=wanted)
    if english is not None:
        queries, documents = english
        known = pc.and_(
            pc.is_in(table["query_id"], value_set=queries),
            pc.is_in(table["doc_id"], value_set=documents),
        )
        table = table.filter(pc.invert(known))
    given = table.to_pandas()
    given = given.sort_values(order, ascending=[True, True, False, True])
    return given.drop_duplicates(["query_id", "doc_id"])
