"""Entries of a bilingual lexicon: ranked by term, chained, read backwards.

A lexicon is a table with the columns of ``tables.LEXICON``. Terms are stored in NFC with their
letter case; look-ups go by their keys (``clir.text.terms``), which ignore case and more.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from clir import tables
from clir.text.hashing import mix
from clir.text.terms import find_terms
from clir.text.words import hash_ids


def entry_table(
    source_lang: str,
    target_lang: str | pa.Array,
    source_terms: pa.Array,
    target_terms: pa.Array,
    origin: str | pa.Array = "dictionary",
    score: float | np.ndarray = 1.0,
) -> pa.Table:
    """Entries for ``ranked``; what is no array is the same for all."""
    columns = (
        pa.repeat(column, len(source_terms)) if isinstance(column, str | float) else column
        for column in (source_lang, target_lang, source_terms, target_terms, origin, score)
    )
    names = ("source_lang", "target_lang", "source_term", "target_term", "origin", "score")
    return pa.table(dict(zip(names, columns, strict=True)))


def ranked(entries: pa.Table) -> pa.Table:
    """Fill ``source_words``, ``rank`` (by score, then by order) and ``copy``.

    Repeated entries go.
    """
    # Terms that a look-up takes for the same are the same here.
    source, words = _keys(entries, "source_term", "source_lang")
    target, _ = _keys(entries, "target_term", "target_lang")
    as_source, _ = _keys(entries, "target_term", "source_lang")
    codes = {
        name: pc.dictionary_encode(entries[name].combine_chunks()).indices.to_numpy()
        for name in ("source_lang", "target_lang")
    }
    term = ["source_lang", "target_lang", "source"]
    rows = pd.DataFrame({**codes, "source": source.view(np.int64), "target": target})
    # Of equal entries the one with the highest score stays, then the first.
    best_first = rows.iloc[np.argsort(-entries["score"].to_numpy(), kind="stable")]
    rows = best_first.drop_duplicates().sort_values(term, kind="stable")
    order = rows.index.to_numpy()
    result = entries.take(pa.array(order))
    result = result.append_column("source_words", pa.array(words[order], pa.int32()))
    result = result.append_column("rank", pa.array(rows.groupby(term).cumcount() + 1, pa.int32()))
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
        entry_table(lang, "en", part["target_term"], part["source_term"], part["origin"], score)
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
