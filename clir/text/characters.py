"""Characters in UTF-8 bytes: what each is for the words of a text; compiled by Numba."""

from typing import NamedTuple

import numpy as np

from clir.compiling import compiled

# What a character is: not in a word; a letter or digit; a word by itself; what goes on with a word
# but begins none; what goes on with a word and leaves no trace in its key; an apostrophe.
OTHER, LETTER, SINGLE, MARK, FORMAT, APOSTROPHE = range(6)
CODE_POINTS = 0x32400  # beyond: private use, tags and variation selectors
BLANK = ord(" ")
_TAGS, _SELECTORS = (0xE0000, 0xE0080), (0xE0100, 0xE01F0)  # format characters; marks


class Letters(NamedTuple):
    """What characters are and how they fold, in one language; see ``clir.text.folding``."""

    classes: np.ndarray  # uint8, of each code point
    fold: np.ndarray  # int32, of each code point
    more: np.ndarray  # int32, folded forms of several characters
    capital: np.ndarray  # bool, of each code point: whether it is a capital letter
    elided: np.ndarray  # uint64, keys of what is written together with the next word: l', dell'


@compiled
def character(data: np.ndarray, at: int) -> tuple[np.int64, int]:
    """The code point that begins here, and how many bytes it takes."""
    byte = np.int64(data[at])
    if byte < 0x80:
        return byte, 1
    if byte < 0xE0:
        return (byte & 0x1F) << 6 | data[at + 1] & 0x3F, 2
    if byte < 0xF0:
        return (byte & 0x0F) << 12 | (data[at + 1] & 0x3F) << 6 | data[at + 2] & 0x3F, 3
    high = (byte & 0x07) << 18 | (data[at + 1] & 0x3F) << 12
    return high | (data[at + 2] & 0x3F) << 6 | data[at + 3] & 0x3F, 4


@compiled
def class_of(code: np.int64, classes: np.ndarray) -> int:
    if code < CODE_POINTS:
        return classes[code]
    if _SELECTORS[0] <= code < _SELECTORS[1]:
        return MARK
    return FORMAT if _TAGS[0] <= code < _TAGS[1] else OTHER


@compiled
def class_at(data: np.ndarray, at: int, classes: np.ndarray) -> int:
    return class_of(character(data, at)[0], classes)


@compiled
def step_back(data: np.ndarray, at: int) -> int:
    """Where the character begins that ends here."""
    at -= 1
    while data[at] & 0xC0 == 0x80:
        at -= 1
    return at


@compiled
def is_letter(data: np.ndarray, at: int, stop: int, letters: Letters) -> bool:
    return at < stop and class_at(data, at, letters.classes) == LETTER
