"""Ranking candidates by reading each with its query."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from clir import tables
from ray_app.evaluation import models, ranking
from ray_app.evaluation.sides import Side
from ray_app.evaluation.systems import Sources, System

_PAIRS = 1 << 19  # whose texts are held at once


def by_candidates(
    system: System, sources: Sources, collection: str, queries: Side, documents: Side
) -> ranking.Ranking:
    """A query's candidates, as the system scores them."""
    assert sources.candidates is not None
    query, document = _candidates(sources.candidates, collection, queries, documents)
    within = pd.Series(query).groupby(query).cumcount().to_numpy()
    first = within < system.candidates  # the best ones, which come first
    query, document, within = query[first], document[first], within[first]
    if not len(query):
        return ranking.of_candidates(*np.empty((2, len(queries.ids), 0)))
    settings = sources.evaluation
    ranker = models.ranker(system, settings.batch_size, settings.precision)
    scores = np.empty(len(query), np.float32)
    for at in range(0, len(query), _PAIRS):
        part = slice(at, at + _PAIRS)
        texts = queries.texts(system, query[part]), documents.texts(system, document[part])
        scores[part] = ranker.score(*texts)
    models.refuse_no_numbers(scores, system)
    width = int(np.bincount(query).max())
    documents_of = np.full((len(queries.ids), width), -1, np.int64)
    scores_of = np.full((len(queries.ids), width), -np.inf, np.float32)
    documents_of[query, within], scores_of[query, within] = document, scores
    return ranking.of_candidates(documents_of, scores_of)


def _candidates(
    folder: Path, collection: str, queries: Side, documents: Side
) -> tuple[np.ndarray, np.ndarray]:
    """Places of queries and of their candidates, by query: the best of each source by turns."""
    data = tables.dataset(folder / "data")
    wanted = pc.field("collection") == collection
    for key, side in (("query_id", queries), ("doc_id", documents)):
        wanted &= pc.field(key).isin(side.ids)
    table = data.to_table(columns=["query_id", "doc_id", "rank", "query_lang"], filter=wanted)
    query, document = queries.places(table["query_id"]), documents.places(table["doc_id"])
    own = table["query_lang"].is_null()  # as the collection brings them
    order = np.lexsort([np.asarray(own), np.asarray(table["rank"]), query])
    return query[order], document[order]
