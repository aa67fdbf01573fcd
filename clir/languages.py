"""The fourteen languages: codes, names, scripts, and which ones the origin system trained on."""

from __future__ import annotations

from typing import NamedTuple

from clir.errors import InputError


class Language(NamedTuple):
    """One language of the evaluation."""

    code: str  # ISO 639-1, also the language's Wikipedia and its folder in a collection
    name: str
    seen: bool  # whether the origin system trained on words of this language
    scripts: tuple[str, ...] = ("Latin",)  # Unicode's names of the scripts it is written in


LANGUAGES = {
    language.code: language
    for language in (
        Language("en", "English", True),
        Language("de", "German", True),
        Language("ru", "Russian", True, ("Cyrillic",)),
        Language("ar", "Arabic", True, ("Arabic",)),
        Language("nl", "Dutch", True),
        Language("it", "Italian", True),
        Language("fr", "French", False),
        Language("zh", "Chinese", False, ("Han",)),
        Language("hi", "Hindi", False, ("Devanagari",)),
        Language("id", "Indonesian", False),
        Language("ja", "Japanese", False, ("Han", "Hiragana", "Katakana")),
        Language("pt", "Portuguese", False),
        Language("es", "Spanish", False),
        Language("vi", "Vietnamese", False),
    )
}

SEEN = [code for code, language in LANGUAGES.items() if language.seen]
UNSEEN = [code for code, language in LANGUAGES.items() if not language.seen]


def check_language(code: str) -> str:
    """``code`` itself; InputError where it is none of the fourteen."""
    if code not in LANGUAGES:
        raise InputError(f"unknown language {code!r}: use one of {', '.join(LANGUAGES)}")
    return code
