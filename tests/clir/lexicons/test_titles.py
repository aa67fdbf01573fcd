import pyarrow as pa
import pytest

from clir.lexicons.titles import terms_of_titles, why_dropped


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
        ("Łódź_(miasto)", "pl", "łódź"),
        ("Dyskusja_wikipedysty:Ada", "pl", None),
        ("Wikipedia:Hauptseite", "de", None),
        ("Portail:Lumière", "fr", None),
        ("wikt:sun", "en", None),
        ("Star_Trek:_Voyager", "en", "star trek: voyager"),
    ],
)
def test_terms_of_titles(title, lang, term):
    assert terms_of_titles(pa.array([title]), lang).to_pylist() == [term]


def test_titles_that_give_no_term_have_a_reason():
    reasons = {
        "Brot": None, "Hilfe:Brot": "in a namespace", "Hilfe:#1": "in a namespace",
        ":fr:Pain": "of another wiki", "#Bart": "empty", " _ ": "empty", "1984": "without a letter",
        "Хлеб": "in another script",
    }  # fmt: skip
    titles = pa.array(list(reasons))
    terms = terms_of_titles(titles, "de")
    assert why_dropped(titles, terms, "de").to_pylist() == list(reasons.values())
