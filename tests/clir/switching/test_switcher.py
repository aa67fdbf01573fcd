import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clir.errors import InputError
from clir.lexicons.entries import entry_table, ranked
from clir.switching.slots import find
from clir.switching.switcher import Switcher
from clir.switching.term_index import Slots
from clir.text.words import buffer_of, find_words

ENTRIES = [
    ("dog", "de", "Hund"),
    ("dog", "fr", "chien"),
    ("dog", "zh", "狗"),
    ("house", "de", "Haus"),
    ("dog house", "de", "Hundehütte"),
    ("hot dog", "de", "Bockwurst"),
    ("Hund", "fr", "canin"),  # a target of another entry: output must not be switched again
    ("the who", "de", "Wer-Band"),
    ("it", "de", "es"),
]


def lexicon(entries=ENTRIES):
    source, target_lang, target = zip(*entries, strict=True)
    return ranked(entry_table("en", list(target_lang), source, target))


def switch(
    texts, languages=("de",), probability=1.0, per_text=False, ids=None, entries=ENTRIES, **options
):
    ids = pa.array(ids or [f"t{n}" for n in range(len(texts))])
    switcher = Switcher(lexicon(entries), languages, **options)
    return switcher.switch(pa.array(texts), ids, "query", probability, 1, per_text)


def switched(text, **options):
    return switch([text], **options).texts[0].as_py()


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("The dog sat.", "The Hund sat."),
        ("DOG, Dog;dog", "HUND, Hund;Hund"),
        ("dogs hotdog dog's adog dog1 édog", "dogs hotdog dog's adog dog1 édog"),
        ("a  “dog”…\n", "a  “Hund”…\n"),
        ("dog-house (dog)", "Hund-Haus (Hund)"),
        ("", ""),
    ],
)
def test_whole_words_and_nothing_else(text, result):
    assert switched(text) == result


def switched_by(entries, text, max_words=8, source="en", target="de"):
    """A text switched by a dictionary of (term, translation)."""
    table = ranked(entry_table(source, target, *zip(*entries, strict=True)))
    switcher = Switcher(table, [target], max_words=max_words)
    done = switcher.switch(pa.array([text]), pa.array(["id"]), "query", 1.0, 1)
    return done.texts[0].as_py()


MARKED = [
    ("U.S.", "Vereinigte Staaten"), ("C++", "Ceplus"), (".NET", "Punktnetz"), ("c", "tse"),
    ("Yahoo!", "Suchdienst"), ("Washington, D.C.", "Hauptstadt"), ("St. Louis", "Ludwigsstadt"),
    ("rock 'n' roll", "Rockmusik"), ("women's", "Damen-"), ("house", "Haus"), ("net", "Netz"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("The U.S. won.", "The Vereinigte Staaten won."),
        ("the U.S.-led U.S", "the Vereinigte Staaten-led U.S"),
        ("the U.S.A", "the U.S.A"),
        ("C++ code, c code, C# code", "Ceplus code, tse code, Tse# code"),
        ("Ｃ＋＋", "Ceplus"),
        ("c++++", "ceplus++"),
        (".NET ASP.Net net", "Punktnetz ASP.Netz netz"),
        ("Yahoo! pays Yahoo", "Suchdienst pays Yahoo"),
        ("in Washington, D.C. now", "in Hauptstadt now"),
        ("in Washington D.C.", "in Washington D.Tse."),
        ("St. Louis arch", "Ludwigsstadt arch"),
        ("rock ’n’ roll", "rockmusik"),
        ("women's women’s house’s", "damen- damen- house’s"),
    ],
)
def test_terms_with_marks_at_their_edges_are_found_with_them_alone(text, result):
    found = switched_by(MARKED, text)
    assert found.casefold() == result.casefold()


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("¿Qué?", "dijo ¿Qué? y"),
        ("'n'", "rock 'n' roll"),
        ("Wait…", "Wait..."),
        ("Who⁈", "Who?!"),
        ("C++", "C\u200b++"),
        ("U.S.", "U.S\u200b."),
        ("什么？", "什么？Yahoo"),
    ],
)
def test_the_most_marks_around_a_term_belong_to_it(term, text):
    word = re.search(r"\w+", term)[0]
    entries = [(term, "X"), (word, "word"), (f"{word}{term[-1]}", "right")]
    found = switched_by(entries, text, source="zh" if word == "什么" else "es")
    assert "X" in found and "word" not in found and "right" not in found


def test_abbreviations_and_compounds_are_one_word():
    entries = [("U.S.", "usa"), ("e-mail", "Elektropost"), ("a b", "zwei")]
    assert switched_by(entries, "the U.S. e-mail a b", max_words=1) == "the usa Elektropost a b"


