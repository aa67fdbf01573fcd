"""Switched pairs -> the share of their words that went into each language, by domain and side."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from clir.switching.plans import Plan

_SIDES = ("query", "passage")
# Words of each domain and side by their fate: all ``words`` (language ""), those ``switched`` into
# each language, and those ``copied``, whose translation is the same word.
KEYS = ["domain", "side", "fate", "language"]
COUNTS = pa.schema([*((key, pa.string()) for key in KEYS), ("words", pa.int64())])
COLUMNS = [
    "domain", "query_words", "query_by_language", "query_copied", "passage_words",
    "passage_by_language", "passage_copied",
]  # fmt: skip


def count(pairs: pa.RecordBatch, chosen: Plan) -> pa.RecordBatch:
    """A batch with ``COLUMNS`` (of ``tables.SWITCHED_PAIRS``) as one of ``COUNTS``."""
    domains = pairs["domain"].dictionary_encode()
    rows = []
    for side, languages in chosen.sides:
        shape = (len(pairs), len(languages))
        switched, copied = (
            pairs[f"{side}_{fate}"].flatten().to_numpy().reshape(shape)
            for fate in ("by_language", "copied")
        )
        counted = np.column_stack([pairs[f"{side}_words"].to_numpy(), switched, copied])
        sums = np.zeros((len(domains.dictionary), counted.shape[1]), np.int64)
        np.add.at(sums, domains.indices.to_numpy(), counted)
        names = [("words", ""), *(("switched", lang) for lang in languages),
                 *(("copied", lang) for lang in languages)]  # fmt: skip
        rows += [
            {"domain": domain, "side": side, "fate": fate, "language": lang, "words": words}
            for domain, row in zip(domains.dictionary.to_pylist(), sums.tolist(), strict=True)
            for (fate, lang), words in zip(names, row, strict=True)
        ]
    return pa.RecordBatch.from_pylist(rows, COUNTS)


def summary(counted: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What a manifest tells, from rows of ``COUNTS``: words and switched words of each side.

    Of sides that are switched also the shares of the words that were ``switched`` and ``copied``,
    each as domain -> side -> language (or ``all``) -> share.
    """
    words: Counter[tuple[str, ...]] = Counter()
    for row in counted:
        words[tuple(row[key] for key in KEYS)] += row["words"]
    totals = Counter({f"{side} {fate}": 0 for side in _SIDES for fate in ("words", "switched")})
    shares: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for (domain, side, fate, lang), n in sorted(words.items()):
        totals[f"{side} {fate}"] += n
        if fate != "words":
            sides = shares.setdefault(fate, {}).setdefault(domain, {})
            whole = max(1, words[domain, side, "words", ""])
            sides.setdefault(side, {})[lang] = n / whole
    for domains in shares.values():
        for sides in domains.values():
            for side, by_language in sides.items():
                into = {"all": sum(by_language.values())} | by_language
                sides[side] = {lang: round(share, 4) for lang, share in into.items()}
    return {**totals, **shares}
