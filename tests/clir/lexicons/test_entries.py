import pyarrow as pa

from clir.lexicons.entries import chain, into_english, ranked


def table(rows):
    columns = zip(*rows, strict=True)
    names = ("source_lang", "target_lang", "source_term", "target_term", "score", "origin")
    return pa.table(dict(zip(names, map(list, columns), strict=True)))


def entries(result):
    return [(r["target_lang"], r["source_term"], r["target_term"], r["rank"])
            for r in result.to_pylist()]  # fmt: skip


def test_ranks_are_by_score_and_repeated_entries_go():
    result = ranked(
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


def test_a_chain_asks_the_next_lexicon_only_for_what_is_missing():
    first = ranked(table([("en", "de", "dog", "Hund", 1.0, "dictionary")]))
    second = ranked(
        table([("en", "de", "Dog", "Dogge", 1.0, "t"), ("en", "zh", "dog", "狗", 1.0, "t")])
    )
    assert entries(chain([first, second])) == [
        ("de", "dog", "Hund", 1),
        ("zh", "dog", "狗", 1),
    ]


def test_read_backwards_a_word_means_what_it_translates_best():
    rows = [("en", "de", "shore", "Bank", 1.0, "x"), ("en", "de", "shore", "Ufer", 2.0, "x"),
            ("en", "de", "bank", "Bank", 1.0, "x")]  # fmt: skip
    back = into_english(ranked(table(rows)), "de")
    assert ("en", "Bank", "bank", 1) in entries(back)


def test_entries_that_copy_the_source_are_flagged():
    rows = [("en", "de", "taxi", "Taxi", 1.0, "x"), ("en", "de", "dog", "Hund", 1.0, "x")]
    flagged = {r["source_term"]: r["copy"] for r in ranked(table(rows)).to_pylist()}
    assert flagged == {"taxi": True, "dog": False}
