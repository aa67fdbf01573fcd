"""Ranking whole collections by words alone, with an index of each side of documents."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clir.retrieval.candidates import FOUND_BY
from ray_app.evaluation import ranking
from ray_app.evaluation.conditions import Languages
from ray_app.evaluation.sides import Side
from ray_app.evaluation.systems import Sources, System


@dataclass(frozen=True)
class Index:
    """The index of a collection's documents in some languages."""

    system: System
    collection: str
    documents: Languages

    @property
    def file(self) -> Path:
        return _folder(self.system, self.collection, self.documents)

    def run(self, sources: Sources) -> list[Path]:
        """Do it; the files written."""
        documents = Side(sources, self.collection, "documents", self.documents)
        stage = FOUND_BY[self.system.method]
        stage.save_index(documents.words(stage.words), self.file)
        return sorted(self.file.iterdir())


def by_words(
    system: System, collection: str, queries: Side, documents: Side, depth: int
) -> ranking.Ranking:
    """The ``depth`` best documents of each query."""
    stage = FOUND_BY[system.method]
    folder = _folder(system, collection, documents.languages)
    rows, scores = stage.best(folder, queries.words(stage.words), depth)
    return ranking.Ranking(rows.astype(np.int64), scores)


def _folder(system: System, collection: str, documents: Languages) -> Path:
    return system.work / "indexes" / f"{collection}.{documents.label}"
