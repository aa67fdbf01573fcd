import json

import pytest

from clir.collections import layouts as collections
from clir.errors import InputError
from clir.experiment import Collection
from tests import layouts
from tests.layouts import DOCUMENTS, JUDGMENTS, LAYOUTS, QUERIES, RUN, read, write


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


def test_a_collection_in_one_language_is_english_unless_told(tmp_path):
    for write_layout in (layouts.write_trec, layouts.write_msmarco, layouts.write_beir):
        folder = write_layout(tmp_path / write_layout.__name__)
        assert langs(read(folder)) == [{"en"}, {"en"}]
        assert langs(read(folder, lang="de")) == [{"de"}, {"de"}]
        assert langs(read(folder, lang="fi", query_lang="en")) == [{"fi"}, {"en"}]
    with pytest.raises(InputError, match="by language; leave lang away"):
        read(layouts.write_beir_by_language(tmp_path / "parallel"), lang="de")


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
