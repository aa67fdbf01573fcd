"""Signs of failed translations, on texts that show just one each."""

import pyarrow as pa
import pytest

from clir.collections.translation_quality import flaws, signs

ENGLISH = "The coral reef grows slowly in warm and shallow water."
GERMAN = "Das Korallenriff wächst langsam in warmem und flachem Wasser."


def flaw(translation: str, lang: str, source: str = ENGLISH, usual: float | None = 1.1):
    sides = signs(pa.array([translation]), lang), signs(pa.array([source]), "en")
    return flaws(*sides, pa.array([usual], pa.float64()))[0].as_py()


@pytest.mark.parametrize(
    ("translation", "lang", "expected"),
    [
        (GERMAN, "de", None),
        (GERMAN + " . . . . . . . . . . .", "de", "dotted line"),
        ("____________", "de", "dotted line"),
        ("Das Korallenriff", "de", "truncated"),
        ("", "de", "truncated"),
        ("  ", "de", "truncated"),
        (ENGLISH, "ru", "another script"),
        (GERMAN, "zh", "another script"),
        ("Коралловый риф медленно растёт в тёплой воде.", "de", "another script"),
        ("珊瑚礁在温暖的浅水中缓慢生长。", "zh", None),
        ("Коралловый риф NOAA медленно растёт в тёплой воде.", "ru", None),
    ],
)
def test_a_translation_is_flawed_or_not(translation, lang, expected):
    usual = 0.3 if lang == "zh" else 1.1
    assert flaw(translation, lang, usual=usual) == expected


def test_what_the_source_has_too_is_no_flaw():
    assert flaw("Kapitel 1 ............ 7", "de", "Chapter 1 ............ 7") is None
    assert flaw("Спутник полетел", "de", "Спутник полетел") is None


def test_short_texts_and_unknown_lengths_are_not_called_truncated():
    assert flaw("Ja", "de", "Yes, they do.") is None
    assert flaw("Das Korallenriff", "de", usual=None) is None
    assert flaw("NASA", "ja", "NASA and ESA") is None  # a name, too short to tell
