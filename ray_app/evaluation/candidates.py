"""Candidates for reranking: BM25's best English documents for each English query.

The origin's protocol: every language pair reranks the candidates that the English first stage
found, so what a first stage across languages would lose is not seen here.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from clir import bm25, manifest
from clir.errors import InputError
from clir.experiment import Experiment
from ray_app.evaluation.texts import held_languages, read_texts


def build(experiment: Experiment, tables: Path) -> Path:
    """Make the candidates of every test collection: query_id, doc_id; returns their folder."""
    folder = experiment.output / "candidates"
    depth = experiment.models["cross-encoder"].candidates
    names = [collection.id for collection in experiment.collections.test]
    split = experiment.collections.test_split
    settings = {"depth": depth, "collections": names, "split": split}

    def write(out: Path) -> dict[str, int]:
        return {name: _write(tables, name, split, depth, out) for name in names}

    manifest.build(experiment.workspace, folder, [tables], settings, write)
    return folder


def _write(tables: Path, collection: str, split: str, depth: int, out: Path) -> int:
    if "en" not in held_languages(tables, collection):
        raise InputError(f"{collection}: reranking needs English candidates; it has no English")
    documents = read_texts(tables, "documents", collection, "en", split)
    queries = read_texts(tables, "queries", collection, "en", split)
    with tempfile.TemporaryDirectory() as folder:
        bm25.save_index(documents["text"], Path(folder) / "index")
        found, _ = bm25.best(Path(folder) / "index", queries["text"], depth)
    table = pa.table(
        {
            "query_id": queries["id"].take(pa.array(np.arange(len(found)).repeat(found.shape[1]))),
            "doc_id": documents["id"].take(pa.array(found.ravel())),
        }
    )
    pq.write_table(table, out / f"{collection}.parquet", compression="zstd")
    return len(table)
