import sys
from typing import NamedTuple

import pytest

from clir.collections import layouts as collections
from clir.collections import reading
from clir.errors import InputError
from clir.experiment import Collection


def rows(name, **settings):
    found = {}
    for part in collections.files(Collection(name=name, domain="news", **settings)):
        batches = [row for batch in reading.read(part) for row in batch.to_pylist()]
        found.setdefault(part.kind, []).extend(tuple(row.values()) for row in batches)
    return found


class TitledDoc(NamedTuple):
    doc_id: str
    title: str
    text: str


@pytest.fixture(scope="module")
def registered(tmp_path_factory):
    """clir-toy, clir-toy/dev/small and clir-titled, from files of ours."""
    folder = tmp_path_factory.mktemp("ir_datasets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IR_DATASETS_HOME", str(folder / "home"))  # read when it is imported
        ir_datasets = pytest.importorskip("ir_datasets", reason="ir_datasets is not installed")
    from ir_datasets import formats
    from ir_datasets.util import LocalDownload

    def file(name, text):
        (folder / name).write_text(text)
        return LocalDownload(folder / name)

    docs = formats.TsvDocs(file("docs.tsv", "1\tA reef\n2\tDogs\n"), lang="en")
    titled = formats.TsvDocs(file("titled.tsv", "1\tReef\tA reef\n"), doc_cls=TitledDoc)
    queries = formats.TsvQueries(file("queries.tsv", "7\twhich reef?\n"), lang="en")
    qrels = formats.TrecQrels(file("qrels", "7 0 1 2\n"), {})
    scored = formats.TrecScoredDocs(file("run", "7 Q0 2 1 1.5 tag\n"))
    pairs = formats.TsvDocPairs(file("triples.tsv", "7\t1\t2\n"))
    whole = ir_datasets.Dataset(docs)
    small = ir_datasets.Dataset(docs, queries, qrels, scored, pairs)
    ir_datasets.registry.register("clir-toy", whole)
    ir_datasets.registry.register("clir-toy/dev/small", small)
    ir_datasets.registry.register("clir-titled", ir_datasets.Dataset(titled, queries))


def test_a_name_gives_the_same_tables_as_a_folder(registered):
    name = "clir-toy-dev-small"
    assert rows("clir-toy/dev/small") == {
        "documents": [
            (name, "news", "en", "1", "", "A reef"),
            (name, "news", "en", "2", "", "Dogs"),
        ],
        "queries": [(name, "news", "en", "7", "which reef?")],
        "judgments": [(name, "dev.small", "7", "1", 2)],
        "candidates": [
            (name, "dev.small", None, None, "7", "2", None, 1.5, "scoreddocs"),
            (name, "dev.small", None, None, "7", "2", None, None, "triples"),
        ],
    }


def test_titles_are_kept_and_a_language_may_be_given(registered):
    found = rows("clir-titled", lang="de")
    assert found["documents"] == [("clir-titled", "news", "de", "1", "Reef", "A reef")]
    assert {row[2] for row in found["queries"]} == {"de"}
    with pytest.raises(InputError, match="clir-titled: give lang, the language of its documents"):
        rows("clir-titled")


def test_names_that_cannot_be_read(registered):
    with pytest.raises(InputError, match="clir-nothing: ir_datasets knows no such name"):
        rows("clir-nothing")
    with pytest.raises(InputError, match="clir-toy: it has documents in en, queries in no"):
        rows("clir-toy")
    with pytest.raises(InputError, match="clir-toy/dev/small: give its domain"):
        collections.files(Collection(name="clir-toy/dev/small"))


def test_without_the_package_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    with pytest.raises(InputError, match="install it: pip install ir_datasets"):
        rows("beir/scifact/train")
