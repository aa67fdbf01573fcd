"""Texts -> word vectors of each language that is asked for and has none, a task each.

Each language has a folder and a manifest of its own: what is trained stays trained when another
language is added, or fails.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from clir import manifest, progress, stages, tables
from clir.experiment import Experiment, VectorTraining
from clir.lexicons import vector_training
from spark_etl.session import Spark, run_each


class _Asked(NamedTuple):
    """A language whose vectors are asked for."""

    lang: str
    texts: list[Path]
    folder: Path
    origin: dict[str, Any]  # of its manifest


def train(spark: Spark, experiment: Experiment, terms: Callable[[], DataFrame]) -> dict[str, Path]:
    """Train the vectors of every language in ``lexicons.vector_texts``; the folder of each.

    ``terms()``: entries of the other lexicons, whose target terms are words of languages that
    part their words otherwise than ``clir.text.words``.
    """
    workspace, asked = experiment.workspace, {}
    for lang, paths in experiment.lexicons.vector_texts.items():
        stage = stages.vectors(experiment, lang)
        origin = manifest.origin_of(workspace, stage.inputs, stage.settings)
        # Executors do not run in this process's folder.
        asked[lang] = _Asked(lang, [path.absolute() for path in paths], stage.folder, origin)
    if due := manifest.due(workspace, {one.folder: one.origin for one in asked.values()}):
        with manifest.at_work(workspace, due):
            left = [one for one in asked.values() if one.folder in due]
            _train_each(spark(), experiment, left, terms)
    return {lang: one.folder for lang, one in asked.items()}


def _train_each(
    spark: SparkSession,
    experiment: Experiment,
    due: list[_Asked],
    terms: Callable[[], DataFrame],
) -> None:
    settings, limit = experiment.lexicons.vector_training, experiment.lexicons.vector_words
    workspace = experiment.workspace
    with workspace.piece(due[0].folder) as piece:
        known = piece / "terms"
        if joined := [one.lang for one in due if one.lang in vector_training.TERMS_JOINED]:
            wanted = terms().where(F.col("target_lang").isin(joined))
            wanted.select("target_lang", "target_term").write.partitionBy("target_lang").parquet(
                str(known)
            )

        told = piece / "progress"

        def train_one(one: _Asked) -> None:
            write = partial(_write, one, known, settings, limit)
            with progress.sent_to(told):
                manifest.publish(workspace, one.folder, one.origin, write)

        with progress.relayed(told):
            run_each(spark, due, train_one)


def _write(
    one: _Asked, known: Path, settings: VectorTraining, limit: int, out: Path
) -> dict[str, int]:
    folder = known / f"target_lang={one.lang}"
    terms = pa.array([], pa.string())
    if folder.exists():
        terms = tables.dataset(folder).to_table(["target_term"])[0].combine_chunks()
    return vector_training.train(one.texts, one.lang, terms, settings, limit, out / "words.vec")
