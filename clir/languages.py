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
    # Articles, pronouns, prepositions and conjunctions that lose their vowel before another word
    # and are written together with it, an apostrophe between: l'eau is l' and eau.
    elided: tuple[str, ...] = ()
    unwritten: str = ""  # combining marks that writers leave out as they like; look-ups ignore them


_FRENCH_ELIDED = tuple("l d j m t s n c qu jusqu lorsqu puisqu quoiqu".split())
_ITALIAN_ELIDED = tuple(
    """
    l un d gl dell all dall nell sull coll degl agl dagl negl sugl c m t s v n quell quest bell
    sant tutt quant anch com dov quand senz mezz nessun ciascun qualcun alcun
    """.split()
)

LANGUAGES = {
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
        Language("pt", "Portuguese", False, elided=("d",)),  # copo d'água
        Language("es", "Spanish", False),
        Language("vi", "Vietnamese", False),
    )
}

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

SEEN = [code for code, language in LANGUAGES.items() if language.seen]
UNSEEN = [code for code, language in LANGUAGES.items() if not language.seen]


def check_language(code: str) -> str:
    """``code`` itself; InputError where it is none of the fourteen."""
    if code not in LANGUAGES:
        raise InputError(f"unknown language {code!r}: use one of {', '.join(LANGUAGES)}")
    return code
