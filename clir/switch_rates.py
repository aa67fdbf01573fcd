"""Switched pairs -> the share of their words that went into each language, by domain and side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from clir.methods import Plan

# Words of each domain and side: all of them (language ""), and those switched into each language.
COUNTS = pa.schema(
    {"domain": pa.string(), "side": pa.string(), "language": pa.string(), "words": pa.int64()}
)
COLUMNS = [
    "domain", "query_words", "query_by_language", "passage_words", "passage_by_language",
]  # fmt: skip


def count(pairs: pa.RecordBatch, chosen: Plan) -> pa.RecordBatch:
    """A batch with ``COLUMNS`` (of ``tables.SWITCHED_PAIRS``) as one of ``COUNTS``."""
    domains = pairs["domain"].dictionary_encode()
    rows = []
    for side, languages in chosen.sides:
        into = pairs[f"{side}_by_language"].flatten().to_numpy().reshape(len(pairs), len(languages))
        counted = np.column_stack([pairs[f"{side}_words"].to_numpy(), into])
        sums = np.zeros((len(domains.dictionary), counted.shape[1]), np.int64)
        np.add.at(sums, domains.indices.to_numpy(), counted)
        rows += [
            {"domain": domain, "side": side, "language": language, "words": words}
            for domain, row in zip(domains.dictionary.to_pylist(), sums.tolist(), strict=True)
            for language, words in zip(("", *languages), row, strict=True)
        ]
    return pa.RecordBatch.from_pylist(rows, COUNTS)


def summary(counted: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What a manifest tells, from rows of ``COUNTS``: words and switched words of each side.

    Of sides that are switched also the share of the words, as
    ``switched``: domain -> side -> language (or ``all``) -> share.
    """
    words: dict[str, dict[str, Counter[str]]] = {}
    for row in counted:
        sides = words.setdefault(row["domain"], {"query": Counter(), "passage": Counter()})
        sides[row["side"]][row["language"]] += row["words"]
    totals: Counter[str] = Counter()
    switched: dict[str, dict[str, dict[str, float]]] = {}
    for domain, sides in sorted(words.items()):
        for side, by_language in sides.items():
            whole = by_language.pop("")
            into = {"all": sum(by_language.values())} | dict(sorted(by_language.items()))
            totals.update({f"{side} words": whole, f"{side} switched": into["all"]})
            if by_language:
                shares = {language: round(n / max(1, whole), 4) for language, n in into.items()}
                switched.setdefault(domain, {})[side] = shares
    return {**totals, "switched": switched} if switched else {**totals}
