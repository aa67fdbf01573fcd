"""Bilingual lexicon: normalise titles into terms, read dictionaries, rank, merge.

A lexicon is a table with the columns of ``tables.LEXICON``. Terms are stored in NFC with their
letter case; look-ups go by their keys (``clir.words``), which ignore case and more.
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
from clir.words import find_terms, hash_ids, mix

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
    source_lang, target_lang = (
        pc.dictionary_encode(entries[name].combine_chunks()).indices.to_numpy()
        for name in ("source_lang", "target_lang")
    )
    # Terms that a look-up takes for the same are the same here.
    source, words = _keys(entries, "source_term", "source_lang")
    target, _ = _keys(entries, "target_term", "target_lang")
    as_source, _ = _keys(entries, "target_term", "source_lang")
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
    result = result.append_column("copy", pa.array((source == as_source)[order]))
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
    """One number for each entry's (source term, target term), as look-ups take them."""
    source, _ = _keys(lexicon, "source_term", "source_lang")
    target, _ = _keys(lexicon, "target_term", "target_lang")
    return mix(source) + target


def _term_keys(lexicon: pa.Table) -> np.ndarray:
    """One number for each entry's (source term, target language)."""
    source, _ = _keys(lexicon, "source_term", "source_lang")
    return mix(source) + hash_ids(lexicon["target_lang"])


def _keys(lexicon: pa.Table, terms: str, langs: str) -> tuple[np.ndarray, np.ndarray]:
    """The key of each term of a column, in the language of another one; how many words it has."""
    keys, words = np.empty(len(lexicon), np.uint64), np.empty(len(lexicon), np.int32)
    for lang in lexicon[langs].unique().to_pylist():
        rows = np.asarray(pc.equal(lexicon[langs], lang))
        found = find_terms(lexicon[terms].filter(pa.array(rows)), lang)
        keys[rows], words[rows] = found.key, found.words
    return keys, words
