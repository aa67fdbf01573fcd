"""Bilingual lexicon: normalise titles into terms, read dictionaries, rank, merge.

A lexicon is a table with the columns of ``tables.LEXICON``. Terms are stored in NFC with their
letter case; look-ups ignore case.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clir import tables
from clir.errors import InputError
from clir.languages import LANGUAGES
from clir.words import count_words, hash_texts

# English function words: no title stands for them in running text ("It", "Can", "Will" are
# films and bands). Contractions are listed because an apostrophe does not part words.
STOP_WORDS = frozenset(
    """
    a about above after again against all also although am among an and any are aren't as at be
    because been before being below between both but by can can't cannot could couldn't did
    didn't do does doesn't doing don't down during each either else ever every few for from
    further had hadn't has hasn't have haven't having he he's her here hers herself him himself
    his how however i i'd i'll i'm i've if in into is isn't it it's its itself just let's may me
    might more most much must my myself neither never no nor not now of off on once one only or
    other our ours ourselves out over own per rather same shall she she's should shouldn't since
    so some such than that that's the their theirs them themselves then there there's these they
    they're they've this those though through thus to too under until up upon us very via was
    wasn't we we'll we're we've were weren't what what's when where whether which while who whom
    whose why will with within without won't would wouldn't yet you you'd you'll you're you've
    your yours yourself yourselves
    """.split()
)

_LETTER = r"\p{L}"
# German writes nouns with a capital inside sentences too; elsewhere the capital is the title's.
_KEEPS_CASE = ("de",)


def terms_of_titles(titles: pa.Array, lang: str) -> pa.Array:
    """Terms of page titles: blanks for underscores, no disambiguation suffix, NFC, lower case.

    ``null`` where nothing with a letter is left. Case is kept for German, whose nouns keep it.
    """
    terms = pc.replace_substring(titles, "_", " ")
    terms = pc.replace_substring_regex(terms, r"^(.+?)\s*[(（][^()（）]*[)）]\s*$", r"\1")
    terms = pc.utf8_trim_whitespace(pc.utf8_normalize(terms, "NFC"))
    if lang not in _KEEPS_CASE:
        terms = pc.utf8_lower(terms)
    return pc.if_else(pc.match_substring_regex(terms, _LETTER), terms, None)


def in_script(terms: pa.Array, lang: str) -> pa.Array:
    """Whether each term has a letter of one of its language's scripts."""
    scripts = "".join(rf"\p{{{script}}}" for script in LANGUAGES[lang].scripts)
    return pc.match_substring_regex(terms, f"[{scripts}]")


def read_dictionary(path: Path, target_lang: str) -> pa.Table:
    """A two-column, tab-separated dictionary from English as a lexicon, ranked by order of lines.

    Raises InputError with file and line for a line that has not exactly two filled columns.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise InputError(f"{path}: no such dictionary") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}") from None
    cells = [line.split("\t") for line in lines]
    for number, row in enumerate(cells, 1):
        if len(row) != 2 or not row[0].strip() or not row[1].strip():
            raise InputError(f"{path}:{number}: expected `term<TAB>translation`")
    table = pa.table(
        {
            "source_lang": pa.repeat("en", len(cells)),
            "target_lang": pa.repeat(target_lang, len(cells)),
            "source_term": pc.utf8_normalize(pa.array([c[0].strip() for c in cells]), "NFC"),
            "target_term": pc.utf8_normalize(pa.array([c[1].strip() for c in cells]), "NFC"),
            "score": pa.repeat(1.0, len(cells)),
            "origin": pa.repeat("dictionary", len(cells)),
        }
    )
    return ranked(table)


def ranked(entries: pa.Table) -> pa.Table:
    """Fill ``source_words``, ``rank`` (by score, then by order) and ``copy``.

    Repeated entries go.
    """
    words = count_words(entries["source_term"])
    keys = [
        pc.dictionary_encode(entries[name].combine_chunks()).indices.to_numpy()
        for name in ("source_lang", "target_lang")
    ]
    # Case is ignored in look-ups, hence here.
    keys += [hash_texts(entries["source_term"]), hash_texts(entries["target_term"])]
    source_lang, target_lang, source, target = keys
    groups = np.stack([source_lang, target_lang, source.view(np.int64)])
    # Of equal entries the one with the highest score stays, then the first.
    best = np.lexsort((-entries["score"].to_numpy(), target, *groups[::-1]))
    repeated = ~(np.diff(groups[:, best]).any(axis=0) | np.diff(target[best]).astype(bool))
    order = np.lexsort((-entries["score"].to_numpy(), *groups[::-1]))
    stays = np.ones(len(order), bool)
    stays[best[1:][repeated]] = False
    order = order[stays[order]]
    start = np.flatnonzero(np.append(True, np.diff(groups[:, order]).any(axis=0)))
    rank = np.arange(len(order)) - np.repeat(start, np.diff(np.append(start, len(order)))) + 1
    result = entries.take(pa.array(order))
    result = result.append_column("source_words", pa.array(words[order], pa.int32()))
    result = result.append_column("rank", pa.array(rank, pa.int32()))
    result = result.append_column("copy", pa.array((source == target)[order]))
    return result.select(tables.LEXICON.names).cast(tables.LEXICON)


def chain(lexicons: Iterable[pa.Table]) -> pa.Table:
    """The first lexicon's entries, then the next one's for terms the former lack, and so on.

    A term is looked for per target language, so a language that the first lexicon does not have
    at all comes from the next.
    """
    result: pa.Table | None = None
    for lexicon in lexicons:
        if result is None:
            result = lexicon
            continue
        known = pc.is_in(pa.array(_term_keys(lexicon)), pa.array(_term_keys(result)))
        result = pa.concat_tables([result, lexicon.filter(pc.invert(known))])
    assert result is not None, "a chain needs a lexicon"
    return result.combine_chunks()


def into_english(lexicon: pa.Table, lang: str) -> pa.Table:
    """The lexicon from English read backwards, ``lang`` -> en, for Translate-Test.

    A word may translate several English terms: the one it translates best (lowest rank), then
    the one with fewest words, wins.
    """
    part = lexicon.filter(pc.equal(lexicon["target_lang"], lang))
    score = -(part["rank"].to_numpy() + part["source_words"].to_numpy() / 100)
    return ranked(
        pa.table(
            {
                "source_lang": part["target_lang"],
                "target_lang": part["source_lang"],
                "source_term": part["target_term"],
                "target_term": part["source_term"],
                "score": pa.array(score, pa.float64()),
                "origin": part["origin"],
            }
        )
    )


def pair_keys(lexicon: pa.Table) -> np.ndarray:
    """One number for each entry's (source term, target term), letter case ignored."""
    return _joined_keys(lexicon["source_term"], lexicon["target_term"])


def _term_keys(lexicon: pa.Table) -> np.ndarray:
    """One number for each entry's (source term, target language)."""
    return _joined_keys(lexicon["source_term"], lexicon["target_lang"])


def _joined_keys(*columns: pa.ChunkedArray) -> np.ndarray:
    return hash_texts(pc.binary_join_element_wise(*columns, "\t"))
