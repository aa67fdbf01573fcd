import gzip
import re

import pytest

from clir.errors import InputError
from clir.lexicons.dictionaries import read_dictionary


def read(path, content, lang="de"):
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return [(r["target_lang"], r["source_term"], r["target_term"], r["rank"])
            for r in read_dictionary(path, lang).to_pylist()]  # fmt: skip


SUN_AND_MOON = [("de", "moon", "Mond", 1), ("de", "sun", "Sonne", 1)]


@pytest.mark.parametrize("name", ["en-de.tsv", "en-de.txt.gz"])
@pytest.mark.parametrize(
    "content",
    [
        "sun\tSonne\nmoon\tMond",
        "\ufeffsun\tSonne\nmoon\tMond\n",
        "\n\nsun\tSonne\n \t\n\nmoon\tMond\n\n",
        "sun Sonne\nmoon Mond\n",
        "\ufeffsun  Sonne \r\n\r\nmoon Mond\r\n",
        " sun \t Sonne \r\nmoon\t\u00a0Mond\r\n",
    ],
)
def test_dictionaries_as_people_have_them(tmp_path, name, content):
    assert sorted(read(tmp_path / name, content.encode())) == SUN_AND_MOON


def test_a_dictionary_names_its_bad_line(tmp_path):
    path = tmp_path / "en-de.tsv"
    for content, message in [
        ("go\tgehen\n\ngo\tlaufen\nonly one column\n", ":4: expected `term<TAB>translation`"),
        ("go\tgehen\ngo\t \n", ":2: expected `term<TAB>translation`"),
        ("go\tgehen\tlaufen\n", ":1: expected `term<TAB>translation`"),
        ("go gehen\nice cream Eis\n", ":2: expected `term translation`"),
        ("go gehen\nice\n", ":2: expected `term translation`"),
        ("\n \n", ": no entries in it"),
    ]:
        with pytest.raises(InputError, match=re.escape(f"{path}{message}") + "$"):
            read(path, content.encode())


def test_only_a_newline_parts_entries(tmp_path):
    for mark in "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e\r":
        found = read(tmp_path / "en-de.tsv", f"ice{mark}cream\tEis\ngo\tgehen\n".encode())
        assert sorted(found) == [("de", "go", "gehen", 1), ("de", f"ice{mark}cream", "Eis", 1)]


def test_translations_are_ranked_by_the_order_of_lines(tmp_path):
    assert read(tmp_path / "en-de.tsv", b"go\tgehen\ngo\tlaufen\ngo\tgehen\n") == [
        ("de", "go", "gehen", 1),
        ("de", "go", "laufen", 2),
    ]
