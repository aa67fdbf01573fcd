"""Runs as tables, and as the files that other tools read."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from clir import tables
from clir.collections import trec
from ray_app.evaluation import ranking
from ray_app.evaluation.conditions import Condition
from ray_app.evaluation.sides import Side
from ray_app.evaluation.systems import System


def run_table(
    system: System,
    collection: str,
    condition: Condition,
    queries: Side,
    documents: Side,
    found: ranking.Ranking,
) -> pa.Table:
    """``tables.RUNS`` of one condition."""
    rows, ranks = np.nonzero(found.documents >= 0)
    count = len(rows)
    return pa.table(
        {
            "model": pa.repeat(system.name, count),
            "collection": pa.repeat(collection, count),
            "condition": pa.repeat(condition.name, count),
            "query_lang": pa.repeat(condition.queries.label, count),
            "doc_lang": pa.repeat(condition.documents.label, count),
            "query_id": queries.ids.take(pa.array(rows)),
            "doc_id": documents.ids.take(pa.array(found.documents[rows, ranks])),
            "rank": pa.array(ranks + 1, pa.int32()),
            "score": pa.array(found.scores[rows, ranks], pa.float64()),
        },
        schema=tables.RUNS,
    )


def write_trec(
    folder: Path, name: str, run: pa.Table, found: ranking.Ranking, judged: pd.DataFrame
) -> list[Path]:
    """A run in TREC's format, and beside it the judgments that it is scored by: two files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.run", folder / f"{name}.qrels"]
    scores = ranking.falling(found.scores)[found.documents >= 0]
    column = run.column_names.index("score")
    tag = run["model"][0].as_py() if len(run) else name
    run = run.set_column(column, "score", pa.array(scores, pa.float64()))
    trec.write_run(run, tag, files[0])
    trec.write_judgments(pa.Table.from_pandas(judged, preserve_index=False), files[1])
    return files
