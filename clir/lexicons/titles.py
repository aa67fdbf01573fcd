"""Titles of Wikipedia's pages as terms of a lexicon, and why some are none."""

import pyarrow as pa
import pyarrow.compute as pc

from clir.languages import LANGUAGES, NOUNS_WITH_CAPITALS
from clir.lexicons.namespaces import in_namespace, of_another_wiki

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


def in_script(terms: pa.Array, lang: str) -> pa.Array:
    """Whether each term has a letter of one of its language's scripts."""
    scripts = "".join(rf"\p{{{script}}}" for script in LANGUAGES[lang].scripts)
    return pc.match_substring_regex(terms, f"[{scripts}]")


def _bare(titles: pa.Array) -> pa.Array:
    """Titles without underscores, a colon before them and a fragment behind them."""
    plain = pc.utf8_trim_whitespace(pc.replace_substring(titles, "_", " "))
    marked = pc.or_(pc.match_substring(plain, "#"), pc.starts_with(plain, ":"))
    return _replaced(plain, marked, r"^[\s:]+|(?s:#.*)", "")


def _replaced(texts: pa.Array, some: pa.Array, form: str, by: str) -> pa.Array:
    """Replace a form in some texts, which are few: looking for it in all would take its time."""
    made = pc.replace_substring_regex(texts.filter(some), form, by)
    return pc.replace_with_mask(texts, some, pc.utf8_trim_whitespace(made))
