"""How each method makes its training data: which side is switched into what, and how often."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset

from clir import lexicon as lexicons
from clir import manifest, tables
from clir.experiment import Experiment
from clir.switching import MAX_TITLE_WORDS, Switcher
from clir.words import count_words


class Plan(NamedTuple):
    """How one method switches: the languages of each side, and what is replaced how often."""

    method: str
    query_languages: tuple[str, ...]  # empty: this side is left alone
    passage_languages: tuple[str, ...]
    probability: float
    origins: tuple[str, ...]  # the chain of lexicons asked
    phrases: bool  # phrases of up to three words, language drawn per text; else words
    translations: int

    @property
    def sides(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return ("query", self.query_languages), ("passage", self.passage_languages)

    @property
    def switches(self) -> bool:
        return bool(self.query_languages or self.passage_languages)


def plan(experiment: Experiment, method: str) -> Plan:
    """The plan of a trained method, from the experiment."""
    switching, lexicon = experiment.switching, experiment.lexicons
    words, phrases = tuple(lexicon.words), tuple(lexicon.phrases)
    seen, translations = tuple(switching.languages), lexicon.translations
    if method == "bl-cs":
        query, passage = (() if lang == "en" else (lang,) for lang in switching.pair)
        return Plan(method, query, passage, switching.probability, words, False, translations)
    if method == "ml-cs":
        return Plan(method, seen, seen, switching.probability, words, False, translations)
    if method == "wiki-cs":
        share = switching.phrase_probability
        return Plan(method, seen, seen, share, phrases, True, translations)
    return Plan(method, (), (), 0.0, (), False, translations)


def build_switchers(experiment: Experiment, chosen: Plan, lexicon: Path) -> Path:
    """Lay out what a method looks words up in, once for all workers of both engines; its folder.

    InputError for a language without entries.
    """
    folder = experiment.output / "switchers" / chosen.method
    settings = chosen._asdict()
    del settings["probability"]  # does not change the look-up

    def write(out: Path) -> dict[str, int]:
        table = _read_lexicon(lexicon / "data", chosen)
        chained = lexicons.chain(
            table.filter(pc.equal(table["origin"], origin)) for origin in chosen.origins
        )
        for languages in {languages for _, languages in chosen.sides if languages}:
            switcher = Switcher(
                chained,
                languages,
                max_words=MAX_TITLE_WORDS if chosen.phrases else 1,
                translations=chosen.translations,
                keep_stop_words=chosen.phrases,
            )
            switcher.save(out / "-".join(languages))
        return {"entries": chained.num_rows}

    manifest.build(folder, [lexicon], settings, write)
    return folder


def _read_lexicon(folder: Path, chosen: Plan) -> pa.Table:
    data = pyarrow.dataset.dataset(str(folder), format="parquet", exclude_invalid_files=True)
    tables.check(data.schema, tables.LEXICON, str(folder))
    wanted = sorted({*chosen.query_languages, *chosen.passage_languages})
    return data.to_table(filter=pc.field("target_lang").isin(wanted)).combine_chunks()


def switch_pairs(batch: pa.RecordBatch, chosen: Plan, switchers: str, seed: int) -> pa.RecordBatch:
    """A batch of ``tables.PAIRS`` as one of ``tables.SWITCHED_PAIRS``, by the saved switchers."""
    columns = {name: batch[name] for name in tables.PAIRS.names}
    for side, languages in chosen.sides:
        if languages:
            done = _switcher(switchers, languages).switch(
                batch[side],
                batch["pair_id"],
                side,
                chosen.probability,
                seed,
                per_text=chosen.phrases,
            )
            columns[side], words, counts = done.texts, done.words, done.by_language
        else:
            words, counts = count_words(batch[side]), None
        columns[f"{side}_words"] = words
        columns[f"{side}_switched"] = words * 0 if counts is None else counts.sum(axis=1)
        columns[f"{side}_by_language"] = _lists(counts, len(batch))
    columns["method"] = pa.repeat(chosen.method, batch.num_rows)
    columns["probability"] = pa.repeat(chosen.probability, batch.num_rows)
    columns["seed"] = pa.repeat(seed, batch.num_rows)
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[f.name]).cast(f.type) for f in tables.SWITCHED_PAIRS],
        schema=tables.SWITCHED_PAIRS,
    )


def _lists(counts: np.ndarray | None, rows: int) -> pa.Array:
    """A list of counts per row; empty ones where nothing is counted."""
    counts = np.empty((rows, 0), np.int32) if counts is None else counts
    offsets = np.arange(rows + 1, dtype=np.int32) * counts.shape[1]
    return pa.ListArray.from_arrays(offsets, counts.ravel())


@cache
def _switcher(switchers: str, languages: tuple[str, ...]) -> Switcher:
    """A saved switcher, opened once per process."""
    return Switcher.open(Path(switchers) / "-".join(languages))
