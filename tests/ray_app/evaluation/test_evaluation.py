"""Settings, draws and rankings, without an engine."""

from urllib.parse import unquote

import ir_measures
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from ir_measures import AP, nDCG

from clir import tables
from clir.collections import trec
from clir.collections.reading import SCHEMAS
from clir.experiment import Evaluation
from clir.retrieval.candidates import brought
from clir.scoring.measures import MEASURES
from clir.scoring.summary import summarise
from clir.whole_files import write_table
from ray_app.evaluation import models, pieces, ranking, texts
from ray_app.evaluation.conditions import (
    Condition,
    Held,
    Languages,
    Partly,
    conditions,
    drawn,
)
from ray_app.evaluation.dense import Embedding
from ray_app.evaluation.lexical import Index
from ray_app.evaluation.rankings import Rankings
from ray_app.evaluation.systems import Sources, System
from ray_app.evaluation.texts import RowGroup


def labels(found):
    named = {}
    for condition in found:
        named.setdefault(condition.name, []).append(condition.label)
    return named


def between(query_lang, doc_lang):
    """The condition between two languages; xx-14-1 stands for English and German, drawn."""
    name = "MoIR" if query_lang == doc_lang else "CLIR"
    sides = (
        Languages(lang, ("en", "de"), 1) if lang == "xx-14-1" else Languages(lang, (lang,))
        for lang in (query_lang, doc_lang)
    )
    return Condition(name, *sides)


def test_conditions_of_a_collection_with_three_languages():
    langs = ["en", "de", "ar"]
    found = labels(conditions(Held(langs, langs), Evaluation()))
    assert found["MoIR"] == ["en.en", "de.de", "ar.ar"]
    assert len(found["CLIR"]) == 6 and "de.ar" in found["CLIR"]
    assert found["MLIR-xx-en"] == ["xx-6-1.en", "xx-14-1.en"]
    assert found["MLIR-en-xx"] == ["en.xx-6-1", "en.xx-14-1"]
    assert found["MLIR-xx-xx"] == ["xx-6-1.xx-6-1", "xx-14-1.xx-14-1"]
    asked = labels(conditions(Held(langs, langs), Evaluation(languages=["fr", "ar"], mlir={})))
    assert asked == {"MoIR": ["ar.ar"]}


@pytest.mark.parametrize(
    ("documents", "queries", "expected"),
    [
        (
            ["ru", "zh", "fa"],
            ["en"],
            {
                "CLIR": ["en.ru", "en.zh", "en.fa"],
                "MLIR-en-xx": ["en.xx-14-1", "en.xx-all-1"],  # the fourteen have no Persian
            },
        ),
        (["fr", "pl"], ["en"], {"CLIR": ["en.fr", "en.pl"], "MLIR-en-xx": ["en.xx-all-1"]}),
        (["fr", "es"], ["fr"], {"MoIR": ["fr.fr"], "CLIR": ["fr.es"]}),
        (["fi"], ["en", "de"], {"CLIR": ["en.fi", "de.fi"]}),
        (
            ["en"],
            ["sw", "yo"],
            {"CLIR": ["sw.en", "yo.en"], "MLIR-xx-en": ["xx-all-1.en"]},
        ),
        (
            ["en", "fr", "hi"],
            ["en", "fr"],
            {
                "MoIR": ["en.en", "fr.fr"],
                "CLIR": ["en.fr", "en.hi", "fr.en", "fr.hi"],
                "MLIR-xx-en": ["xx-14-1.en"],
                "MLIR-en-xx": ["en.xx-14-1"],
                "MLIR-xx-xx": ["xx-14-1.xx-14-1"],
            },
        ),
    ],
)
def test_conditions_where_queries_and_documents_differ(documents, queries, expected):
    assert labels(conditions(Held(documents, queries), Evaluation())) == expected


