"""Ranking candidates by reading each with its query."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ray_app.evaluation import models, ranking
from ray_app.evaluation.sides import Side
from ray_app.evaluation.systems import Sources, System


def by_candidates(
    system: System, sources: Sources, collection: str, queries: Side, documents: Side
) -> ranking.Ranking:
    """A query's candidates, as the system scores them."""
    assert sources.candidates is not None
    table = pq.ParquetFile(sources.candidates / f"{collection}.parquet").read()
    for key, ids in (("query_id", queries.ids), ("doc_id", documents.ids)):
        table = table.filter(pc.is_in(table[key], value_set=ids))
    query, document = queries.places(table["query_id"]), documents.places(table["doc_id"])
    within = pd.Series(query).groupby(query).cumcount().to_numpy()
    first = within < system.candidates  # the best ones, which come first
    query, document, within = query[first], document[first], within[first]
    if not len(query):
        return ranking.of_candidates(*np.empty((2, len(queries.ids), 0)))
    texts = queries.texts(system, query), documents.texts(system, document)
    scores = models.ranker(system, sources.evaluation.batch_size).score(*texts)
    models.refuse_no_numbers(scores, system)
    width = int(np.bincount(query).max())
    documents_of = np.full((len(queries.ids), width), -1, np.int64)
    scores_of = np.full((len(queries.ids), width), -np.inf, np.float32)
    documents_of[query, within], scores_of[query, within] = document, scores
    return ranking.of_candidates(documents_of, scores_of)
