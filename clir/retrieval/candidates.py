"""Candidates: the documents that are looked at for a query, as ``tables.CANDIDATES``.

A first stage finds them, or the collection brings them. Negatives of training pairs are drawn from
them, and rerankers rank them. Engines carry these functions: Spark for training, Ray for ranking.
"""

from dataclasses import dataclass
from functools import reduce
from operator import and_
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clir import tables
from clir.retrieval import bm25
from clir.whole_files import write_table

FOUND_BY = {"bm25": bm25}
BLOCK = 2048  # queries that are looked up in one go


@dataclass(frozen=True)
class Search:
    """For documents of a collection in a language, by its queries of a split in that language."""

    first_stage: str  # its name
    collections: Path  # the tables of all collections
    collection: str
    split: str
    lang: str
    folder: Path  # where the index goes; whoever looks queries up maps it into memory from there

    def index(self) -> int:
        """Index the documents, which are held in memory; the number of blocks of queries.

        The queries are those with a judgment in the split: a collection may hold many more.
        """
        documents = self._texts("documents", ["doc_id", "title", "text"]).sort_by("doc_id")
        judgments = _read(self.collections / "judgments", collection=self.collection)
        judged = judgments.filter(pc.equal(judgments["split"], self.split))["query_id"].unique()
        queries = self._texts("queries", ["query_id", "text"]).sort_by("query_id")
        queries = queries.filter(pc.is_in(queries["query_id"], value_set=judged))
        if not len(documents):
            return 0
        texts = pc.binary_join_element_wise(documents["title"], documents["text"], " ")
        stage = FOUND_BY[self.first_stage]
        stage.save_index(stage.words(texts, self.lang), self.folder / "index")
        pq.write_table(documents.select(["doc_id"]), self.folder / "documents.parquet")
        pq.write_table(queries, self.folder / "queries.parquet", row_group_size=BLOCK)
        return pq.read_metadata(self.folder / "queries.parquet").num_row_groups

    def find(self, block: int, depth: int) -> pa.Table:
        """The ``depth`` best documents of each query of a block."""
        queries = pq.ParquetFile(self.folder / "queries.parquet").read_row_group(block)
        documents = self.ids("documents")
        stage = FOUND_BY[self.first_stage]
        words = stage.words(queries["text"], self.lang)
        rows, scores = stage.best(self.folder / "index", words, depth)
        same = {"collection": self.collection, "split": self.split, "source": self.first_stage}
        same |= {"query_lang": self.lang, "doc_lang": self.lang}
        columns = {name: pa.repeat(value, rows.size) for name, value in same.items()} | {
            "query_id": queries["query_id"].take(pa.array(np.indices(rows.shape)[0].ravel())),
            "doc_id": documents.take(pa.array(rows.ravel())),
            "rank": pa.array(np.indices(rows.shape)[1].ravel() + 1),
            "score": pa.array(scores.ravel()),
        }
        return pa.table(columns).select(tables.CANDIDATES.names).cast(tables.CANDIDATES)

    def write(self, block: int, depth: int, file: Path) -> int:
        """Put down what ``find`` gives; the number of rows."""
        found = self.find(block, depth)
        write_table(found, file)
        return len(found)

    def ids(self, kind: str) -> pa.ChunkedArray:
        """The ids of the documents or the queries that were indexed, in order."""
        return pq.read_table(self.folder / f"{kind}.parquet", columns=[tables.TEXT_IDS[kind]])[0]

    def _texts(self, kind: str, columns: list[str]) -> pa.Table:
        table = _read(self.collections / kind, collection=self.collection, lang=self.lang)
        return table.select(columns)


def brought(
    collections: Path, collection: str, split: str, known: Search | None = None
) -> pa.Table:
    """A collection's own candidates, ranked from 1 on: by their rank, score and id, each once.

    Without those whose query and document are both ``known`` to a first stage, which finds better.
    """
    table = _read(collections / "candidates", collection=collection, split=split)
    if known is not None:
        there = pc.and_(
            pc.is_in(table["query_id"], value_set=known.ids("queries")),
            pc.is_in(table["doc_id"], value_set=known.ids("documents")),
        )
        table = table.filter(pc.invert(there))
    order = ["query_id", "rank", "score", "doc_id"]
    rows = table.to_pandas().sort_values(order, ascending=[True, True, False, True])
    rows = rows.drop_duplicates(["query_id", "doc_id"])
    rows["rank"] = rows.groupby("query_id").cumcount() + 1
    return pa.Table.from_pandas(rows, tables.CANDIDATES, preserve_index=False)


def _read(folder: Path, **wanted: str) -> pa.Table:
    """The rows of a table with these values in its columns."""
    same = (pc.field(name) == value for name, value in wanted.items())
    return tables.dataset(folder).to_table(filter=reduce(and_, same))
