import json

import pytest

from clir import tables
from clir.collections import layouts as collections
from clir.collections.layouts import Part
from clir.errors import InputError
from clir.experiment import Collection
from tests import layouts
from tests.layouts import DOCUMENTS, JUDGMENTS, LAYOUTS, QUERIES, RUN, write


def rows(files, kind=None):
    return [
        row
        for file in files
        if kind in (None, file.kind)
        for batch in collections.read(file)
        for row in batch.to_pylist()
    ]


def read(folder, **settings):
    """The rows of a collection by kind, read in ranges of five bytes."""
    given = Collection(path=folder, domain="news", **settings)
    found = {kind: [] for kind in collections.SCHEMAS}
    for task in collections.tasks(collections.files(given), 5):
        for part in task:
            found[part.kind] += rows([part])
    return found


@pytest.mark.parametrize("write_layout", LAYOUTS, ids=lambda write: write.__name__)
def test_every_layout_gives_the_same_tables(tmp_path, write_layout):
    found = read(write_layout(tmp_path / "c"))
    texts = {"collection": "c", "domain": "news", "lang": "en"}
    english = [row for row in found["documents"] if row["lang"] == "en"]
    assert english == [
        {**texts, "doc_id": key, "title": "", "text": text} for key, text in DOCUMENTS.items()
    ]
    queries = {row["query_id"]: row["text"] for row in found["queries"] if row["lang"] == "en"}
    assert queries == QUERIES
    judged = [tuple(row.values()) for row in found["judgments"]]
    assert sorted(judged) == sorted(("c", *row) for row in JUDGMENTS)
    assert [tuple(row.values()) for row in found["candidates"]] == [
        ("c", "test", None, None, *row, "bm25") for row in RUN
    ]


def langs(found):
    return [{row["lang"] for row in found[kind]} for kind in ("documents", "queries")]


def test_mmarco_has_the_languages_of_its_files(tmp_path):
    folder = layouts.write_mmarco(tmp_path / "mmarco")
    write(folder / "google" / "queries" / "dev" / "french_queries.dev.tsv", "7\tquel?")
    assert langs(read(folder)) == [{"en", "de"}, {"en", "de", "fr"}]
    (folder / "google" / "queries" / "train" / "german_queries.train.tsv").unlink()
    assert langs(read(folder)) == [{"en", "de"}, {"en", "fr"}]


def test_queries_and_documents_in_different_languages(tmp_path):
    folder = tmp_path / "neuclir"
    for lang in ("fa", "ru", "zh", "sw"):
        write(folder / lang / "corpus.jsonl", json.dumps({"_id": f"{lang}-1", "text": "..."}))
    write(folder / "en" / "queries.jsonl", '{"_id": "7", "text": "which?"}')
    assert langs(read(folder)) == [{"fa", "ru", "zh", "sw"}, {"en"}]
    with pytest.raises(InputError, match="by language; leave lang away"):
        read(folder, query_lang="en")
    (folder / "en" / "queries.jsonl").unlink()
    with pytest.raises(InputError, match="documents in fa, ru, sw, zh, queries in no language; bo"):
        read(folder)
    write(folder / "fas" / "queries.jsonl", '{"_id": "7", "text": "which?"}')
    with pytest.raises(InputError, match="neuclir/fas: no language is called so"):
        read(folder)


def test_the_language_of_the_queries_may_be_given(tmp_path):
    for write_layout in (layouts.write_trec, layouts.write_msmarco, layouts.write_beir):
        folder = write_layout(tmp_path / write_layout.__name__)
        assert langs(read(folder, lang="fi", query_lang="en")) == [{"fi"}, {"en"}]


def test_triples_and_top1000_are_candidates(tmp_path):
    folder = layouts.write_msmarco(tmp_path / "c")
    write(folder / "qidpidtriples.train.full.2.tsv.gz", "7\t1\t3", "7\t1\t2")
    write(folder / "top1000.dev", "8\t3\tdogs\ta <b & c", '8\t1\tdogs\t"A')
    found = read(folder)
    assert [(*row.values(),) for row in found["candidates"]] == [
        ("c", "test", None, None, "8", "3", 1, 2.5, "bm25"),
        ("c", "test", None, None, "8", "2", 2, -0.001, "bm25"),
        ("c", "train", None, None, "7", "3", None, None, "triples"),
        ("c", "train", None, None, "7", "2", None, None, "triples"),
        ("c", "dev", None, None, "8", "3", None, None, "top1000"),
        ("c", "dev", None, None, "8", "1", None, None, "top1000"),
    ]
    folder.joinpath("qidpidtriples.train.full.2.tsv.gz").rename(
        folder / "qidpidtriples.rnd-shuf.train.tsv.gz"
    )
    assert read(folder) == found
    # The split has judgments of its own, so the triples' positives are none.
    assert [row["grade"] for row in found["judgments"] if row["split"] == "train"] == [1]


