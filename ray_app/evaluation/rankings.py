"""Runs and per-query values of some conditions with one language of queries."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from clir import tables
from clir.whole_files import write_table
from ray_app.evaluation import dense, lexical, ranking, rerank, run_files, scoring, texts
from ray_app.evaluation.conditions import Condition
from ray_app.evaluation.sides import Side
from ray_app.evaluation.systems import Sources, System


@dataclass(frozen=True)
class Rankings:
    """Some conditions of a collection with the same queries, for one system."""

    system: System
    collection: str
    conditions: tuple[Condition, ...]

    @property
    def needs_model(self) -> bool:
        """Whether texts are read anew; vectors are there already."""
        return self.system.ranks_by == "scores"

    @property
    def name(self) -> str:
        # All conditions of a language lie in one file, or each in its own. Always two languages: a
        # collection's name may end like one.
        first, *others = self.conditions
        doc_lang = "all" if others else first.documents.label
        return f"{self.collection}.{first.queries.label}.{doc_lang}.parquet"

    @property
    def file(self) -> Path:
        return self.system.work / "measures" / self.name

    def run(self, sources: Sources) -> list[Path]:
        """Do it; the files written."""
        system, collection = self.system, self.collection
        languages = self.conditions[0].queries
        queries = Side(sources, collection, "queries", languages, system.queries)
        judgments = texts.read_judgments(sources.tables, collection, sources.split)
        judgments = judgments[judgments["query_id"].isin(queries.ids.to_pylist())]
        runs, judged, written = [tables.RUNS.empty_table()], [], []
        for condition in self.conditions:
            documents = Side(sources, collection, "documents", condition.documents)
            here = scoring.answerable(judgments, documents.ids)
            if here.empty:  # nothing is judged between these languages: a condition it has not
                continue
            found = self._rank(sources, queries, documents)
            if not found.documents.size:  # nothing to rerank between them
                continue
            flawed = here["query_id"].isin(queries.flawed())
            flawed |= (here["grade"] > 0) & here["doc_id"].isin(documents.flawed())
            judged.append(here.assign(doc_lang=condition.documents.label, flawed=flawed))
            run = run_files.run_table(system, collection, condition, queries, documents, found)
            name = f"{collection}.{condition.label}"
            written += run_files.write_trec(system.work / "trec", name, run, found, here)
            runs.append(run)
        every = pa.concat_tables(runs)
        values = scoring.values_table(system, collection, self.conditions, queries, judged, every)
        written.append(write_table(every, system.work / "runs" / self.name))
        return [*written, write_table(values, self.file)]

    def _rank(self, sources: Sources, queries: Side, documents: Side) -> ranking.Ranking:
        system, collection = self.system, self.collection
        if self.needs_model:
            return rerank.by_candidates(system, sources, collection, queries, documents)
        by = lexical.by_words if system.ranks_by == "words" else dense.by_vectors
        return by(system, collection, queries, documents, sources.evaluation.depth)
