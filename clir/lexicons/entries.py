"""Bilingual lexicon: normalise titles into terms, read dictionaries, rank, merge.

A lexicon is a table with the columns of ``tables.LEXICON``. Terms are stored in NFC with their
letter case; look-ups go by their keys (``clir.text.words``), which ignore case and more.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clir import tables
from clir.errors import InputError
from clir.languages import LANGUAGES, NOUNS_WITH_CAPITALS
from clir.lexicons.namespaces import in_namespace, of_another_wiki
from clir.text.hashing import mix
from clir.text.lines import Block, read_blocks
from clir.text.terms import find_terms
from clir.text.words import hash_ids

_LETTER = r"\p{L}"


def terms_of_titles(titles: pa.Array, lang: str) -> pa.Array:
    """Terms of page titles: blanks for underscores, no fragment, no suffix, NFC, lower case.

    A fragment is a section of the page (``Brot#Geschichte``), a suffix tells pages of one name
    apart (``Mercury (planet)``). ``null`` where nothing with a letter is left, and for titles that
    are no article's (``clir.lexicons.namespaces``). Case is kept for German, whose nouns keep it.
    """
    terms = pc.utf8_normalize(_bare(titles), "NFC")
    suffixed = pc.or_(pc.ends_with(terms, ")"), pc.ends_with(terms, "）"))
    terms = _replaced(terms, suffixed, r"^(.+?)\s*[(（][^()（）]*[)）]$", r"\1")
    if lang not in NOUNS_WITH_CAPITALS:
        terms = pc.utf8_lower(terms)
    no_article = pc.or_(in_namespace(titles, lang), of_another_wiki(titles))
    good = pc.and_not(pc.match_substring_regex(terms, _LETTER), no_article)
    return pc.if_else(good, terms, None)


def why_dropped(titles: pa.Array, terms: pa.Array, lang: str) -> pa.Array:
    """Why titles gave no ``terms`` that are of use in their language; ``null`` where they did."""
    lost = pc.is_null(terms)
    some = titles.filter(lost)
    empty = pc.equal(pc.binary_length(_bare(some)), 0)
    reasons = pc.make_struct(in_namespace(some, lang), of_another_wiki(some), empty)
    why = pc.case_when(reasons, "in a namespace", "of another wiki", "empty", "without a letter")
    in_other_script = pc.invert(in_script(pc.fill_null(terms, ""), lang))
    dropped = pc.if_else(in_other_script, "in another script", pa.scalar(None, pa.string()))
    return pc.replace_with_mask(dropped, lost, why)


def _bare(titles: pa.Array) -> pa.Array:
    """Titles without underscores, a colon before them and a fragment behind them."""
    plain = pc.utf8_trim_whitespace(pc.replace_substring(titles, "_", " "))
    marked = pc.or_(pc.match_substring(plain, "#"), pc.starts_with(plain, ":"))
    return _replaced(plain, marked, r"^[\s:]+|(?s:#.*)", "")


def _replaced(texts: pa.Array, some: pa.Array, form: str, by: str) -> pa.Array:
    """Replace a form in some texts, which are few: looking for it in all would take its time."""
    made = pc.replace_substring_regex(texts.filter(some), form, by)
    return pc.replace_with_mask(texts, some, pc.utf8_trim_whitespace(made))


def in_script(terms: pa.Array, lang: str) -> pa.Array:
    """Whether each term has a letter of one of its language's scripts."""
    scripts = "".join(rf"\p{{{script}}}" for script in LANGUAGES[lang].scripts)
    return pc.match_substring_regex(terms, f"[{scripts}]")


def dictionaries_in(folder: Path) -> dict[str, Path]:
    """The dictionaries from English in a folder, by language. InputError where there is none."""
    if not folder.is_dir():
        raise InputError(f"{folder}: lexicons.dictionary must be a folder of en-XX.tsv files")
    paths = {code: path for code in LANGUAGES if (path := _dictionary(folder, code))}
    if not paths:
        raise InputError(
            f"{folder}: no dictionary in it; they are called en-XX.tsv or en-XX.txt, perhaps .gz"
        )
    return paths


def _dictionary(folder: Path, lang: str) -> Path | None:
    """The dictionary into a language, under any of the names that it may have."""
    names = [f"en-{lang}.{suffix}" for suffix in ("tsv", "txt", "tsv.gz", "txt.gz")]
    paths = [folder / name for name in names if (folder / name).exists()]
    if len(paths) > 1:
        raise InputError(
            f"{folder}: {paths[0].name} and {paths[1].name} are both dictionaries into {lang}; "
            "keep one of them"
        )
    return paths[0] if paths else None


def read_dictionary(path: Path, target_lang: str) -> pa.Table:
    """A dictionary from English as a lexicon, ranked by order of lines.

    A line is a term and its translation with a tab between or, in a file that has no tab at all (as
    MUSE's), a blank. InputError with file and line for one that has not exactly these two.
    """
    blocks = list(read_blocks(path))
    if not blocks:
        raise InputError(f"{path}: no entries in it")
    tabs = any(pc.any(pc.match_substring(block.lines, "\t")).as_py() for block in blocks)
    between = "<TAB>" if tabs else " "
    columns = [_cells(block, tabs, f"`term{between}translation`") for block in blocks]
    source, target = map(pa.chunked_array, zip(*columns, strict=True))
    table = pa.table(
        {
            "source_lang": pa.repeat("en", len(source)),
            "target_lang": pa.repeat(target_lang, len(source)),
            "source_term": pc.utf8_normalize(source, "NFC"),
            "target_term": pc.utf8_normalize(target, "NFC"),
            "score": pa.repeat(1.0, len(source)),
            "origin": pa.repeat("dictionary", len(source)),
        }
    )
    return ranked(table)


def _cells(block: Block, tabs: bool, expected: str) -> list[pa.Array]:
    """The two columns of some lines of a dictionary, both filled."""
    cells = [pc.utf8_trim_whitespace(cell) for cell in block.cells(2, expected, tabs)]
    for cell in cells:
        block.refuse(pc.equal(pc.binary_length(cell), 0), f"expected {expected}")
    return cells


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
