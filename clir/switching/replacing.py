"""Which terms of a text are replaced and by what, and what comes out; compiled by Numba."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from clir.compiling import compiled
from clir.switching.matching import Matches
from clir.text.characters import BLANK
from clir.text.hashing import mix_one
from clir.text.words import Words

if TYPE_CHECKING:
    from clir.switching.term_index import TermIndex


class Replaced(NamedTuple):
    """What is replaced, in order."""

    match: np.ndarray  # which of the matches
    target: np.ndarray  # by which of the index's targets
    target_bytes: int  # of all these targets


@compiled
def draw(
    words: Words,
    matches: Matches,
    key: np.ndarray,
    probability: float,
    drawn: np.ndarray,
    index: TermIndex,
    by_language: np.ndarray,
    copied: np.ndarray,
) -> Replaced:
    """Draw which matches are replaced, and by which entry; counts their words by language.

    Words whose entry is the word itself stay, and count in ``copied`` instead of ``by_language``.

    Where no language is drawn for the text, one of those that have the term is; then one of the
    term's translations. All draws hang on the text's key and the word's position.
    """
    firsts, lengths, terms = matches.first, matches.length, matches.term
    capitals = matches.capitals
    texts, positions = words.text, words.position
    languages, spread, first_entry = index.languages, index.spread, index.first
    target_offsets, copy = index.target_offsets, index.copy
    chosen, chances = np.empty(len(firsts), np.int32), np.empty(len(firsts), np.uint64)
    count, target_bytes = 0, 0
    for n in range(len(firsts)):
        word = firsts[n]
        chance = mix_one(key[texts[word]] + np.uint64(positions[word] + 1))
        chosen[count], chances[count] = n, chance
        # Added, not branched on: the processor would mispredict such a branch every other time.
        count += int((chance >> np.uint64(11)) * 2.0**-53 < probability)
    target = np.empty(count, np.int32)
    replaced = 0
    for n in range(count):
        term, text = np.int64(terms[chosen[n]]), texts[firsts[chosen[n]]]
        language = drawn[text]
        if language < 0:
            nth = mix_one(chances[n] ^ np.uint64(1)) % np.uint64(spread[term])
            language = np.int64(languages[term, np.int64(nth)])
        cell = term * languages.shape[1] + language
        choices = np.uint64(first_entry[cell + 1] - first_entry[cell])
        entry = first_entry[cell] + np.int64(mix_one(chances[n] ^ np.uint64(2)) % choices)
        if copy[entry]:
            copied[text, language] += lengths[chosen[n]]
            continue
        by_language[text, language] += lengths[chosen[n]]
        # What is written as in the lexicon is translated as in the lexicon.
        form = capitals[chosen[n]]
        place = entry if form == index.capitals[entry] else form * len(copy) + entry
        target_bytes += target_offsets[place + 1] - target_offsets[place]
        chosen[replaced], target[replaced] = chosen[n], place
        replaced += 1
    return Replaced(chosen[:replaced], target[:replaced], target_bytes)


@compiled
def write(
    data: np.ndarray,
    bounds: np.ndarray,
    words: Words,
    matches: Matches,
    replaced: Replaced,
    index: TermIndex,
    out: np.ndarray,
    offsets: np.ndarray,
) -> None:
    """Write the texts with targets in place of what is replaced, and where each text begins."""
    firsts, lengths, starts, ends = matches.first, matches.length, matches.start, matches.end
    chosen, target = replaced.match, replaced.target
    texts, start, end = words.text, words.start, words.end
    target_offsets, targets = index.target_offsets, index.target_bytes
    read = at = n = 0
    previous = -1  # the last word replaced
    for text in range(len(bounds) - 1):
        offsets[text] = at
        while n < len(chosen) and texts[firsts[chosen[n]]] == text:
            term = chosen[n]
            first = firsts[term]
            last = first + lengths[term] - 1
            at = _copied(data, read, starts[term], out, at)
            # A word that touches: of an unspaced script, or an elided article.
            touched = first > 0 and texts[first - 1] == text and end[first - 1] == starts[term]
            if touched and previous != first - 1:
                out[at] = BLANK
                at += 1
            begin, stop = target_offsets[target[n]], target_offsets[target[n] + 1]
            at = _copied(targets, begin, stop, out, at)
            follows = last + 1 < len(texts) and texts[last + 1] == text
            if follows and start[last + 1] == ends[term]:
                out[at] = BLANK
                at += 1
            read, previous = ends[term], last
            n += 1
        at = _copied(data, read, bounds[text + 1], out, at)
        read = bounds[text + 1]
    offsets[len(bounds) - 1] = at


@compiled
def _copied(data: np.ndarray, begin: int, end: int, out: np.ndarray, at: int) -> int:
    """Copy data[begin:end] to ``at``; the place behind it."""
    source, target = np.uint64(begin), np.uint64(at)  # see words._find_all
    for k in range(np.uint64(end - begin)):
        out[target + k] = data[source + k]
    return at + end - begin
