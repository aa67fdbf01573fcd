"""Per-query values of runs, by the judgments that can be met."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from clir import tables
from clir.collections import trec
from clir.scoring import measures
from ray_app.evaluation.conditions import Condition
from ray_app.evaluation.sides import Side
from ray_app.evaluation.systems import System


def answerable(judgments: pd.DataFrame, doc_ids: pa.Array) -> pd.DataFrame:
    """Judgments of the documents that are there, for queries with a relevant one among them."""
    there = pc.is_in(pa.array(judgments["doc_id"], pa.string()), value_set=doc_ids)
    here = judgments[np.asarray(there)]
    return here[here["query_id"].isin(here.loc[here["grade"] > 0, "query_id"])]


def values_table(
    system: System,
    collection: str,
    conditions: Sequence[Condition],
    queries: Side,
    judged: list[pd.DataFrame],
    runs: pa.Table,
) -> pa.Table:
    """``tables.MEASURES`` of conditions with the same queries, in one call.

    ``judged``: the judgments of each, with its ``doc_lang`` and whether they are ``flawed``.
    """
    if not judged:
        return tables.MEASURES.empty_table()
    qrels = _as_written(pa.Table.from_pandas(pd.concat(judged), preserve_index=False))
    frame = _as_written(runs.select(["doc_lang", "query_id", "doc_id", "rank"]))
    for part in (frame, qrels):  # the documents' languages tell conditions apart
        part["query_id"] = part["doc_lang"] + "\t" + part["query_id"]
    values = measures.per_query(qrels, frame)
    flawed = values["query_id"].isin(qrels.loc[qrels["flawed"], "query_id"])
    doc_lang, query_id = zip(*values["query_id"].str.split("\t", n=1), strict=True)
    of_lang = {condition.documents.label: condition for condition in conditions}
    of_row = [of_lang[lang] for lang in doc_lang]
    written = trec.encoded(queries.ids).to_pylist()
    told = zip(queries.ids.to_pylist(), queries.domains.to_pylist(), strict=True)
    of_query = dict(zip(written, told, strict=True))  # its own id, and its domain
    return pa.table(
        {
            "model": pa.repeat(system.model_name, len(values)),
            "method": pa.repeat(system.method, len(values)),
            "without_domain": pa.repeat(system.without_domain or "", len(values)),
            "seed": pa.repeat(system.seed, len(values)),
            "collection": pa.repeat(collection, len(values)),
            "domain": [of_query[query][1] for query in query_id],
            "condition": [condition.name for condition in of_row],
            "query_lang": pa.repeat(queries.languages.label, len(values)),
            "doc_lang": list(doc_lang),
            "languages": pa.array([condition.languages for condition in of_row], pa.int32()),
            "draw": pa.array([condition.draw for condition in of_row], pa.int32()),
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
