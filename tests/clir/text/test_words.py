"""Which words a text has, and which words and terms have the same key."""

import re
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clir.languages import LANGUAGES
from clir.text.folding import folded_form
from clir.text.terms import term_keys
from clir.text.words import buffer_of, find_words, hash_ids


def words_of(text, lang="en"):
    found = find_words(buffer_of(pa.array([text], pa.string())), lang)
    data = text.encode()
    return [data[s:e].decode() for s, e in zip(found.start, found.end, strict=True)]


def same_key(*terms, lang="en"):
    return len(set(term_keys(pa.array(terms), lang).tolist())) == 1


def test_words_of_many_scripts():
    assert words_of("Don't stop: the “café”s 2nd mother-in-law!") == [
        "Don't", "stop", "the", "café", "s", "2nd", "mother", "in", "law",
    ]  # fmt: skip
    assert words_of("भारत की नदियाँ", "hi") == ["भारत", "की", "नदियाँ"]
    assert words_of("дом—дерево", "ru") == ["дом", "дерево"]
    assert words_of("我吃 sushi寿司", "zh") == ["我", "吃", "sushi", "寿", "司"]
    assert words_of("'' ' …") == []


@pytest.mark.parametrize(
    ("lang", "text", "words"),
    [
        ("fr", "L'eau de l’école", ["L'", "eau", "de", "l’", "école"]),
        ("fr", "jusqu'à qu'il aujourd'hui", ["jusqu'", "à", "qu'", "il", "aujourd'hui"]),
        ("it", "dell'isola un’altra c'è po'", ["dell'", "isola", "un’", "altra", "c'", "è", "po"]),
        ("it", "dell´acqua nell＇uovo", ["dell´", "acqua", "nell＇", "uovo"]),
        ("pt", "copo d'água", ["copo", "d'", "água"]),
        ("en", "L'eau d'Artagnan's", ["L'eau", "d'Artagnan's"]),
        ("it", "cos'è dell'«isola»", ["cos'", "è", "dell'", "isola"]),
        ("ca", "l'aigua d'or", ["l'", "aigua", "d'", "or"]),
        ("nl", "foto's van auto's", ["foto's", "van", "auto's"]),
        ("pl", "żółć Kennedy'ego, biało-czerwona", ["żółć", "Kennedy'ego", "biało", "czerwona"]),
    ],
)
def test_what_a_language_elides_is_a_word_by_itself(lang, text, words):
    assert words_of(text, lang) == words


def test_an_apostrophe_that_closes_a_quotation_elides_nothing():
    assert words_of("la parola 'un' è", "it") == ["la", "parola", "un", "è"]
    assert words_of("la lettre ‘c’ et 'l'", "fr") == ["la", "lettre", "c", "et", "l"]
    assert words_of("l' eau", "fr") == ["l'", "eau"]


def test_marks_and_format_characters_belong_to_the_word_they_stand_in():
    assert words_of("co\u00adoperate a\u200dé\ufeff\u200e end\u00ad") == [
        "co\u00adoperate", "a\u200dé", "end",
    ]  # fmt: skip
    assert words_of("☀️sun ☀️ sun 👩‍💻 ❤️‍🔥fire") == ["sun", "sun", "fire"]
    assert words_of("\u0301a \u20e3 ـكتاب", "ar") == ["a", "كتاب"]
    assert words_of("か\u3099き葛\U000e0100飾", "ja") == ["か\u3099", "き", "葛\U000e0100", "飾"]
    assert words_of("ｶﾞｽ", "ja") == ["ｶﾞ", "ｽ"]