def test_every_term_that_has_words_is_found_in_a_text_of_its_own():
    terms = [term for term, _ in MARKED] + ["!!!", "https://house.example", "a b c d e f g h i"]
    table = lexicon([(term, "de", "x") for term in terms])
    found = Switcher(table, ["de"], max_words=8).finds(table["source_term"])
    lost = {t for t, f in zip(table["source_term"].to_pylist(), found, strict=True) if not f}
    assert lost == set(terms[-3:])


def test_a_translation_takes_the_capitals_of_its_word():
    entries = [("water", "wasser"), ("a", "éin"), ("red cross", "rotes Kreuz"), ("nato", "otan")]
    assert switched_by(entries, "Water WATER water") == "Wasser WASSER wasser"
    assert switched_by(entries, "A WaTer NATO Nato") == "Éin Wasser OTAN Otan"
    assert switched_by([("usa", "vereinigte Staaten")], "USA, Usa") == (
        "Vereinigte Staaten, Vereinigte Staaten"
    )
    assert switched_by([("U.S.", "vereinigte Staaten")], "the U.S.") == "the vereinigte Staaten"
    assert switched_by(entries, "Red Cross, RED CROSS") == "Rotes Kreuz, ROTES KREUZ"


def test_addresses_and_names_are_left_alone():
    entries = [(word, word[::-1]) for word in ("news", "water", "house", "amp")]
    for text in (
        "see https://news.example.com/water?q=house",
        "mail water@house.example",
        "@water_news on #water",
        "fire &amp; water_house",
    ):
        assert switched_by(entries, text) == text
    assert switched_by(entries, "(news.com) house") == "(news.com) esuoh"


def test_elided_articles_are_parted_from_what_they_stand_before():
    entries = [("eau", "water"), ("école", "school"), ("la", "the")]
    french = {"source": "fr", "target": "en"}
    assert switched_by(entries, "l'eau de l’école", **french) == "l' water de l’ school"
    assert switched_by([*entries, ("l'", "the")], "L'eau", **french) == "The water"
    assert switched_by([*entries, ("l", "the")], "l'eau", **french) == "the water"
    assert switched_by([("l'eau", "water")], "l’eau", **french) == "water"
    assert switched_by([("isola", "island")], "dell'isola", source="it", target="en") == (
        "dell' island"
    )


def test_longest_phrase_first_without_overlap():
    assert switched("a hot dog house", max_words=3) == "a Bockwurst Haus"
    assert switched("a dog house", max_words=3) == "a Hundehütte"
    assert switched("a dog, house", max_words=3) == "a Hund, Haus"


def test_stop_words_are_left_alone_where_phrases_are_titles():
    assert switched("it saw the who", max_words=3, keep_stop_words=True) == "it saw the who"
    assert switched("it saw the who", max_words=3) == "es saw Wer-Band"


def test_one_language_per_text_or_one_per_word():
    texts = ["dog dog dog dog dog dog"] * 40
    of_text = switch(texts, ("de", "fr", "zh"), per_text=True).texts.to_pylist()
    assert {len(set(text.split())) for text in of_text} == {1}
    assert {text.split()[0] for text in of_text} == {"Hund", "chien", "狗"}
    of_word = switch(texts, ("de", "fr", "zh")).texts.to_pylist()
    assert max(len(set(text.split())) for text in of_word) > 1


def test_a_language_that_lacks_the_word_is_not_drawn():
    assert switch(["house"] * 20, ("de", "fr", "zh")).texts.unique().to_pylist() == ["Haus"]


def test_characters_without_blanks_between_them():
    entries = [("狗", "dog"), ("大学", "university")]
    assert switched_by(entries, "大学的狗狗。狗 x", source="zh", target="en") == (
        "university 的 dog dog。dog x"
    )


def test_words_translated_by_themselves_are_told_apart():
    done = switch(["a taxi, dog dog"], entries=[("taxi", "de", "Taxi"), ("dog", "de", "Hund")])
    assert done.by_language.tolist() == [[2]] and done.copied.tolist() == [[1]]
    assert done.switched.tolist() == [2] and done.texts.to_pylist() == ["a taxi, Hund Hund"]


def test_a_word_is_drawn_for_itself_only_where_it_has_no_other_translation():
    entries = [("taxi", "de", "Taxi"), ("taxi", "zh", "出租车"), ("Opel", "de", "Opel")]
    done = switch(["taxi OPEL"] * 20, ("de", "zh"), entries=entries)
    assert done.texts.unique().to_pylist() == ["出租车 OPEL"]
    assert done.copied.sum() == 20


def test_the_share_of_switched_words_is_the_probability():
    done = switch(["dog " * 1000] * 20, probability=0.3)
    assert done.switched.sum() / done.words.sum() == pytest.approx(0.3, abs=0.02)


