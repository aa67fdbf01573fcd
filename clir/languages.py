"""The fourteen languages: codes, names, scripts, and which ones the origin system trained on.

Beside them, the others that a collection may be in: they are ranked, but no lexicon is made for
them, and no default names them.
"""

from __future__ import annotations

from typing import NamedTuple

from clir.errors import InputError


class Language(NamedTuple):
    """One language of texts."""

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

_OTHERS = (
    Language("af", "Afrikaans", False),
    Language("am", "Amharic", False, ("Ethiopic",)),
    Language("as", "Assamese", False, ("Bengali",)),
    Language("az", "Azerbaijani", False, ("Latin", "Cyrillic")),
    Language("be", "Belarusian", False, ("Cyrillic",)),
    Language("bg", "Bulgarian", False, ("Cyrillic",)),
    Language("bn", "Bengali", False, ("Bengali",)),
    Language("bo", "Tibetan", False, ("Tibetan",)),
    Language("bs", "Bosnian", False, ("Latin", "Cyrillic")),
    Language("ca", "Catalan", False),
    Language("ceb", "Cebuano", False),
    Language("cs", "Czech", False),
    Language("cy", "Welsh", False),
    Language("da", "Danish", False),
    Language("el", "Greek", False, ("Greek",)),
    Language("eo", "Esperanto", False),
    Language("et", "Estonian", False),
    Language("eu", "Basque", False),
    Language("fa", "Persian", False, ("Arabic",)),
    Language("fi", "Finnish", False),
    Language("ga", "Irish", False),
    Language("gl", "Galician", False),
    Language("gu", "Gujarati", False, ("Gujarati",)),
    Language("ha", "Hausa", False, ("Latin", "Arabic")),
    Language("he", "Hebrew", False, ("Hebrew",)),
    Language("hr", "Croatian", False),
    Language("ht", "Haitian", False),
    Language("hu", "Hungarian", False),
    Language("hy", "Armenian", False, ("Armenian",)),
    Language("ig", "Igbo", False),
    Language("is", "Icelandic", False),
    Language("jv", "Javanese", False),
    Language("ka", "Georgian", False, ("Georgian",)),
    Language("kk", "Kazakh", False, ("Cyrillic", "Latin")),
    Language("km", "Khmer", False, ("Khmer",)),
    Language("kn", "Kannada", False, ("Kannada",)),
    Language("ko", "Korean", False, ("Hangul", "Han")),
    Language("ky", "Kyrgyz", False, ("Cyrillic",)),
    Language("la", "Latin", False),
    Language("lg", "Ganda", False),
    Language("ln", "Lingala", False),
    Language("lo", "Lao", False, ("Lao",)),
    Language("lt", "Lithuanian", False),
    Language("lv", "Latvian", False),
    Language("mg", "Malagasy", False),
    Language("mi", "Maori", False),
    Language("mk", "Macedonian", False, ("Cyrillic",)),
    Language("ml", "Malayalam", False, ("Malayalam",)),
    Language("mn", "Mongolian", False, ("Cyrillic", "Mongolian")),
    Language("mr", "Marathi", False, ("Devanagari",)),
    Language("ms", "Malay", False),
    Language("mt", "Maltese", False),
    Language("my", "Burmese", False, ("Myanmar",)),
    Language("nb", "Norwegian Bokmål", False),
    Language("ne", "Nepali", False, ("Devanagari",)),
    Language("nn", "Norwegian Nynorsk", False),
    Language("no", "Norwegian", False),
    Language("ny", "Nyanja", False),
    Language("om", "Oromo", False),
    Language("or", "Odia", False, ("Oriya",)),
    Language("pa", "Punjabi", False, ("Gurmukhi", "Arabic")),
    Language("pl", "Polish", False),
    Language("ps", "Pashto", False, ("Arabic",)),
    Language("ro", "Romanian", False),
    Language("rw", "Kinyarwanda", False),
    Language("sd", "Sindhi", False, ("Arabic", "Devanagari")),
    Language("si", "Sinhala", False, ("Sinhala",)),
    Language("sk", "Slovak", False),
    Language("sl", "Slovenian", False),
    Language("sn", "Shona", False),
    Language("so", "Somali", False),
    Language("sq", "Albanian", False),
    Language("sr", "Serbian", False, ("Cyrillic", "Latin")),
    Language("st", "Southern Sotho", False),
    Language("su", "Sundanese", False),
    Language("sv", "Swedish", False),
    Language("sw", "Swahili", False),
    Language("ta", "Tamil", False, ("Tamil",)),
    Language("te", "Telugu", False, ("Telugu",)),
    Language("tg", "Tajik", False, ("Cyrillic",)),
    Language("th", "Thai", False, ("Thai",)),
    Language("ti", "Tigrinya", False, ("Ethiopic",)),
    Language("tl", "Tagalog", False),
    Language("tn", "Tswana", False),
    Language("tr", "Turkish", False),
    Language("tt", "Tatar", False, ("Cyrillic",)),
    Language("ug", "Uyghur", False, ("Arabic",)),
    Language("uk", "Ukrainian", False, ("Cyrillic",)),
    Language("ur", "Urdu", False, ("Arabic",)),
    Language("uz", "Uzbek", False, ("Latin", "Cyrillic")),
    Language("wo", "Wolof", False),
    Language("xh", "Xhosa", False),
    Language("yi", "Yiddish", False, ("Hebrew",)),
    Language("yo", "Yoruba", False),
    Language("zu", "Zulu", False),
)
# What a collection's texts may be in: the fourteen first.
OF_COLLECTIONS = LANGUAGES | {language.code: language for language in _OTHERS}

SEEN = [code for code, language in LANGUAGES.items() if language.seen]
UNSEEN = [code for code, language in LANGUAGES.items() if not language.seen]


def check_language(code: str) -> str:
    """``code`` itself; InputError where it is none of the fourteen."""
    if code not in LANGUAGES:
        raise InputError(f"unknown language {code!r}: use one of {', '.join(LANGUAGES)}")
    return code


def check_collection_language(code: str) -> str:
    """``code`` itself; InputError where no collection may be in it."""
    if code not in OF_COLLECTIONS:
        raise InputError(
            f"unknown language {code!r} of a collection: use one of {', '.join(OF_COLLECTIONS)}"
        )
    return code
