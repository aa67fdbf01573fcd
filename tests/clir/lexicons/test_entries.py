import gzip
import re

import pyarrow as pa
import pytest

from clir.errors import InputError
from clir.lexicons import entries as lexicon


def table(rows):
    columns = zip(*rows, strict=True)
    names = ("source_lang", "target_lang", "source_term", "target_term", "score", "origin")
    return pa.table(dict(zip(names, map(list, columns), strict=True)))


def entries(result):
    return [(r["target_lang"], r["source_term"], r["target_term"], r["rank"])
            for r in result.to_pylist()]  # fmt: skip


@pytest.mark.parametrize(
    ("title", "lang", "term"),
    [
        ("Mercury_(planet)", "en", "mercury"),
        ("Georgia_(U.S._state)", "en", "georgia"),
        ("Brot", "de", "Brot"),
        ("Schrödinger's_cat", "en", "schrödinger's cat"),
        ("水星（行星）", "zh", "水星"),
        ("(Disambiguation)", "en", "(disambiguation)"),
        ("Cafe\u0301", "fr", "café"),
        ("1984", "en", None),
        ("Personaggi della serie#Bart", "it", "personaggi della serie"),
        ("Mercury_(planet)#Orbit_(2)", "en", "mercury"),
        (":Brot_", "de", "Brot"),
        ("#Bart", "it", None),
        ("Wikipedia:Hauptseite", "de", None),
        ("Portail:Lumière", "fr", None),
        ("wikt:sun", "en", None),
        ("Star_Trek:_Voyager", "en", "star trek: voyager"),
    ],
)
def test_terms_of_titles(title, lang, term):
    assert lexicon.terms_of_titles(pa.array([title]), lang).to_pylist() == [term]


def test_titles_that_give_no_term_have_a_reason():
    reasons = {
        "Brot": None, "Hilfe:Brot": "in a namespace", "Hilfe:#1": "in a namespace",
        ":fr:Pain": "of another wiki", "#Bart": "empty", " _ ": "empty", "1984": "without a letter",
        "Хлеб": "in another script",
    }  # fmt: skip
    titles = pa.array(list(reasons))
    terms = lexicon.terms_of_titles(titles, "de")
    assert lexicon.why_dropped(titles, terms, "de").to_pylist() == list(reasons.values())


def test_ranks_are_by_score_and_repeated_entries_go():
    result = lexicon.ranked(
        table(
            [
                ("en", "de", "bank", "Ufer", 0.5, "x"),
                ("en", "de", "bank", "Bank", 2.0, "x"),
                ("en", "de", "Bank", "bank", 1.0, "x"),
                ("en", "fr", "bank", "banque", 1.0, "x"),
            ]
        )
    )
    assert entries(result) == [
        ("de", "bank", "Bank", 1),
        ("de", "bank", "Ufer", 2),
        ("fr", "bank", "banque", 1),
    ]


def read(path, content, lang="de"):
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return entries(lexicon.read_dictionary(path, lang))


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
    with pytest.raises(InputError, match=r"en-de.tsv:2: not UTF-8"):
        read(path, b"go\tgehen\nso\t\xfcber\n")
    with pytest.raises(InputError, match="no such file"):
        lexicon.read_dictionary(tmp_path / "none.tsv", "de")


def test_only_a_newline_parts_entries(tmp_path):
    for mark in "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e\r":
        found = read(tmp_path / "en-de.tsv", f"ice{mark}cream\tEis\ngo\tgehen\n".encode())
        assert sorted(found) == [("de", "go", "gehen", 1), ("de", f"ice{mark}cream", "Eis", 1)]


def test_translations_are_ranked_by_the_order_of_lines(tmp_path):
    assert read(tmp_path / "en-de.tsv", b"go\tgehen\ngo\tlaufen\ngo\tgehen\n") == [
        ("de", "go", "gehen", 1),
        ("de", "go", "laufen", 2),
    ]


def test_a_chain_asks_the_next_lexicon_only_for_what_is_missing():
    first = lexicon.ranked(table([("en", "de", "dog", "Hund", 1.0, "dictionary")]))
    second = lexicon.ranked(
        table([("en", "de", "Dog", "Dogge", 1.0, "t"), ("en", "zh", "dog", "狗", 1.0, "t")])
    )
    assert entries(lexicon.chain([first, second])) == [
        ("de", "dog", "Hund", 1),
        ("zh", "dog", "狗", 1),
    ]


def test_read_backwards_a_word_means_what_it_translates_best():
    rows = [("en", "de", "shore", "Bank", 1.0, "x"), ("en", "de", "shore", "Ufer", 2.0, "x"),
            ("en", "de", "bank", "Bank", 1.0, "x")]  # fmt: skip
    back = lexicon.into_english(lexicon.ranked(table(rows)), "de")
    assert ("en", "Bank", "bank", 1) in entries(back)


@pytest.mark.parametrize(
    ("term", "lang", "good"),
    [("nasa", "ru", False), ("наса", "ru", True), ("水", "zh", True), ("ウィキ", "ja", True),
     ("Ärger", "de", True), ("ärger", "hi", False), ("dvd機", "zh", True)],
)  # fmt: skip
def test_terms_are_in_a_script_of_their_language(term, lang, good):
    assert lexicon.in_script(pa.array([term]), lang).to_pylist() == [good]


def test_entries_that_copy_the_source_are_flagged():
    rows = [("en", "de", "taxi", "Taxi", 1.0, "x"), ("en", "de", "dog", "Hund", 1.0, "x")]
    flagged = {r["source_term"]: r["copy"] for r in lexicon.ranked(table(rows)).to_pylist()}
    assert flagged == {"taxi": True, "dog": False}