def test_a_set_that_names_the_others_is_the_one():
    sets = Evaluation(mlir={"3": ["fa", "ru", "zh"]})
    found = labels(conditions(Held(["ru", "zh", "fa"], ["en"]), sets))
    assert found["MLIR-en-xx"] == ["en.xx-3-1"]


def test_an_id_draws_among_the_languages_that_have_it():
    ids = pa.array([f"d{n}" for n in range(900)])
    langs = ["en", "de", "ar"]
    everywhere = drawn(ids, langs, 1)
    partly = Partly(ids.slice(0, 600), np.array([[0, 1, 1]] * 300 + [[0, 0, 1]] * 300, bool))
    found = drawn(ids, langs, 1, partly)
    assert (found[600:] == everywhere[600:]).all()
    assert set(found[300:600]) == {"ar"}
    assert np.unique(found[:300], return_counts=True)[1] == pytest.approx([150] * 2, rel=0.2)
    assert (drawn(ids.slice(250, 100), langs, 1, partly) == found[250:350]).all()


def test_every_id_draws_one_language_whatever_else_is_there():
    ids = pa.array([f"d{n}" for n in range(3000)])
    first = drawn(ids, ["ar", "de", "en"], draw=1)
    assert (drawn(ids.slice(1000), ["ar", "de", "en"], draw=1) == first[1000:]).all()
    assert (drawn(ids, ["ar", "de", "en"], draw=2) != first).any()
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


@given(
    npst.arrays(
        np.float32,
        st.tuples(st.integers(1, 3), st.integers(1, 20)),
        elements=st.sampled_from([0.0, -0.0, 1.0, -1.0, 1 + 2**-23, 3e38, -3e38, 1e-45]),
    )
)
def test_scores_in_run_files_fall(scores):
    scores = -np.sort(-scores, axis=1)
    found = ranking.falling(scores)
    assert (np.diff(found.astype(np.float64), axis=1) < 0).all()
    assert (found <= scores).all() and found == pytest.approx(scores, rel=1e-5, abs=1e-40)
    distinct = np.unique(scores)[None, ::-1]
    assert (ranking.falling(distinct) == distinct).all()


def test_candidates_missing_at_the_end_come_last():
    found = ranking.of_candidates(np.array([[4, 2, -1]]), np.array([[1.0, 1.0, 99.0]]))
    assert found.documents.tolist() == [[4, 2, -1]]


def write_tables(folder, documents, queries, judgments, flawed=(), candidates=()):
    """Tables of a collection ``c``: (lang, id, and the text if it matters) of documents and
    queries, (query, document, grade) of judgments.
    """
    rows = {
        "documents": [
            ("c", "news", lang, key, "", *(text or ["a text"])) for lang, key, *text in documents
        ],
        "queries": [("c", "news", lang, key, *(text or ["..."])) for lang, key, *text in queries],
        "judgments": [("c", "test", *row) for row in judgments],
        "flawed_translations": [("c", *row, "truncated") for row in flawed],
        "candidates": [("c", "test", None, None, *row) for row in candidates],
    }
    schemas = SCHEMAS | {"flawed_translations": tables.FLAWED}
    for kind, cells in rows.items():
        (folder / kind).mkdir()
        names = schemas[kind].names
        table = pa.Table.from_pylist(
            [dict(zip(names, row, strict=True)) for row in cells], schema=schemas[kind]
        )
        pq.write_table(table, folder / kind / "part.parquet")


def write_vectors(work, kind, lang, ids, vectors):
    """As embedding leaves them: in the order of ids as runs hold them."""
    order = sorted(range(len(ids)), key=lambda n: trec.encoded(pa.array([ids[n]]))[0].as_py())
    folder = work / "embeddings" / f"c.{kind}.{lang}"
    folder.mkdir(parents=True)
    vectors = np.asarray(vectors, np.float32)[order]
    column = pa.FixedSizeListArray.from_arrays(vectors.ravel(), vectors.shape[1])
    table = pa.table({"id": [ids[n] for n in order], "vector": column})
    pq.write_table(table, folder / "000000000.parquet")


