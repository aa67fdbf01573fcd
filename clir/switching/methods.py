"""How each method makes its training data: which side is switched into what, and how often."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset

from clir import manifest, tables
from clir.errors import InputError
from clir.experiment import Experiment
from clir.languages import LANGUAGES
from clir.lexicons import entries as lexicons
from clir.switching.switcher import MAX_PHRASE_WORDS, MAX_TITLE_WORDS, Switched, Switcher
from clir.text.words import count_words


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


class OnTheFly(NamedTuple):
    """How training switches pairs as it reads them."""

    plan: Plan
    switchers: Path


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


def on_the_fly(experiment: Experiment, method: str) -> OnTheFly | None:
    """How a method's pairs are switched while training reads them, or None: they lie switched."""
    chosen = plan(experiment, method)
    if not (chosen.switches and experiment.switching.on_the_fly):
        return None
    return OnTheFly(chosen, switchers_folder(experiment, method))


def pairs_folder(experiment: Experiment, method: str) -> Path:
    """Where the pairs lie that a method reads: its own, or the English ones it switches."""
    read = "zero-shot" if on_the_fly(experiment, method) else method
    return experiment.output / "pairs" / read


def switchers_folder(experiment: Experiment, method: str) -> Path:
    """Where a method's look-up tables lie."""
    return experiment.output / "switchers" / method


def build_switchers(experiment: Experiment, chosen: Plan, lexicon: Path) -> Path:
    """Lay out what a method looks words up in, once for all workers of both engines; its folder.

    InputError for a language without entries.
    """
    folder = switchers_folder(experiment, chosen.method)
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

    manifest.build(experiment.workspace, folder, [lexicon], settings, write)
    return folder


def build_translators(experiment: Experiment, lexicon: Path) -> Path:
    """Lay out the words' chain of lexicons read backwards, for Translate-Test; its folder.

    A switcher of every language into English, for ``into_english``.
    """
    folder = switchers_folder(experiment, "translate-test")
    origins = experiment.lexicons.words

    def write(out: Path) -> dict[str, int]:
        entries = 0
        data = _lexicon_data(lexicon / "data")
        for lang in LANGUAGES:
            table = data.to_table(filter=pc.field("target_lang") == lang)
            parts = (table.filter(pc.equal(table["origin"], origin)) for origin in origins)
            backwards = lexicons.into_english(lexicons.chain(parts), lang)
            if backwards.num_rows:
                Switcher(backwards, ["en"], max_words=MAX_PHRASE_WORDS).save(out / lang)
                entries += backwards.num_rows
        return {"entries": entries}

    manifest.build(experiment.workspace, folder, [lexicon], {"words": origins}, write)
    return folder


def into_english(texts: pa.Array, ids: pa.Array, lang: str, translators: str) -> pa.Array:
    """Texts translated word by word, longest match first; English ones as they are.

    InputError for a language without entries.
    """
    if lang == "en":
        return texts
    if not (Path(translators) / lang).exists():
        raise InputError(f"the lexicon has no entries for {lang}, which Translate-Test asks for")
    return _switcher(translators, (lang,)).switch(texts, ids, "query", 1.0, 0).texts


def _read_lexicon(folder: Path, chosen: Plan) -> pa.Table:
    wanted = sorted({*chosen.query_languages, *chosen.passage_languages})
    data = _lexicon_data(folder)
    return data.to_table(filter=pc.field("target_lang").isin(wanted)).combine_chunks()


def _lexicon_data(folder: Path) -> pyarrow.dataset.Dataset:
    data = pyarrow.dataset.dataset(str(folder), format="parquet", exclude_invalid_files=True)
    tables.check(data.schema, tables.LEXICON, str(folder))
    return data


def switch_side(
    side: str, texts: pa.Array, ids: pa.Array, chosen: Plan, switchers: str, seed: int
) -> Switched | None:
    """One side's texts switched by the saved switchers; None where the method leaves it alone.

    ``ids`` name the pairs; the same id and seed give the same text, whoever asks and when.
    """
    languages = dict(chosen.sides)[side]
    if not languages:
        return None
    switcher = _switcher(switchers, languages)
    return switcher.switch(texts, ids, side, chosen.probability, seed, per_text=chosen.phrases)


def switch_pairs(batch: pa.RecordBatch, chosen: Plan, switchers: str, seed: int) -> pa.RecordBatch:
    """A batch of ``tables.PAIRS`` as one of ``tables.SWITCHED_PAIRS``."""
    columns = {name: batch[name] for name in tables.PAIRS.names}
    for side, _ in chosen.sides:
        done = switch_side(side, batch[side], batch["pair_id"], chosen, switchers, seed)
        if done is None:
            lang = batch["query_lang" if side == "query" else "doc_lang"]
            words = count_words(batch[side], lang[0].as_py() if len(lang) else "en")
            counts = copied = np.empty((len(batch), 0), np.int32)
        else:
            columns[side], words, counts = done.texts, done.words, done.by_language
            copied = done.copied
        columns[f"{side}_words"] = words
        columns[f"{side}_switched"] = counts.sum(axis=1)
        columns[f"{side}_by_language"] = _lists(counts)
        columns[f"{side}_copied"] = _lists(copied)
    columns["method"] = pa.repeat(chosen.method, batch.num_rows)
    columns["probability"] = pa.repeat(chosen.probability, batch.num_rows)
    columns["seed"] = pa.repeat(seed, batch.num_rows)
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[f.name]).cast(f.type) for f in tables.SWITCHED_PAIRS],
        schema=tables.SWITCHED_PAIRS,
    )


def _lists(counts: np.ndarray) -> pa.Array:
    """A list of counts per row."""
    offsets = np.arange(len(counts) + 1, dtype=np.int32) * counts.shape[1]
    return pa.ListArray.from_arrays(offsets, counts.ravel())


@cache
def _switcher(switchers: str, languages: tuple[str, ...]) -> Switcher:
    """A saved switcher, opened once per process."""
    return Switcher.open(Path(switchers) / "-".join(languages))