def test_where_a_split_has_no_judgments_its_triples_tell_them(tmp_path):
    folder = layouts.write_mmarco(tmp_path / "c")
    (folder / "qrels.train.tsv").unlink()
    write(folder / "triples.train.ids.small.tsv", "7\t2\t3", "8\t1\t3")
    judged = [tuple(row.values()) for row in read(folder)["judgments"] if row["split"] == "train"]
    assert judged == [("c", "train", "7", "2", 1), ("c", "train", "8", "1", 1)]


def test_a_collection_in_one_language_is_english_unless_told(tmp_path):
    folder = layouts.write_msmarco(tmp_path / "c")
    assert {row["lang"] for row in read(folder, lang="de")["queries"]} == {"de"}
    with pytest.raises(InputError, match="by language; leave lang away"):
        read(layouts.write_beir_by_language(tmp_path / "parallel"), lang="de")


def test_a_folder_without_collection_or_domain(tmp_path):
    folder = tmp_path / "empty"
    for missing in (folder, folder / "deeper"):
        with pytest.raises(InputError, match=r"corpus\.jsonl \(BEIR\).*it holds nothing"):
            read(missing)
        folder.mkdir(exist_ok=True)
    (folder / "some.tsv").touch()
    with pytest.raises(InputError, match=r"it holds some\.tsv"):
        read(folder)
    layouts.write_beir(folder)
    with pytest.raises(InputError, match="names no domain"):
        collections.files(Collection(path=folder))
    for wrong in ("[1]", '{"domain": 5}', "{", '{"domain": ""}'):
        (folder / "about.json").write_text(wrong)
        with pytest.raises(InputError, match="names no domain"):
            collections.files(Collection(path=folder))
    (folder / "about.json").write_text('{"domain": "social"}')
    assert {part.domain for part in collections.files(Collection(path=folder))} == {"social"}


def test_no_domain_is_called_as_all_of_them_together(tmp_path):
    folder = layouts.write_beir(tmp_path / "c")
    with pytest.raises(ValueError, match="cannot be called 'all', which means all of them"):
        Collection(path=folder, domain="all")
    about = folder / "about.json"
    about.write_text('{"domain": "all"}')
    with pytest.raises(InputError, match=rf"{about}: a domain cannot be called 'all'"):
        collections.files(Collection(path=folder))
    about.write_text('{"domain": "news"}')
    lines = [
        {"_id": str(n), "text": "", "metadata": {"domain": d}} for n, d in enumerate(("law", "all"))
    ]
    write(folder / "corpus.jsonl", *map(json.dumps, lines))
    with pytest.raises(InputError, match=rf"{folder}/corpus.jsonl:2: a domain cannot be called"):
        read(folder)


def test_large_files_are_cut_and_small_ones_read_together(tmp_path):
    folder = layouts.write_trec(tmp_path / "c")
    (folder / "qrels.train.txt").write_text("7 0 1 1\n" * 100)
    runs = collections.tasks(collections.files(Collection(path=folder, domain="news")), 300)
    names = [[part.path.rpartition("/")[2] for part in run] for run in runs]
    assert names == [
        ["test.run", "qrels.test.txt"],
        *[["qrels.train.txt"]] * 3,  # 800 bytes
        ["a.gz", "b.txt"],
        ["topics.all.txt"],  # would make the run longer than 300 bytes
    ]


def test_documents_carry_their_own_domain_or_the_collections(tmp_path):
    path = tmp_path / "corpus.jsonl"
    items = [
        {"_id": "a", "title": "T", "text": "x", "metadata": {"domain": "news"}},
        {"_id": 7, "text": "y"},
    ]
    path.write_text("\n".join(map(json.dumps, items)) + "\n\n")
    found = rows([Part("documents", "BEIR texts", str(path), "c", "web", "en")])
    assert [tuple(row.values()) for row in found] == [
        ("c", "news", "en", "a", "T", "x"),
        ("c", "web", "en", "7", "", "y"),
    ]