ADDRESSES = [
    *r"""
    https://news.example.com/water?q=house#fire http://de.example.org/wiki/Zürich_(See)
    git+ssh://water@house.example/news.git https://zh.example.org/wiki/北京
    www.water-house.example WWW.News.Example news.example.com bbc.co.uk/news t.co/water
    spiegel.de water.house@news.example.co.uk first_last+water@house.example вода@дом.example
    @water_news @water@house.example @дом #climate #вода_дом #気候変動 ＃気候 &amp; &#39;
    &#x1F600; snake_case_water __init__ water_house.news() std::water::house water()
    ~/water/house.txt /usr/share/water C:\water\house \textbf report.pdf video.mp4 photo.JPG
    src/water/house.py ./water ~/water user_name@news.com first.de@news.example
    @water_news@house.example mailto:water@house.example tel:+49-30-1234 doi:10.1000/water
    corriere.it elpais.es ndtv.in/news <b> </b> <br/>
    """.split(),
    "<br />",
    '<a href="water.html" class="house">',
]


@pytest.mark.parametrize("piece", ADDRESSES)
@pytest.mark.parametrize("around", ["%s", "water %s house", "(%s), house", "%s. House", "水 %s"])
def test_addresses_names_and_code_are_no_words(piece, around):
    rest = words_of(around % "")
    assert words_of(around % piece) == rest


def test_what_only_looks_like_an_address_is_words():
    for text in (
        "and/or", "km/h", "end.Next", "e.g. this", "3.5 5@ # 1", "a_ _b_ _", "AT&T", "a & b;",
        "10:30", "note: this", "f (x)", "Mr.Smith", "one...two", "x.", "rock & roll",
        "he/she/it", "C#", "#", "end.It was", "note:this", "a <b and c> d", "x < y", "a<b, c>d",
        "<3",
    ):  # fmt: skip
        assert words_of(text) == re.findall(r"\w+", text.replace("_", " ")), text
    assert words_of("#water#house and C#编程") == ["and", "C", "编", "程"]
    assert words_of("R&D; &1; Mr.Smith AT&T;") == ["R", "D", "1", "Mr", "Smith", "AT", "T"]
    # An address ends where Chinese text goes on.
    assert words_of("看https://t.co/abc这个 #气候#我们", "zh") == ["看", "这", "个", "我", "们"]
    assert words_of("看https://x.org/a_(b)吧", "zh") == ["看", "吧"]


def test_hostile_texts_are_read_in_time_and_in_bounds():
    pieces = (
        "a. @ a@ # & &a _ a_ :// a:// :: a:: / /a \\ \\a a() 'a a.b/ \u0301 \u00ad 大 大@".split()
    )
    for piece in pieces:
        text = piece * 20_000
        assert len(words_of(text)) <= len(text)


@pytest.mark.parametrize(
    ("lang", "terms"),
    [
        ("de", ["Ärger", "ÄRGER", "A\u0308rger"]),
        ("de", ["Straße", "STRASSE", "strasse"]),
        ("vi", ["bệnh", "be\u0323\u0302nh", "be\u0302\u0323nh", "ê\u0323nh".replace("ê", "bê")]),
        ("hi", ["लड़की", "लड\u093cकी"]),
        ("hi", ["ज़रूरत", "ज\u093cरूरत", "जरूरत"]),
        ("hi", ["क्या", "क्\u200dया", "क्\u200cया"]),
        ("ar", ["كتاب", "كتـــاب", "كِتَابٌ", "ﻛﺘﺎﺏ"]),
        ("ar", ["لا", "ﻻ"]),
        ("ja", ["ガス", "ｶﾞｽ", "カ\u3099ス"]),
        ("ja", ["Tokyo", "Ｔｏｋｙｏ", "ＴＯＫＹＯ"]),
        ("zh", ["大学", "大\u200b学"]),
        ("ru", ["замок", "за́мок", "ЗАМОК"]),
        ("ru", ["ёлка", "елка", "е\u0308лка"]),
        ("ru", ["й", "и\u0306"]),
        ("fr", ["l'eau", "l’eau", "L‘EAU"]),
        ("en", ["hot dog", "hot  dog", "hot\u00a0dog", "Hot\nDog", " hot dog "]),
        ("en", ["fish", "ﬁsh", "fi\u00adsh"]),
        ("en", ["e-mail", "e‑mail", "E‐mail"]),
        ("en", ["C++", "c++", "Ｃ＋＋"]),
        ("en", ["m2", "m²"]),
    ],
)
def test_terms_written_in_several_ways_have_one_key(lang, terms):
    assert same_key(*terms, lang=lang)