def system_of(folder, ranks_by="vectors", method="ml-cs", queries=None):
    return System(
        name="m",
        model_name="m",
        family="static",
        ranks_by=ranks_by,
        method=method,
        seed=1,
        without_domain=None,
        model=folder,
        max_length=8,
        prefixes=("", ""),
        candidates=3,
        queries=queries,
        translates=False,
        work=folder / "work",
    )


def sources_of(folder, candidates=None, **evaluation):
    return Sources(folder, None, candidates, "test", Evaluation(**evaluation))


@pytest.fixture
def ranked(tmp_path):
    """Three queries whose vectors are those of their documents; two translations failed."""
    ids = ["0", "1", "2"]
    both = [(lang, key) for lang in ("de", "en") for key in ids]
    flawed = [("documents", "de", "1"), ("queries", "de", "2")]
    write_tables(tmp_path, both, both, [(key, key, 1) for key in ids], flawed)
    system = system_of(tmp_path)
    for kind in ("documents", "queries"):
        for lang in ("de", "en"):
            write_vectors(system.work, kind, lang, ids, np.eye(3))

    def rank(*ranked):
        item = Rankings(system, "c", ranked)
        item.run(sources_of(tmp_path))
        rows = pq.read_table(item.file).to_pylist()
        assert {row["value"] for row in rows if row["measure"] == "MRR@10"} == {1.0}
        return {(row["doc_lang"], row["query_id"]) for row in rows if row["flawed"]}

    return rank


def test_values_tell_of_failed_translations(ranked):
    clir, moir = between("de", "en"), between("de", "de")
    assert ranked(clir, moir) == {("en", "2"), ("de", "2"), ("de", "1")}
    assert ranked(between("en", "de")) == {("de", "1")}
    assert ranked(between("en", "en")) == set()


def test_in_mlir_a_translation_counts_where_its_language_was_drawn(ranked):
    many = between("en", "xx-14-1")
    drew = drawn(pa.array(["1"]), ["en", "de"], 1)[0]
    assert ranked(many) == ({("xx-14-1", "1")} if drew == "de" else set())


# White space of str.split and of C, quotes, signs around the blank, and what looks encoded.
_NASTY = st.text(
    st.sampled_from(" \t\n\r\v\f\x1c\x85\xa0\u2003\u2028\u3000\ufeff\0%!\"#'$a2é狗"), min_size=1
)
_IDS = st.lists(_NASTY | st.sampled_from(["a b", "a%20b", "a%2520b", "%", " "]), min_size=1,
                max_size=8, unique=True)  # fmt: skip


