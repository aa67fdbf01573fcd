"""Vectors of texts, in files, and ranking by them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from clir.whole_files import write_table
from ray_app.evaluation import models, ranking, texts
from ray_app.evaluation.sides import Side, as_read
from ray_app.evaluation.systems import Sources, System

_BLOCK = 50_000  # documents whose scores are computed at once
_SMALL = 2 << 20  # bytes


@dataclass(frozen=True)
class Embedding:
    """Vectors of a part of a collection's texts in one language."""

    system: System
    collection: str
    kind: str  # documents or queries
    lang: str
    part: texts.RowGroup

    @property
    def file(self) -> Path:
        folder = _vectors_folder(self.system, self.collection, self.kind, self.lang)
        return folder / f"{self.part.file.stem}.{self.part.number}.parquet"

    def run(self, sources: Sources) -> list[Path]:
        """Do it; the files written."""
        table = texts.read_row_group(
            self.part, sources.tables, self.kind, self.collection, self.lang, sources.split
        )
        if not len(table):  # none is asked for in the split
            return [write_table(table, self.file)]
        content = as_read(self.system, sources, table, self.kind, self.lang)
        settings = sources.evaluation
        vectors = models.ranker(self.system, settings.batch_size, settings.precision).embed(content)
        models.refuse_no_numbers(vectors, self.system)
        column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
        return [write_table(table.drop_columns("text").append_column("vector", column), self.file)]


def by_vectors(
    system: System, collection: str, queries: Side, documents: Side, depth: int
) -> ranking.Ranking:
    """The ``depth`` best documents of each query."""
    blocks = list(_blocks(system, collection, queries))
    vectors = np.concatenate([block for _, block in blocks])
    vectors[np.concatenate([places for places, _ in blocks])] = vectors.copy()
    return ranking.by_vectors(vectors, _blocks(system, collection, documents), depth)


def _blocks(system: System, collection: str, side: Side) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of (places among the side's ids, ascending; vectors)."""
    for lang in side.languages.codes:
        folder = _vectors_folder(system, collection, side.kind, lang)
        for path in sorted(folder.glob("*.parquet")):
            table = _read_vectors(path)
            table = table.filter(pa.array(side.has(table["id"], lang))).combine_chunks()
            for at in range(0, len(table), _BLOCK):
                block = table.slice(at, _BLOCK)
                vectors = block["vector"].combine_chunks().flatten().to_numpy()
                yield side.places(block["id"]), vectors.reshape(len(block), -1)


def _vectors_folder(system: System, collection: str, kind: str, lang: str) -> Path:
    return system.work / "embeddings" / f"{collection}.{kind}.{lang}"


def _read_vectors(path: Path) -> pa.Table:
    """id, vector. Small files stay in memory: every condition reads them again."""
    return _kept_vectors(path) if path.stat().st_size < _SMALL else pq.read_table(path)


@lru_cache(maxsize=64)
def _kept_vectors(path: Path) -> pa.Table:
    return pq.read_table(path)
