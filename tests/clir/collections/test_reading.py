import json

import pytest

from clir.collections import layouts as collections
from clir.collections import reading
from clir.collections.layouts import Part
from clir.errors import InputError
from clir.experiment import Collection
from tests import layouts
from tests.layouts import rows, write


def test_large_files_are_cut_and_small_ones_read_together(tmp_path):
    folder = layouts.write_trec(tmp_path / "c")
    (folder / "qrels.train.txt").write_text("7 0 1 1\n" * 100)
    runs = reading.tasks(collections.files(Collection(path=folder, domain="news")), 300)
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
        ("BEIR texts", "documents", '{"_id": "", "text": "x"}', "an empty doc id"),
        ("BEIR texts", "queries", '{"_id": "", "text": "x"}', "an empty query id"),
        ("BEIR judgments", "judgments", "\td1\t1", "an empty query id"),
        ("BEIR judgments", "judgments", "q1\t\t1", "an empty doc id"),
        ("MS MARCO texts", "documents", "\tx", "an empty doc id"),
        ("negatives of triples", "candidates", "1\t2\t", "an empty doc id"),
    ],
)
def test_bad_rows_are_named(tmp_path, form, kind, line, message):
    path = tmp_path / "file.tsv"
    path.write_text(f"\n{line}\n")
    for start in (0, 1):  # also where a task begins with it
        with pytest.raises(InputError) as error:
            rows([Part(kind, form, str(path), "c", "web", "en", "test", start)])
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
    assert list(reading.places(files, "doc_id", ["2", "9"])) == [
        (f"{tmp_path}/a.tsv", 3, "2"),
        (f"{tmp_path}/b.tsv", 1, "2"),
    ]