@given(documents=_IDS, queries=_IDS, data=st.data())
def test_other_tools_read_the_same_values_from_our_files(
    tmp_path_factory, documents, queries, data
):
    folder = tmp_path_factory.mktemp("nasty")
    grades = data.draw(
        st.dictionaries(
            st.tuples(st.sampled_from(queries), st.sampled_from(documents)),
            st.integers(-1, 2),
            min_size=1,
        )
    )
    write_tables(
        folder,
        [("de", key) for key in documents],
        [("en", key) for key in queries],
        [(*pair, grade) for pair, grade in grades.items()],
    )
    system = system_of(folder)
    few = st.integers(0, 1)  # many ties
    for kind, lang, ids in (("documents", "de", documents), ("queries", "en", queries)):
        vectors = data.draw(st.lists(st.lists(few, min_size=2, max_size=2), min_size=len(ids),
                                     max_size=len(ids)))  # fmt: skip
        asked = [n for n, key in enumerate(ids)
                 if kind == "documents" or any(query == key for query, _ in grades)]  # fmt: skip
        write_vectors(system.work, kind, lang, [ids[n] for n in asked], [vectors[n] for n in asked])
    item = Rankings(system, "c", (between("en", "de"),))
    depth = data.draw(st.integers(1, 9))
    item.run(sources_of(folder, depth=depth))
    rows = pq.read_table(item.file).to_pylist()
    ours = {(row["query_id"], row["measure"]): row["value"] for row in rows}
    if not any(grade > 0 for grade in grades.values()):
        assert not ours
        return
    files = folder / "work" / "trec"
    qrels = list(ir_measures.read_trec_qrels(str(files / "c.en.de.qrels")))
    run = list(ir_measures.read_trec_run(str(files / "c.en.de.run")))
    assert {unquote(row.doc_id) for row in run} <= set(documents)
    asked = {measure: name for name, measure in MEASURES.items()}
    theirs = {
        (unquote(value.query_id), asked[value.measure]): value.value
        for value in ir_measures.iter_calc(list(asked), qrels, run)
    }
    assert theirs == pytest.approx(ours)
    found = pq.read_table(system.work / "runs" / item.name).to_pylist()
    assert [(unquote(r.query_id), unquote(r.doc_id)) for r in run] == [
        (row["query_id"], row["doc_id"]) for row in found
    ]
    assert [r.score for r in run] == pytest.approx([row["score"] for row in found], rel=1e-6)
    # And trec_eval itself, which breaks ties by the ids that it reads.
    ties = {}
    for row, score in zip(run, (row["score"] for row in found), strict=True):
        ties.setdefault(row.query_id, {})[row.doc_id] = score
    again = ir_measures.pytrec_eval.iter_calc([AP, nDCG @ 10], qrels, ties)
    for value in again:
        key = unquote(value.query_id), asked[value.measure]
        assert value.value == pytest.approx(ours[key])


def test_documents_of_their_own_in_every_language(tmp_path):
    """As NeuCLIR: English queries; documents in three languages, none a translation of another."""
    documents = {lang: [f"{lang}{n}" for n in range(4)] for lang in ("fa", "ru", "zh")}
    judged = [("q1", "fa1", 1), ("q1", "ru2", 1), ("q2", "zh0", 2), ("q2", "fa3", 0)]
    write_tables(tmp_path, [(lang, key) for lang, keys in documents.items() for key in keys],
                 [("en", "q1"), ("en", "q2"), ("en", "unjudged")], judged)  # fmt: skip
    system = system_of(tmp_path)
    write_vectors(system.work, "queries", "en", ["q1", "q2"], np.eye(2))
    for lang, keys in documents.items():
        good = {"fa1": [1, 0], "ru2": [1, 0], "zh0": [0, 1]}
        vectors = [good.get(key, [0.5, 0.5]) for key in keys]
        write_vectors(system.work, "documents", lang, keys, vectors)
    held = texts.held_languages(tmp_path, "c", "test")
    assert held == (["ru", "zh", "fa"], ["en"])
    item = Rankings(system, "c", tuple(conditions(held, Evaluation())))
    item.run(sources_of(tmp_path))
    values = pq.read_table(item.file).to_pylist()
    found = {(r["condition"], r["doc_lang"], r["query_id"]): r["value"]
             for r in values if r["measure"] == "recall@50"}  # fmt: skip
    assert found == {
        ("CLIR", "fa", "q1"): 1,
        ("CLIR", "ru", "q1"): 1,
        ("CLIR", "zh", "q2"): 1,
        ("MLIR-en-xx", "xx-14-1", "q1"): 1,
        ("MLIR-en-xx", "xx-14-1", "q2"): 1,
        ("MLIR-en-xx", "xx-all-1", "q1"): 1,
        ("MLIR-en-xx", "xx-all-1", "q2"): 1,
    }
    runs = pq.read_table(system.work / "runs" / item.name).to_pylist()
    ranked = {row["doc_id"] for row in runs if row["doc_lang"] == "xx-all-1"}
    assert ranked == {key for keys in documents.values() for key in keys}  # every one takes part
    summary = summarise(pq.read_table(item.file).to_pandas())
    assert {row["condition"] for row in summary} == {"CLIR", "MLIR", "MLIR-en-xx"}


