"""Signs of a translation that failed: dotted lines, another script, an end that is missing.

Machine-translated collections hold such texts (mMARCO has all three kinds); who ranks by them is
scored for the translator's faults. What is looked at of a text is small, so that translations can
be held against their sources without moving the texts.
"""

import pyarrow as pa
import pyarrow.compute as pc

from clir.languages import OF_COLLECTIONS

# Dots, dashes and the like in a row, blanks between them or not.
_DOTTED = r"(?:[.…·•_*=\-–—。．・][ \t]*){10}"
_SOME_SCRIPT = 0.1  # share of letters: names and quotations aside, a translation has far more
_LETTERS = 10  # below, a text may be all names
LONG_SOURCE = 40  # characters; the length of shorter texts tells little
_WHOLE = 0.4  # of the length that translations into the language usually have

SIGNS = pa.schema({"length": pa.int32(), "dotted": pa.bool_(), "foreign": pa.bool_()})
DOTTED, FOREIGN, TRUNCATED = "dotted line", "another script", "truncated"


def signs(texts: pa.Array, lang: str) -> pa.RecordBatch:
    """Of each text its characters, whether it has a dotted line, whether in another script."""
    # What is left of a text is counted in a third of the time that it takes to count matches.
    scripts = "".join(rf"\p{{{script}}}" for script in OF_COLLECTIONS[lang].scripts)
    letters = pc.utf8_length(pc.replace_substring_regex(texts, r"\P{L}+", ""))
    own = pc.utf8_length(pc.replace_substring_regex(texts, f"[^{scripts}]+", ""))
    foreign = pc.and_(
        pc.greater_equal(letters, _LETTERS),
        pc.less(own.cast(pa.float64()), pc.multiply(letters.cast(pa.float64()), _SOME_SCRIPT)),
    )
    length = pc.utf8_length(pc.utf8_trim_whitespace(texts))
    dotted = pc.match_substring_regex(texts, _DOTTED)
    return pa.RecordBatch.from_arrays([length, dotted, foreign], schema=SIGNS)


def flaws(translation: pa.RecordBatch, source: pa.RecordBatch, usual: pa.Array) -> pa.StringArray:
    """The flaw of each translation, null where it has none.

    ``translation``, ``source``: their ``signs``. ``usual``: how long translations into the
    language usually are, as a share of the source's length; null where that is not known.
    """
    dotted = pc.and_(translation["dotted"], pc.invert(source["dotted"]))
    foreign = pc.and_(translation["foreign"], pc.invert(source["foreign"]))
    least = pc.multiply(pc.multiply(source["length"].cast(pa.float64()), usual), _WHOLE)
    long = pc.greater_equal(source["length"], LONG_SOURCE)
    short = pc.fill_null(pc.less(translation["length"].cast(pa.float64()), least), False)
    empty = pc.and_(pc.equal(translation["length"], 0), pc.greater(source["length"], 0))
    truncated = pc.or_(pc.and_(long, short), empty)
    conditions = pc.make_struct(dotted, foreign, truncated)
    return pc.case_when(conditions, DOTTED, FOREIGN, TRUNCATED)
