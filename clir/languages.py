"""The fourteen languages: codes, names, scripts, and how their text is cut into words."""

from __future__ import annotations

from typing import NamedTuple

from clir.errors import InputError


class Language(NamedTuple):
    """One language of the evaluation."""

    code: str  # ISO 639-1, also the language's Wikipedia and its folder in a collection
    name: str
    script: str  # the Unicode script its words are written in
    mmarco: str  # its name in mMARCO's files
    seen: bool  # whether the origin system trained on words of this language
    spaces: bool = True  # whether blanks part its words


LANGUAGES = {
    language.code: language
    for language in (
        Language("en", "English", "Latin", "english", True),
        Language("de", "German", "Latin", "german", True),
        Language("ru", "Russian", "Cyrillic", "russian", True),
        Language("ar", "Arabic", "Arabic", "arabic", True),
        Language("nl", "Dutch", "Latin", "dutch", True),
        Language("it", "Italian", "Latin", "italian", True),
        Language("fr", "French", "Latin", "french", False),
        Language("zh", "Chinese", "Han", "chinese", False, spaces=False),
        Language("hi", "Hindi", "Devanagari", "hindi", False),
        Language("id", "Indonesian", "Latin", "indonesian", False),
        Language("ja", "Japanese", "Japanese", "japanese", False, spaces=False),
        Language("pt", "Portuguese", "Latin", "portuguese", False),
        Language("es", "Spanish", "Latin", "spanish", False),
        Language("vi", "Vietnamese", "Latin", "vietnamese", False),
    )
}

SEEN = [code for code, language in LANGUAGES.items() if language.seen]
UNSEEN = [code for code, language in LANGUAGES.items() if not language.seen]


def check_language(code: str) -> str:
    """``code`` itself; InputError where it is none of the fourteen."""
    if code not in LANGUAGES:
        raise InputError(f"unknown language {code!r}: use one of {', '.join(LANGUAGES)}")
    return code