def test_terms_that_are_not_the_same_have_other_keys():
    terms = ["resume", "résumé", "hotdog", "hot dog", "hot-dog", "dog hot", "C", "C++", "C#", ".C",
             "U.S", "U.S.", "Yahoo", "Yahoo!", "й", "и", "a b", "ab", "a", "", "!",
             "3.5", "4-5", "2/5", "5,5", "60.50", "24/7", "34.7", "I/O", "K-O", "C#", "(c)", "B-",
             "A+", "Mr.", "or,", "or?"]  # fmt: skip
    terms = list(dict.fromkeys(terms))
    assert len(set(term_keys(pa.array(terms), "en").tolist())) == len(terms)


@given(st.text(st.characters(max_codepoint=0xFFFF, categories=("L", "M", "N", "Zs")), max_size=12))
def test_keys_do_not_depend_on_the_normal_form(text):
    forms = {unicodedata.normalize(form, text) for form in ("NFC", "NFD")} | {text}
    assert same_key(*sorted(forms))


@given(st.text(st.characters(codec="utf-8", max_codepoint=0x2FFF), max_size=8))
def test_folding_twice_is_folding_once(text):
    assert folded_form(folded_form(text)) == folded_form(text)


def kind(character):
    if character in "'’‘ʼʻ´＇":
        return "A"
    category = unicodedata.category(character)
    folded = folded_form(character)
    if category == "So" and len(folded) == 1:  # a letter in a circle, a radical
        category, character = unicodedata.category(folded), folded
    if category == "Cf":
        return "F"
    if category[0] == "M" or character == "ـ":
        return "M"
    if category[0] in "LN":
        return "S" if "\u3040" <= character <= "\u9fff" or character == "々" else "L"
    return "O"


def slow_words(text):
    """The words of an English text without addresses, the slow and obvious way."""
    kinds = "".join(map(kind, text))
    words = []
    for found in re.finditer(r"S(?:F*M)*|L(?:F*[LM])*(?:AL(?:F*[LM])*)*", kinds):
        words.append(text[found.start() : found.end()])
    return words


ordinary = st.characters(codec="utf-8", max_codepoint=0x2FFF, exclude_characters="@#&_:.(\\/")
written = st.lists(
    st.sampled_from(["dog", "it's", "city’s", "é", "狗", "か\u3099", "\u00ad", "️", " ", ", ", "ـ"])
    | st.text(ordinary, max_size=4),
    max_size=12,
).map("".join)


@given(written)
def test_words_are_those_of_a_slow_and_obvious_reader(text):
    assert words_of(text) == slow_words(text)


@given(st.lists(st.text(max_size=20), max_size=5), st.sampled_from(sorted(LANGUAGES)))
def test_a_batch_has_the_words_of_each_of_its_texts(texts, lang):
    found = find_words(buffer_of(pa.array(texts, pa.string())), lang)
    data = "".join(texts).encode()
    words = [data[s:e].decode() for s, e in zip(found.start, found.end, strict=True)]
    assert words == [word for text in texts for word in words_of(text, lang)]


def test_a_word_ends_with_its_text():
    found = find_words(buffer_of(pa.array(["ab", "cd", "", "e"])), "en")
    assert list(found.text) == [0, 1, 3] and list(found.position) == [0, 0, 0]


def test_slices_of_arrays():
    whole = pa.array(["dog", "cat", "bird"])
    for keys in (hash_ids, lambda array: term_keys(array, "en")):
        assert list(keys(whole.slice(1))) == list(keys(whole)[1:])


def test_ids_are_told_apart_by_their_bytes():
    assert len(set(hash_ids(pa.array(["a", "A", "á", "a\u0301", "a ", ""])).tolist())) == 6