@pytest.mark.parametrize(
    ("form", "kind", "line", "message"),
    [
        ("BEIR judgments", "judgments", "q1 d1 2", "expected `query-id<TAB>corpus-id<TAB>score`"),
        ("BEIR judgments", "judgments", "q1\td1\tyes", "expected `query-id<TAB>corpus-id"),
        ("MS MARCO texts", "documents", "1\ta\tb", "expected `id<TAB>text`"),
        ("MS MARCO texts", "queries", "1", "expected `id<TAB>text`"),
        ("negatives of triples", "candidates", "1\t2", "expected `query id<TAB>positive id"),
        ("positives of triples", "judgments", "1 2 3", "expected `query id<TAB>positive id"),
        ("top 1000", "candidates", "1\t2\t3", "expected `query id<TAB>passage id<TAB>query"),
        ("TREC judgments", "judgments", "q1 0 d1 1 1", "expected `query-id iteration doc-id"),
        ("TREC judgments", "judgments", "q1 0 d1 1.5", "expected `query-id iteration doc-id"),
        ("TREC run", "candidates", "q1 Q0 d1 1 x tag", "expected `query-id Q0 doc-id rank"),
    ],
)
def test_bad_rows_are_named(tmp_path, form, kind, line, message):
    path = tmp_path / "file.tsv"
    path.write_text(f"\n{line}\n")
    with pytest.raises(InputError) as error:
        rows([Part(kind, form, str(path), "c", "web", "en", "test")])
    assert str(error.value).startswith(f"{path}:2: {message}")


def test_judgments_with_and_without_a_header(tmp_path):
    path = tmp_path / "test.tsv"
    for header in ("", "query-id\tcorpus-id\tscore\n"):
        path.write_text(header + "q1\td1\t2\n")
        found = rows([Part("judgments", "BEIR judgments", str(path), "c", "web", "", "test")])
        assert [tuple(row.values()) for row in found] == [("c", "test", "q1", "d1", 2)]


def test_places_of_an_id(tmp_path):
    write(tmp_path / "a.tsv", "1\tx", "", "2\ty")
    write(tmp_path / "b.tsv", "2\tz")
    part = Part("documents", "MS MARCO texts", "", "c", "web", "en")
    files = [part._replace(path=str(tmp_path / name)) for name in ("a.tsv", "b.tsv")]
    assert list(collections.places(files, "doc_id", ["2", "9"])) == [
        (f"{tmp_path}/a.tsv", 3, "2"),
        (f"{tmp_path}/b.tsv", 1, "2"),
    ]


@pytest.mark.parametrize(
    ("form", "kind", "line", "message"),
    [
        ("BEIR texts", "documents", '{"_id": "", "text": "x"}', "an empty doc id"),
        ("BEIR texts", "queries", '{"_id": "", "text": "x"}', "an empty query id"),
        ("BEIR judgments", "judgments", "\td1\t1", "an empty query id"),
        ("BEIR judgments", "judgments", "q1\t\t1", "an empty doc id"),
        ("MS MARCO texts", "documents", "\tx", "an empty doc id"),
        ("negatives of triples", "candidates", "1\t2\t", "an empty doc id"),
    ],
)
def test_an_empty_id_is_named(tmp_path, form, kind, line, message):
    path = tmp_path / "file"
    good = '{"_id": "a", "text": "x"}' if form == "BEIR texts" else line.replace("\t", "7\t") + "7"
    path.write_text(f"{good}\n{line}\n")
    part = Part(kind, form, str(path), "c", "web", "en", "test", start=len(good) + 1)
    with pytest.raises(InputError) as error:
        rows([part])
    assert str(error.value) == f"{path}:2: {message}"


@pytest.mark.parametrize("name", ["te[s]t", "a b", "50%", "x=y", "a.en.de", "Bücher", "*", "q?"])
def test_a_folder_of_any_name(tmp_path, name):
    for write_layout in LAYOUTS:
        found = read(write_layout(tmp_path / write_layout.__name__ / name))
        assert {row["collection"] for row in found["judgments"]} == {name}
        assert all(found.values())


def test_candidates_have_the_columns_of_their_table(tmp_path):
    folder = layouts.write_beir(tmp_path / "c")
    given = Collection(path=folder, domain="news")
    (run,) = (file for file in collections.files(given) if file.kind == "candidates")
    (batch,) = collections.read(run)
    tables.check(batch.schema, tables.CANDIDATES, "candidates")
