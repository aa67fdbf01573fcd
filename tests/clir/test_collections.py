import json

import pytest

from clir import collections
from clir.errors import InputError


def rows(batches):
    return [row for batch in batches for row in batch.to_pylist()]


def test_documents_carry_their_own_domain_or_the_collections(tmp_path):
    path = tmp_path / "corpus.jsonl"
    items = [
        {"_id": "a", "title": "T", "text": "x", "metadata": {"domain": "news"}},
        {"_id": 7, "text": "y"},
    ]
    path.write_text("\n".join(map(json.dumps, items)) + "\n\n")
    assert rows(collections.read_documents(path, "c", "web", "en")) == [
        {
            "collection": "c",
            "domain": "news",
            "lang": "en",
            "doc_id": "a",
            "title": "T",
            "text": "x",
        },
        {"collection": "c", "domain": "web", "lang": "en", "doc_id": "7", "title": "", "text": "y"},
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{no json", "corpus.jsonl:2: not JSON"),
        (b"[1]", "corpus.jsonl:2: expected a JSON object"),
        (b'{"_id": "x"}', "corpus.jsonl:2: expected the keys _id and text"),
        (b'{"_id": "x", "text": "\xff"}', "corpus.jsonl:2: not UTF-8"),
    ],
)
def test_bad_lines_are_named(tmp_path, line, message):
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(b'{"_id": "a", "text": "t"}\n' + line + b"\n")
    with pytest.raises(InputError, match=message):
        rows(collections.read_documents(path, "c", "web", "en"))


def test_judgments_with_and_without_a_header(tmp_path):
    path = tmp_path / "test.tsv"
    for header in ("", "query-id\tcorpus-id\tscore\n"):
        path.write_text(header + "q1\td1\t2\n")
        (row,) = rows(collections.read_judgments(path, "c"))
        assert (row["split"], row["query_id"], row["doc_id"], row["grade"]) == (
            "test", "q1", "d1", 2,
        )  # fmt: skip
    path.write_text("q1\td1\t2\nq1 d1 2\n")
    with pytest.raises(InputError, match=r"test\.tsv:2: expected"):
        rows(collections.read_judgments(path, "c"))


def test_a_folder_without_collection_or_domain(tmp_path):
    with pytest.raises(InputError, match="expected the BEIR layout"):
        collections.languages_of(tmp_path)
    with pytest.raises(InputError, match="names no domain"):
        collections.domain_of(tmp_path, None)
    assert collections.domain_of(tmp_path, "news") == "news"