def test_a_language_without_entries_is_an_error():
    with pytest.raises(InputError, match="no entries for vi"):
        Switcher(lexicon(), ["de", "vi"])


words = st.sampled_from(["dog", "House", "hot", "Hund", "it", "the", "Who", "dogs", "é", "狗", "x"])
gaps = st.text(st.sampled_from(" ,.-;'“”\n"), min_size=1, max_size=3)
texts = st.lists(
    st.lists(st.tuples(words, gaps)).map(lambda parts: "".join(w + g for w, g in parts))
    | st.text(st.characters(codec="utf-8", max_codepoint=0x2FFF), max_size=20),
    min_size=1,
    max_size=12,
)
modes = st.fixed_dictionaries(
    {
        "languages": st.sampled_from([("de",), ("de", "fr", "zh")]),
        "max_words": st.integers(1, 3),
        "per_text": st.booleans(),
    }
)


@given(texts=texts, mode=modes)
def test_probability_zero_is_the_identity(texts, mode):
    done = switch(texts, probability=0.0, **mode)
    assert done.texts.to_pylist() == texts and done.switched.sum() == 0


@given(texts=texts, mode=modes, probability=st.floats(0, 1), size=st.integers(1, 5))
def test_any_partitioning_gives_the_same_texts(texts, mode, probability, size):
    ids = [f"id{n}" for n in range(len(texts))]
    whole = switch(texts, probability=probability, ids=ids, **mode).texts.to_pylist()
    parts = []
    for at in reversed(range(0, len(texts), size)):
        part = switch(
            texts[at : at + size], probability=probability, ids=ids[at : at + size], **mode
        )
        parts = part.texts.to_pylist() + parts
    assert parts == whole


def pieces(text):
    """Gaps and words in turn: gap, word, gap, ..., word, gap."""
    found = find_words(buffer_of(pa.array([text], pa.string())), "en")
    data, parts, done = text.encode(), [], 0
    for start, end in zip(found.start, found.end, strict=True):
        parts += [data[done:start].decode(), data[start:end].decode()]
        done = end
    return [*parts, data[done:].decode()]


@given(texts=texts, probability=st.floats(0, 1), languages=st.sampled_from([("de",), ("de", "zh")]))
def test_words_are_replaced_whole_and_what_is_between_them_stays(texts, probability, languages):
    translations = {}
    for source, lang, target in ENTRIES:
        if lang in languages:
            translations.setdefault(source.lower(), set()).add(target)
    done = switch(texts, probability=probability, languages=languages)
    for before, after in zip(texts, done.texts.to_pylist(), strict=True):
        pattern = ""
        for n, piece in enumerate(pieces(before)):
            allowed = {piece}
            for target in translations.get(piece.lower(), ()) if n % 2 else ():
                allowed |= {target, target[0].upper() + target[1:], target.upper()}
            # Between words that touch, as characters do, a blank parts what was replaced.
            blank = " ?" if not n % 2 and not piece else ""
            pattern += blank + "(?:" + "|".join(map(re.escape, sorted(allowed))) + ")"
        assert re.fullmatch(pattern, after), (before, after)


def test_words_are_counted_by_the_language_they_went_into():
    done = switch(["a dog house", "dog, dog", "none"], languages=("fr", "de"), max_words=3)
    assert done.switched.tolist() == [2, 2, 0] and done.words.tolist() == [3, 2, 1]
    assert done.by_language[0].tolist() == [0, 2]  # a phrase counts as its words
    assert done.by_language[1].sum() == 2


def test_a_saved_switcher_does_what_it_did(tmp_path):
    texts = pa.array(["a hot dog house", "the DOG, the dog", ""])
    ids = pa.array(["1", "2", "3"])
    made = Switcher(lexicon(), ("de", "fr", "zh"), max_words=3)
    made.save(tmp_path / "saved")
    opened = Switcher.open(tmp_path / "saved")
    assert opened.languages == made.languages
    for probability in (0.3, 1.0):
        one, other = (s.switch(texts, ids, "query", probability, 7) for s in (made, opened))
        assert one.texts == other.texts and (one.by_language == other.by_language).all()


@given(st.sets(st.integers(0, 2**64 - 1), max_size=300), st.lists(st.integers(0, 2**64 - 1)))
def test_every_key_is_found_and_no_other(keys, others):
    keys = np.array(sorted(keys), np.uint64)
    asked = np.array([*keys, *others, *(key ^ np.uint64(1) for key in keys)], np.uint64)
    row = {key: n for n, key in enumerate(keys.tolist())}
    slots = Slots.of(keys)
    assert [find(*slots, key) for key in asked] == [row.get(key, -1) for key in asked.tolist()]
