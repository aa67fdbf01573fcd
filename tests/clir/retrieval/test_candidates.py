"""Candidates on a collection small enough to rank by hand."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clir import tables
from clir.collections.reading import SCHEMAS
from clir.retrieval import candidates
from clir.retrieval.candidates import Search, brought


def write(folder, kind, *rows):
    (folder / kind).mkdir()
    names = SCHEMAS[kind].names
    table = pa.Table.from_pylist(
        [dict(zip(names, row, strict=True)) for row in rows], SCHEMAS[kind]
    )
    pq.write_table(table, folder / kind / "part.parquet")


@pytest.fixture
def first_stage(tmp_path):
    write(
        tmp_path,
        "documents",
        ("c", "news", "en", "d1", "Ships", "harbour harbour boats"),
        ("c", "news", "en", "d2", "", "mountain rivers snow"),
        ("c", "news", "de", "d1", "", "harbour harbour harbour"),
        ("other", "news", "en", "d3", "", "harbour"),
    )
    queries = [("q1", "snow mountain"), ("q2", "harbour"), ("q3", "ships")]
    write(tmp_path, "queries", *(("c", "news", "en", *query) for query in queries),
          ("c", "news", "de", "q4", "harbour"))  # fmt: skip
    write(tmp_path, "judgments", ("c", "test", "q1", "d2", 1), ("c", "test", "q3", "d1", 0),
          ("c", "train", "q2", "d1", 1), ("other", "test", "q2", "d3", 1))  # fmt: skip
    given = [
        ("q1", "d9", 2, 8.0, "run"),
        ("q1", "d1", 1, 9.0, "run"),
        ("q1", "d7", None, 3.0, "scored"),
        ("q1", "d9", None, None, "triples"),
        ("q4", "d1", 7, 1.0, "run"),
    ]
    write(tmp_path, "candidates", *(("c", "test", None, None, *row) for row in given))
    return Search("bm25", tmp_path, "c", "test", "en", tmp_path / "index")


def test_bm25_finds_a_languages_documents_for_the_queries_of_a_split(first_stage, tmp_path):
    assert first_stage.index() == 1
    found = first_stage.find(0, 1)
    assert found.schema == tables.CANDIDATES
    rows = found.to_pylist()
    assert [(row["query_id"], row["doc_id"], row["rank"]) for row in rows] == [
        ("q1", "d2", 1),
        ("q3", "d1", 1),  # by its title
    ]
    assert {(row["query_lang"], row["doc_lang"], row["source"]) for row in rows} == {
        ("en", "en", "bm25")
    }
    assert first_stage.write(0, 5, tmp_path / "found" / "part.parquet") == 4  # both documents
    assert len(pq.read_table(tmp_path / "found" / "part.parquet")) == 4


def test_blocks_of_queries_make_the_whole(first_stage, monkeypatch):
    first_stage.index()
    whole = first_stage.find(0, 2)
    monkeypatch.setattr(candidates, "BLOCK", 1)
    assert first_stage.index() == 2
    assert pa.concat_tables([first_stage.find(0, 2), first_stage.find(1, 2)]) == whole


def test_a_language_without_documents_has_no_candidates(first_stage, tmp_path):
    assert Search("bm25", tmp_path, "c", "test", "fr", tmp_path / "none").index() == 0


def test_a_collections_own_are_ranked_each_once(first_stage, tmp_path):
    rows = brought(tmp_path, "c", "test").to_pylist()
    assert [(row["query_id"], row["doc_id"], row["rank"]) for row in rows] == [
        ("q1", "d1", 1),
        ("q1", "d9", 2),
        ("q1", "d7", 3),  # by its score, behind those with a rank
        ("q4", "d1", 1),
    ]
    assert {row["query_lang"] for row in rows} == {None}


def test_what_a_first_stage_looks_for_itself_is_left_to_it(first_stage, tmp_path):
    first_stage.index()
    rows = brought(tmp_path, "c", "test", first_stage).to_pylist()
    assert [(row["query_id"], row["doc_id"], row["rank"]) for row in rows] == [
        ("q1", "d9", 1),
        ("q1", "d7", 2),
        ("q4", "d1", 1),  # q4 is no English query
    ]
