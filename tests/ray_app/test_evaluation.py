"""Settings, draws and rankings, without an engine."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clir import tables
from clir.experiment import Evaluation
from ray_app.evaluation import ranking, texts
from ray_app.evaluation.items import Rankings, Sources, System
from ray_app.evaluation.texts import Setting


def test_settings_of_a_collection_with_three_languages():
    found = list(texts.settings(["ar", "de", "en"], Evaluation()))
    moir = [s.query_lang for s in found if s.name == "MoIR"]
    clir = [s.label for s in found if s.name == "CLIR"]
    assert sorted(moir) == ["ar", "de", "en"] and len(clir) == 6 and "de.ar" in clir
    mlir = {s.name: s.label for s in found if s.name.startswith("MLIR") and "14" in s.label}
    assert mlir == {
        "MLIR-xx-en": "xx-14-1.en",
        "MLIR-en-xx": "en.xx-14-1",
        "MLIR-xx-xx": "xx-14-1.xx-14-1",
    }


def test_every_id_draws_one_language_whatever_else_is_there():
    ids = pa.array([f"d{n}" for n in range(3000)])
    first = texts.drawn(ids, ["ar", "de", "en"], draw=1)
    assert (texts.drawn(ids.slice(1000), ["ar", "de", "en"], draw=1) == first[1000:]).all()
    assert (texts.drawn(ids, ["ar", "de", "en"], draw=2) != first).any()
    assert np.unique(first, return_counts=True)[1] == pytest.approx([1000] * 3, rel=0.1)


def test_ranking_in_blocks_is_ranking_at_once():
    rng = np.random.default_rng(1)
    queries = rng.integers(0, 3, (5, 4)).astype(np.float32)  # few values: many ties
    documents = rng.integers(0, 3, (40, 4)).astype(np.float32)
    scores = queries @ documents.T
    expected = np.array([sorted(range(40), key=lambda d: (-row[d], -d))[:7] for row in scores])
    shuffled = rng.permutation(40)
    for blocks in ([np.arange(40)], [np.sort(shuffled[:3]), np.sort(shuffled[3:])]):
        found = ranking.by_vectors(queries, ((places, documents[places]) for places in blocks), 7)
        assert (found.documents == expected).all()
        assert (found.scores == np.take_along_axis(scores, expected, 1)).all()


def test_candidates_missing_at_the_end_come_last():
    found = ranking.of_candidates(np.array([[4, 2, -1]]), np.array([[1.0, 1.0, 99.0]]))
    assert found.documents.tolist() == [[4, 2, -1]]


@pytest.fixture
def ranked(tmp_path):
    """Three queries whose vectors are those of their documents; two translations failed."""
    ids = ["0", "1", "2"]
    same = {"collection": ["c"] * 3, "domain": ["news"] * 3, "text": ["..."] * 3}
    written = {"documents": [], "queries": [], "flawed_translations": []}
    for lang in ("de", "en"):
        texts_of = same | {"lang": [lang] * 3}
        written["documents"].append(texts_of | {"doc_id": ids, "title": [""] * 3})
        written["queries"].append(texts_of | {"query_id": ids})
    flaw = {"collection": ["c"], "lang": ["de"], "flaw": ["truncated"]}
    written["flawed_translations"] = [
        flaw | {"kind": ["documents"], "id": ["1"]},
        flaw | {"kind": ["queries"], "id": ["2"]},
    ]
    judged = {"collection": ["c"] * 3, "split": ["test"] * 3, "grade": [1] * 3}
    written["judgments"] = [judged | {"query_id": ids, "doc_id": ids}]
    schemas = {"flawed_translations": tables.FLAWED, "documents": tables.DOCUMENTS,
               "queries": tables.QUERIES, "judgments": tables.JUDGMENTS}  # fmt: skip
    for kind, parts in written.items():
        (tmp_path / kind).mkdir()
        table = pa.concat_tables([pa.table(part).select(schemas[kind].names) for part in parts])
        pq.write_table(table.cast(schemas[kind]), tmp_path / kind / "part.parquet")
    system = System("m", "bi-encoder", "ml-cs", 1, None, tmp_path, 8, False, tmp_path / "work")
    (system.work / "embeddings").mkdir(parents=True)
    vectors = pa.table(
        {"id": ids, "vector": pa.FixedSizeListArray.from_arrays(np.eye(3).ravel(), 3)}
    )
    for kind in ("documents", "queries"):
        for lang in ("de", "en"):
            pq.write_table(vectors, system.work / "embeddings" / f"c.{kind}.{lang}.0.parquet")
    sources = Sources(tmp_path, None, None, "test", Evaluation())

    def rank(*settings):
        item = Rankings(system, "c", settings[0].query_lang, settings)
        item.run(sources)
        rows = pq.read_table(item.file).to_pylist()
        assert {row["value"] for row in rows if row["measure"] == "MRR@10"} == {1.0}
        return {(row["doc_lang"], row["query_id"]) for row in rows if row["flawed"]}

    return rank


def test_values_tell_of_failed_translations(ranked):
    clir, moir = Setting("CLIR", "de", "en"), Setting("MoIR", "de", "de")
    assert ranked(clir, moir) == {("en", "2"), ("de", "2"), ("de", "1")}
    assert ranked(Setting("CLIR", "en", "de")) == {("de", "1")}
    assert ranked(Setting("MoIR", "en", "en")) == set()


def test_in_mlir_a_translation_counts_where_its_language_was_drawn(ranked):
    many = Setting("MLIR-en-xx", "en", "xx-14-1")
    drew = texts.drawn(pa.array(["1"]), ["en", "de"], 1)[0]
    assert ranked(many) == ({("xx-14-1", "1")} if drew == "de" else set())
