"""Languages: codes, names, scripts, and which ones the origin system trained on.

The fourteen are the origin system's; only they are in the defaults. Lexicons are made for them and
for some others. Further ones a collection may be in: they are ranked, no lexicon is made for them.
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
    # Articles, pronouns, prepositions and conjunctions that lose their vowel before another word
    # and are written together with it, an apostrophe between: l'eau is l' and eau.
    elided: tuple[str, ...] = ()
    unwritten: str = ""  # combining marks that writers leave out as they like; look-ups ignore them


_FRENCH_ELIDED = tuple("l d j m t s n c qu jusqu lorsqu puisqu quoiqu quelqu presqu entr".split())
_ITALIAN_ELIDED = tuple(
    """
    l un d gl dell all dall nell sull coll degl agl dagl negl sugl c m t s v n ch cos com dov
    quand quant anch neanch senz quell quest bell buon grand sant pover tutt mezz ogn nessun ciascun
    qualcun alcun nient vent trent quarant cinquant sessant settant ottant novant cent mill
    """.split()
)

FOURTEEN = {
    language.code: language
    for language in (
        Language("en", "English", True),
        Language("de", "German", True),
        # Stress, and the dots of ё.
        Language("ru", "Russian", True, ("Cyrillic",), unwritten="\u0300\u0301\u0308"),
        Language("ar", "Arabic", True, ("Arabic",)),
        Language("nl", "Dutch", True),
        Language("it", "Italian", True, elided=_ITALIAN_ELIDED),
        Language("fr", "French", False, elided=_FRENCH_ELIDED),
        Language("zh", "Chinese", False, ("Han",)),
        # The dot below letters, of sounds from other languages.
        Language("hi", "Hindi", False, ("Devanagari",), unwritten="\u093c"),
        Language("id", "Indonesian", False),
        Language("ja", "Japanese", False, ("Han", "Hiragana", "Katakana")),
        Language("pt", "Portuguese", False, elided=("d", "n", "pel")),  # copo d'água
        Language("es", "Spanish", False),
        Language("vi", "Vietnamese", False),
    )
}

NOUNS_WITH_CAPITALS = ("de",)  # inside sentences too

# English function words: no title stands for them in running text ("It", "Can", "Will" are
# films and bands). Contractions are listed because an apostrophe does not part words.
STOP_WORDS = frozenset(
    """
    a about above after again against all also although am among an and any are aren't as at be
    because been before being below between both but by can can't cannot could couldn't did
    didn't do does doesn't doing don't down during each either else ever every few for from
    further had hadn't has hasn't have haven't having he he's her here here's hers herself him
    himself his how how's however i i'd i'll i'm i've if in into is isn't it it's its itself
    just let's may me might more most much must my myself neither never no nor not now of off on
    once one only or other our ours ourselves out over own per rather same shall she she's
    should shouldn't since so some such than that that's the their theirs them themselves then
    there there's these they they're they've this those though through thus to too under until
    up upon us very via was wasn't we we'll we're we've were weren't what what's when when's
    where where's whether which while who who's whom whose why why's will with within without
    won't would wouldn't yet you you'd you'll you're you've your yours yourself yourselves
    """.split()
)

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
    Language("ca", "Catalan", False, elided=("l", "d", "n", "s", "m", "t")),
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
OF_COLLECTIONS = FOURTEEN | {language.code: language for language in _OTHERS}
# What lexicons are made for: each has its row in ``clir.lexicons.namespaces``.
_WITH_LEXICONS = ("pl",)  # beside the fourteen
LANGUAGES = FOURTEEN | {code: OF_COLLECTIONS[code] for code in _WITH_LEXICONS}

SEEN = [code for code, language in FOURTEEN.items() if language.seen]
UNSEEN = [code for code, language in FOURTEEN.items() if not language.seen]


def check_language(code: str) -> str:
    """``code`` itself; InputError where no lexicon is made for it."""
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
