import pyarrow as pa

from clir.lexicons.entries import entry_table, ranked
from clir.switching.quality_card import corpus_of, quality_card


def lexicon(*entries):
    return ranked(entry_table("en", "de", *zip(*entries, strict=True)))


def test_a_card_counted_by_hand():
    corpus = corpus_of(pa.array(["dog dog cat", "the dog runs"]))
    other = lexicon(("dog", "Dogge"), ("dog", "Hund"), ("cat", "Kater"))
    apart = lexicon(("bird", "Vogel"))
    card = quality_card(
        lexicon(("dog", "Hund"), ("taxi", "Taxi"), ("cat", "Katze"), ("the", "der")),
        corpus,
        {"other": other, "apart": apart},
    )
    assert card["switch_rate"]["1.0"] == 5 / 6
    assert card["switch_rate"]["0.25"] <= card["switch_rate"]["0.5"] <= 5 / 6
    assert card["copy_rate"]["1.0"] == 0  # no text has the word taxi
    del card["switch_rate"], card["copy_rate"]
    assert card == {
        "target_lang": "de",
        "entries": 4,
        "terms": 4,
        "never_found": 0,
        "copies": 1 / 4,
        "target_words": 1.0,
        "type_coverage": 3 / 4,
        "token_coverage": 5 / 6,
        "agreement": {"other": 1 / 2, "apart": None},
        "examples": [["dog", "Hund"], ["cat", "Katze"]],
    }


def test_phrases_count_as_their_words():
    corpus = corpus_of(pa.array(["ice cream is cold"]))
    entries = lexicon(("ice cream", "Eis"))
    assert quality_card(entries, corpus, {}, longest=3)["switch_rate"]["1.0"] == 2 / 4
    assert quality_card(entries, corpus, {}, longest=1)["switch_rate"]["1.0"] == 0