def test_by_words_alone(tmp_path):
    """Where no word is common, all are equal, and the later id is the better one."""
    documents = [("en", "d1", "snow mountain"), ("en", "d2", "a harbour"), ("en", "d3", "boats"),
                 ("de", "d1", "Schnee Berg"), ("de", "d2", "Hafen"),
                 ("de", "d3", "Boote 7")]  # fmt: skip
    queries = [("en", "q1", "Snow on the 7 mountains"), ("de", "q1", "SCHNEE")]
    write_tables(tmp_path, documents, queries, [("q1", "d1", 1)])
    system = system_of(tmp_path, "words", "bm25")
    held = texts.held_languages(tmp_path, "c", "test")
    sources = sources_of(tmp_path, mlir={"2": ["en", "de"]})
    found = {}
    for query_lang in ("en", "de"):
        asked = tuple(c for c in conditions(held, sources.evaluation)
                      if c.queries.label == query_lang)  # fmt: skip
        for condition in asked:
            Index(system, "c", condition.documents).run(sources)
        item = Rankings(system, "c", asked)
        item.run(sources)
        run = pq.read_table(system.work / "runs" / item.name).to_pandas()
        found |= {
            (query_lang, lang): list(rows["doc_id"]) for lang, rows in run.groupby("doc_lang")
        }
    assert found["en", "en"] == ["d1", "d3", "d2"]
    assert found["en", "de"] == ["d3", "d2", "d1"]  # by its 7
    assert found["de", "de"] == ["d1", "d3", "d2"]
    assert found["de", "en"] == ["d3", "d2", "d1"]
    assert sorted(found["en", "xx-2-1"]) == ["d1", "d2", "d3"]


class InOrder:
    """A ranker to which the later of two pairs is the better one."""

    def score(self, queries, passages):
        return np.arange(len(passages), dtype=np.float32)


def reranked(monkeypatch, folder, query_lang, doc_lang):
    """The candidates that the collection brings, and others there, reranked."""
    monkeypatch.setattr(models, "ranker", lambda *_: InOrder())
    write_table(brought(folder, "c", "test"), folder / "data" / "own.parquet")
    item = Rankings(system_of(folder, "scores"), "c", (between(query_lang, doc_lang),))
    item.run(sources_of(folder, folder))
    run = pq.read_table(item.system.work / "runs" / item.name)
    return item, run["doc_id"].to_pylist()


def test_the_best_of_each_source_are_reranked_by_turns(tmp_path, monkeypatch):
    documents = [("en", f"d{n}") for n in range(6)]
    given = [("q", "d3", 2, 8.0, "run"), ("q", "d2", 1, 9.0, "run"), ("p", "d0", 1, 9.0, "run")]
    write_tables(tmp_path, documents, [("en", "q")], [("q", "d1", 1)], candidates=given)
    found = [("c", "test", "en", "en", "q", f"d{n}", n - 3, 1.0, "bm25") for n in (4, 5)]
    rows = [dict(zip(tables.CANDIDATES.names, row, strict=True)) for row in found]
    found = pa.Table.from_pylist(rows, tables.CANDIDATES)
    write_table(found, tmp_path / "data" / "bm25.parquet")
    _, ranked = reranked(monkeypatch, tmp_path, "en", "en")
    assert ranked == ["d5", "d2", "d4"]  # 3 are asked for: d4, d2, d5, and d3 would be next


