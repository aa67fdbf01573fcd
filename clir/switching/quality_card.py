"""What a lexicon is worth for a corpus: coverage, switch rates, agreement with others, examples."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clir.languages import STOP_WORDS
from clir.lexicons.entries import pair_keys
from clir.switching.switcher import MAX_PHRASE_WORDS, Switcher
from clir.text.terms import term_keys
from clir.text.words import buffer_of, count_words, find_words

PROBABILITIES = (0.25, 0.5, 0.75, 1.0)
_SWITCHED_TEXTS = 500  # texts that are switched to see the rate reached
_EXAMPLES = 5


class Corpus(NamedTuple):
    """Distinct words of a corpus and how often each occurs; some of its texts."""

    types: np.ndarray
    times: np.ndarray
    texts: pa.Array


def corpus_of(texts: pa.Array) -> Corpus:
    """A corpus, by its texts (no nulls), as cards want it."""
    types, times = np.unique(find_words(buffer_of(texts), "en").key, return_counts=True)
    return Corpus(types, times, texts.slice(0, _SWITCHED_TEXTS))


def quality_card(
    lexicon: pa.Table, corpus: Corpus, others: Mapping[str, pa.Table], longest: int = 1
) -> dict[str, Any]:
    """What a lexicon into one language is worth for a corpus.

    ``entries``; ``terms`` with an entry; ``never_found``: terms that no text can hold (without a
    word, longer than a phrase may be, or an address); ``copies``: share of entries whose target
    equals the source; ``target_words``: mean words per target; ``type_coverage`` and
    ``token_coverage``: share of the corpus's distinct words, and of its words, that have a one-
    word entry; ``switch_rate``: share of words replaced by others at each probability, with terms
    of up to ``longest`` words; ``copy_rate``: share that a copy was drawn for; ``agreement``:
    with each of ``others``, the share of terms of both that have a translation in common, None
    without such terms; ``examples``: entries of the corpus's most frequent words (function words
    and copies aside).
    """
    (lang,) = lexicon["target_lang"].unique().to_pylist()
    source = term_keys(lexicon["source_term"], "en")
    rates = list(_switch_rates(lexicon, lang, corpus.texts, longest))
    covered = np.asarray(_is_in(corpus.types, source))
    return {
        "target_lang": lang,
        "entries": lexicon.num_rows,
        "terms": len(np.unique(source)),
        "never_found": _never_found(lexicon, lang),
        "copies": pc.mean(lexicon["copy"].cast(pa.int32())).as_py(),
        "target_words": float(count_words(lexicon["target_term"], lang).mean()),
        "type_coverage": float(covered.sum() / max(1, len(covered))),
        "token_coverage": float(corpus.times[covered].sum() / max(1, corpus.times.sum())),
        "switch_rate": {probability: switched for probability, switched, _ in rates},
        "copy_rate": {probability: copied for probability, _, copied in rates},
        "agreement": {other: _agreement(lexicon, table) for other, table in others.items()},
        "examples": _examples(lexicon, source, corpus),
    }


def _switch_rates(
    lexicon: pa.Table, lang: str, texts: pa.Array, longest: int
) -> Iterator[tuple[str, float, float]]:
    """Each probability, the share of words replaced by others, and by themselves."""
    if not pc.any(pc.less_equal(lexicon["source_words"], longest)).as_py():
        yield from ((str(probability), 0.0, 0.0) for probability in PROBABILITIES)
        return
    switcher = Switcher(lexicon, [lang], max_words=longest, keep_stop_words=longest > 1)
    ids = pa.array(map(str, range(len(texts))), pa.string())
    for probability in PROBABILITIES:
        done = switcher.switch(texts, ids, "passage", probability, seed=0)
        words = max(1, done.words.sum())
        yield str(probability), float(done.switched.sum() / words), float(done.copied.sum() / words)


def _never_found(lexicon: pa.Table, lang: str) -> int:
    """Terms that are not found even in a text that holds nothing else."""
    terms = pc.unique(lexicon["source_term"])
    if not pc.any(pc.less_equal(lexicon["source_words"], MAX_PHRASE_WORDS)).as_py():
        return len(terms)
    switcher = Switcher(lexicon, [lang], MAX_PHRASE_WORDS)
    return int((~switcher.finds(terms)).sum())


def _agreement(one: pa.Table, other: pa.Table) -> float | None:
    """Share of the terms of both that have a translation in common; None without such terms."""
    terms = np.intersect1d(
        term_keys(one["source_term"], "en"), term_keys(other["source_term"], "en")
    )
    agreed = one.filter(_is_in(pair_keys(one), pair_keys(other)))
    found = np.unique(term_keys(agreed["source_term"], "en"))
    return len(found) / len(terms) if len(terms) else None


def _examples(part: pa.Table, source: np.ndarray, corpus: Corpus) -> list[list[str]]:
    best = pc.and_(pc.equal(part["rank"], 1), pc.invert(part["copy"]))
    frequent = _is_in(source, corpus.types)
    plain = pc.invert(pc.is_in(pc.utf8_lower(part["source_term"]), pa.array(sorted(STOP_WORDS))))
    rows = np.flatnonzero(pc.and_(pc.and_(best, frequent), plain))
    times = corpus.times[np.searchsorted(corpus.types, source[rows])]
    order = np.lexsort((source[rows], -times))[:_EXAMPLES]
    shown = part.take(pa.array(rows[order]))
    return [[row["source_term"], row["target_term"]] for row in shown.to_pylist()]


def _is_in(keys: np.ndarray, others: np.ndarray) -> pa.Array:
    return pc.is_in(pa.array(keys), pa.array(others))
