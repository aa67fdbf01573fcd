import pyarrow as pa
import pytest

from clir import lexicon
from clir.errors import InputError


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
    ],
)
def test_terms_of_titles(title, lang, term):
    assert lexicon.terms_of_titles(pa.array([title]), lang).to_pylist() == [term]


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


def test_a_dictionary_names_its_bad_line(tmp_path):
    path = tmp_path / "en-de.tsv"
    path.write_text("go\tgehen\ngo\tlaufen\nonly one column\n")
    with pytest.raises(InputError, match=r"en-de.tsv:3: expected"):
        lexicon.read_dictionary(path, "de")
    path.write_text("go\tgehen\ngo\tlaufen\n")
    assert entries(lexicon.read_dictionary(path, "de")) == [
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
