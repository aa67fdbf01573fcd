"""Lexicon + English training texts -> quality card: is each lexicon worth it, and enough?"""

import itertools
import json
import shutil
from collections.abc import Iterator
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import functions as F

from clir import manifest, stages, tables
from clir.errors import InputError
from clir.experiment import Experiment, Lexicons
from clir.lexicons.entries import chain
from clir.switching.quality_card import Corpus, corpus_of, quality_card
from clir.switching.switcher import MAX_TITLE_WORDS
from spark_etl.session import Spark, read_table, run_each

_TEXTS = 50_000  # English documents that the card is measured on


def build(spark: Spark, experiment: Experiment) -> Path:
    """Make the card of every lexicon and of the chain that words go through; the folder.

    InputError where that chain covers too little of the texts (``lexicons.minimum_coverage``).
    """
    stage, workspace = stages.lexicon_card(experiment), experiment.workspace
    lexicon = workspace.lexicon / "data"
    names = [c.id for c in experiment.collections.train]
    used = [*experiment.switching.languages, *experiment.switching.pair]

    def write(out: Path) -> dict[str, int]:
        session = spark()
        documents = read_table(session, workspace.collections / "documents")
        english = documents.where((F.col("lang") == "en") & F.col("collection").isin(names))
        mixed = F.expr("xxhash64(collection, doc_id)")  # of all collections, as many as they have
        texts = english.orderBy(mixed, "doc_id").limit(_TEXTS).select("text")
        texts.coalesce(1).write.parquet(str(out / "texts"))
        entries = read_table(session, lexicon)
        langs = [row[0] for row in entries.select("target_lang").distinct().collect()]
        cards_of = partial(_cards, lexicon, out / "texts", experiment.lexicons)
        found = itertools.chain(*run_each(session, langs, cards_of))
        cards = sorted(found, key=itemgetter("lexicon", "target_lang"))
        _check_coverage(cards, experiment.lexicons, used)
        (out / "card.json").write_text(json.dumps(cards, indent=1, ensure_ascii=False))
        shutil.rmtree(out / "texts")
        return {"cards": len(cards)}

    manifest.build(experiment.workspace, *stage, write)
    return stage.folder


def _cards(entries: Path, texts: Path, settings: Lexicons, lang: str) -> list[dict[str, Any]]:
    """The cards of a language's lexicons."""
    corpus = corpus_of(pq.read_table(texts)["text"].combine_chunks())
    table = tables.dataset(entries).to_table(filter=pc.field("target_lang") == lang)
    return list(_cards_of(table, corpus, settings))


def _cards_of(table: pa.Table, corpus: Corpus, settings: Lexicons) -> Iterator[dict[str, Any]]:
    origins = sorted(table["origin"].unique().to_pylist())
    parts = {name: table.filter(pc.equal(table["origin"], name)) for name in origins}
    for name, part in parts.items():
        others = {other: parts[other] for other in origins if other != name}
        longest = MAX_TITLE_WORDS if name in settings.phrases else 1
        yield {"lexicon": name, **quality_card(part, corpus, others, longest)}
    chained = [parts[name] for name in settings.words if name in parts]
    if len(settings.words) > 1 and chained:
        yield {"lexicon": _chain_name(settings), **quality_card(chain(chained), corpus, {})}


def _chain_name(settings: Lexicons) -> str:
    return ", then ".join(settings.words)


def _check_coverage(cards: list[dict[str, Any]], settings: Lexicons, langs: list[str]) -> None:
    reached = {
        card["target_lang"]: card["token_coverage"]
        for card in cards
        if card["lexicon"] == _chain_name(settings)
    }
    poor = {lang: reached.get(lang, 0.0) for lang in langs if lang != "en"}
    poor = {lang: share for lang, share in poor.items() if share < settings.minimum_coverage}
    if poor:
        found = ", ".join(f"{lang} {share:.1%}" for lang, share in sorted(poor.items()))
        raise InputError(
            f"the lexicons of words ({_chain_name(settings)}) cover too little of the English "
            f"training texts: {found}; lexicons.minimum_coverage asks for "
            f"{settings.minimum_coverage:.1%}: give a larger dictionary, word vectors or dumps"
        )
