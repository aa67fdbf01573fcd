"""Languages: codes, names, scripts, and which ones the origin system trained on.

The fourteen are the origin system's; only they are in the defaults. Lexicons are made for them and
for some others. Further ones a collection may be in: they are ranked, no lexicon is made for them.
"""

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

# Further languages: code, name, and their scripts where that is not Latin alone.
_OTHERS = """
    af Afrikaans, am Amharic (Ethiopic), as Assamese (Bengali), az Azerbaijani (Latin Cyrillic),
    be Belarusian (Cyrillic), bg Bulgarian (Cyrillic), bn Bengali (Bengali), bo Tibetan (Tibetan),
    bs Bosnian (Latin Cyrillic), ca Catalan, ceb Cebuano, cs Czech, cy Welsh, da Danish,
    el Greek (Greek), eo Esperanto, et Estonian, eu Basque, fa Persian (Arabic), fi Finnish,
    ga Irish, gl Galician, gu Gujarati (Gujarati), ha Hausa (Latin Arabic), he Hebrew (Hebrew),
    hr Croatian, ht Haitian, hu Hungarian, hy Armenian (Armenian), ig Igbo, is Icelandic,
    jv Javanese, ka Georgian (Georgian), kk Kazakh (Cyrillic Latin), km Khmer (Khmer),
    kn Kannada (Kannada), ko Korean (Hangul Han), ky Kyrgyz (Cyrillic), la Latin, lg Ganda,
    ln Lingala, lo Lao (Lao), lt Lithuanian, lv Latvian, mg Malagasy, mi Maori,
    mk Macedonian (Cyrillic), ml Malayalam (Malayalam), mn Mongolian (Cyrillic Mongolian),
    mr Marathi (Devanagari), ms Malay, mt Maltese, my Burmese (Myanmar), nb Norwegian Bokmål,
    ne Nepali (Devanagari), nn Norwegian Nynorsk, no Norwegian, ny Nyanja, om Oromo,
    or Odia (Oriya), pa Punjabi (Gurmukhi Arabic), pl Polish, ps Pashto (Arabic), ro Romanian,
    rw Kinyarwanda, sd Sindhi (Arabic Devanagari), si Sinhala (Sinhala), sk Slovak, sl Slovenian,
    sn Shona, so Somali, sq Albanian, sr Serbian (Cyrillic Latin), st Southern Sotho, su Sundanese,
    sv Swedish, sw Swahili, ta Tamil (Tamil), te Telugu (Telugu), tg Tajik (Cyrillic),
    th Thai (Thai), ti Tigrinya (Ethiopic), tl Tagalog, tn Tswana, tr Turkish, tt Tatar (Cyrillic),
    ug Uyghur (Arabic), uk Ukrainian (Cyrillic), ur Urdu (Arabic), uz Uzbek (Latin Cyrillic),
    wo Wolof, xh Xhosa, yi Yiddish (Hebrew), yo Yoruba, zu Zulu
    """
_CATALAN_ELIDED = ("l", "d", "n", "s", "m", "t")


def _language(told: str) -> Language:
    """One of those, such as ``ko Korean (Hangul Han)``."""
    named, _, scripts = told.strip(" \n)").partition(" (")
    code, name = named.split(" ", 1)
    elided = _CATALAN_ELIDED if code == "ca" else ()
    return Language(code, name, False, tuple(scripts.split()) or ("Latin",), elided)


# What a collection's texts may be in: the fourteen first.
OF_COLLECTIONS = FOURTEEN | {
    language.code: language for language in map(_language, _OTHERS.split(","))
}
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
