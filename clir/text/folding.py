"""What the letters of a word are for a look-up: forms, width, case and marks that do not matter.

The key of a word is made of its folded characters, the same way for the terms of a lexicon and for
the words of a text. So a term is found however it is written; the text itself stays as it is.

A character is folded to its compatibility decomposition (NFKD: canonical and compatibility forms,
width) without letter case. Nothing is left of format characters (soft hyphens, joiners, direction
marks), of variation selectors, of tatweel and of Arabic vowel marks. Each language may name more
marks that its writers leave out (``clir.languages``).
"""

import unicodedata
from functools import cache

import numpy as np

from clir.languages import NOUNS_WITH_CAPITALS, OF_COLLECTIONS
from clir.text.characters import (
    APOSTROPHE,
    CODE_POINTS,
    FORMAT,
    LETTER,
    MARK,
    OTHER,
    SINGLE,
    Letters,
)
from clir.text.hashing import COMBINING, key_of

_APOSTROPHES = "'’‘ʼʻ´＇"
# Other characters that are written for these.
_SAME = str.maketrans(dict.fromkeys(_APOSTROPHES, "'") | dict.fromkeys("‐‑", "-"))
_TATWEEL = "\u0640"
# Vowel marks and signs for reciting; hamza above and below (U+0654, U+0655) make other letters.
_ARABIC_MARKS = (
    (0x0610, 0x061A), (0x064B, 0x0653), (0x0656, 0x065F), (0x0670, 0x0670), (0x06D6, 0x06DC),
    (0x06DF, 0x06E4), (0x06E7, 0x06E8), (0x06EA, 0x06ED),
)  # fmt: skip
_VARIATION_SELECTORS = ((0x180B, 0x180D), (0xFE00, 0xFE0F))
_GRAPHEME_JOINER = 0x034F
_IOTA_BELOW = "\u0345"
# Han characters and the unassigned: each is its own folded form.
_PLAIN = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0x20000, 0x2F800), (0x2FA20, CODE_POINTS))


@cache
def letters_of(lang: str) -> Letters:
    """What finding words of a language looks characters up in. Languages we know nothing of: en's.

    The arrays are shared by all words of a process; nobody may change them.
    """
    language = OF_COLLECTIONS.get(lang)
    tables = _tables(language.unwritten if language else "")
    plain = Letters(*tables, elided=np.empty(0, np.uint64))
    if lang in NOUNS_WITH_CAPITALS:  # they tell nothing that a translation should take
        plain = plain._replace(capital=np.zeros(CODE_POINTS, np.bool_))
    buffers = (
        np.frombuffer(word.encode(), np.uint8) for word in (language.elided if language else ())
    )
    keys = sorted(key_of(buffer, plain) for buffer in buffers)
    return plain._replace(elided=np.array(keys, np.uint64))


@cache
def _tables(unwritten: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """``classes``, ``fold``, ``more`` and ``capital`` of Letters.

    ``fold[code]`` is the folded character, or below 0 the place -1 - p in ``more`` where their
    number stands and then they themselves. Marks that combine carry the bit ``COMBINING``.
    """
    classes = np.full(CODE_POINTS, OTHER, np.uint8)
    fold = np.arange(CODE_POINTS, dtype=np.int32)
    capital = np.zeros(CODE_POINTS, np.bool_)
    more: list[int] = [0]  # at place 0: nothing is left
    for begin, end in _PLAIN:
        classes[begin:end] = SINGLE
    for code in np.flatnonzero(classes != SINGLE).tolist():
        character = chr(code)
        folded = folded_form(character, unwritten)
        classes[code] = _class(character, folded)
        capital[code] = character.isupper() or character.istitle()
        if len(folded) == 1:
            fold[code] = _with_flag(folded)
        else:
            fold[code] = -1 - (len(more) if folded else 0)
            if folded:
                more += [len(folded), *map(_with_flag, folded)]
    return classes, fold, np.array(more, np.int32), capital


# The same characters of which nothing is left, for texts that are spelled anew.
IGNORED = (
    r"[\p{Cf}" + _TATWEEL + chr(_GRAPHEME_JOINER)
    + "".join(f"{chr(a)}-{chr(b)}" for a, b in (*_ARABIC_MARKS, *_VARIATION_SELECTORS)) + "]"
)  # fmt: skip


def folded_form(text: str, unwritten: str = "") -> str:
    """A text's folded characters; ``unwritten`` are further marks of which nothing is left."""
    folded = unicodedata.normalize("NFKD", text.translate(_SAME))
    # Case folding would make a letter of the iota below Greek vowels, which is a mark.
    folded = "".join(c if c == _IOTA_BELOW else c.casefold() for c in folded)
    folded = unicodedata.normalize("NFKD", folded)
    return "".join(
        " " if c.isspace() else c for c in folded if not _is_ignored(c) and c not in unwritten
    )


def _class(character: str, folded: str) -> int:
    """What a character is for the words of a text."""
    if character in _APOSTROPHES:
        return APOSTROPHE
    category = unicodedata.category(character)
    if category == "Cf":
        return FORMAT
    # Half-width katakana are letters by themselves, but a half-width voicing mark is a mark; the
    # radicals that stand for characters in some PDF files are symbols for Unicode.
    base = folded[0] if len(folded) == 1 or (category[0] == "L" and folded) else character
    category = unicodedata.category(base) if category == "So" else category
    if category[0] == "M" or character == _TATWEEL or unicodedata.category(base)[0] == "M":
        return MARK
    if category[0] not in "LN":
        return OTHER
    return SINGLE if _is_unspaced(ord(base)) else LETTER


def _is_ignored(character: str) -> bool:
    code = ord(character)
    return (
        character == _TATWEEL
        or code == _GRAPHEME_JOINER
        or unicodedata.category(character) == "Cf"
        or any(first <= code <= last for first, last in (*_ARABIC_MARKS, *_VARIATION_SELECTORS))
    )


def _with_flag(character: str) -> int:
    """Marks of another class may stand in any order (Unicode's canonical equivalence)."""
    return ord(character) | (COMBINING if unicodedata.combining(character) else 0)


def _is_unspaced(code: int) -> bool:
    """Whether the character is of a script without blanks between words: Han, Kana."""
    return (
        0x3040 <= code <= 0x30FF  # Hiragana, Katakana
        or 0x3400 <= code <= 0x9FFF  # Han
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code < CODE_POINTS
        or code == 0x3005  # the iteration mark of kanji
    )