def test_candidates_with_ids_of_any_kind_are_reranked(tmp_path, monkeypatch):
    keys = ['a "b" 50%', "a\tb", "\u3000", "plain"]
    given = [("a q", key, rank, -1.0, "run") for rank, key in enumerate(keys, 1)]
    write_tables(tmp_path, [("fa", key) for key in keys], [("en", "a q")],
                 [("a q", "\u3000", 1)], candidates=given)  # fmt: skip
    item, found = reranked(monkeypatch, tmp_path, "en", "fa")
    assert found == ["\u3000", "a\tb", 'a "b" 50%']  # the three best, by the new scores
    run = (item.system.work / "trec" / "c.en.fa.run").read_text()
    assert run.splitlines()[1] == "a%20q Q0 a%09b 2 1 m"


def test_of_many_queries_some_are_reranked_the_same_ones_in_every_language(tmp_path, monkeypatch):
    ids = [f"q{n}" for n in range(30)]
    queries = [(lang, key) for lang in ("en", "de") for key in ids if (lang, key) != ("de", "q9")]
    given = [(key, "d", 1, 1.0, "run") for key in ids]
    write_tables(tmp_path, [("en", "d")], queries, [(key, "d", 1) for key in ids], candidates=given)
    monkeypatch.setattr(models, "ranker", lambda *_: InOrder())
    write_table(brought(tmp_path, "c", "test"), tmp_path / "data" / "own.parquet")
    asked = {}
    for lang in ("en", "de"):
        system = system_of(tmp_path, "scores", queries=7)
        item = Rankings(system, "c", (between(lang, "en"),))
        item.run(sources_of(tmp_path, tmp_path))
        values = pq.read_table(item.file)
        assert set(values["value"].to_pylist()) == {1.0}  # the others do not count as failed
        asked[lang] = set(values["query_id"].to_pylist())
    assert len(asked["en"]) == len(asked["de"]) == 7
    assert len(asked["en"] & asked["de"]) >= 6


def test_a_condition_with_nothing_to_rerank_is_none(tmp_path, monkeypatch):
    write_tables(tmp_path, [("fa", "f1"), ("ru", "r1")], [("en", "q")], [("q", "r1", 1)],
                 candidates=[("q", "f1", 1, 1.0, "run")])  # fmt: skip
    item, _ = reranked(monkeypatch, tmp_path, "en", "ru")
    assert pq.read_table(item.file).num_rows == 0
    assert not (item.system.work / "trec").exists()


@pytest.mark.parametrize("name", ["te[s]t", "a b", "50%", "x=y", "a.en.de", "Bücher", "*", "_a"])
def test_names_of_files_are_found_again_and_differ(tmp_path, name):
    system = system_of(tmp_path)
    to_ar, to_de = between("de", "ar"), between("de", "de")
    asked = [(name, (to_ar, to_de)), (name, (to_ar,)), (f"{name}.de", (between("ar", "ar"),)),
             (f"{name}.de", (to_ar, to_de))]  # fmt: skip
    names = {Rankings(system, *one).file for one in asked}
    assert len(names) == 4
    names = {Embedding(system, collection, "documents", lang, RowGroup(tmp_path, 0)).file
             for collection in (name, f"{name}.documents") for lang in ("de", "en")}  # fmt: skip
    assert len(names) == 4


def test_a_piece_is_done_again_where_its_files_are_not_as_it_wrote_them(ranked, tmp_path):
    item = Rankings(system_of(tmp_path), "c", (between("de", "en"),))
    work = item.system.work

    def seconds() -> float:
        return pieces.do(work, item.file, lambda: item.run(sources_of(tmp_path)), hashes=True)

    assert seconds() > 0
    made = {file: file.read_bytes() for file in work.rglob("*") if file.is_file()}
    folders = [work / name for name in ("measures", "runs", "trec")]
    results = [file for file in made if file.parent in folders]
    assert len(results) == 4
    assert seconds() == 0
    for file in results:
        content = made[file]
        for damage in (content[:-1] + bytes([content[-1] ^ 1]), content[:-1], None):
            file.unlink() if damage is None else file.write_bytes(damage)
            assert seconds() > 0
            assert {file: file.read_bytes() for file in made} == made
