"""Texts -> word vectors of each language that is asked for and has none, a task each.

Each language has a folder and a manifest of its own: what is trained stays trained when another
language is added, or fails.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.dataset
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from clir import manifest, progress, stages
from clir.experiment import Experiment, VectorTraining
from clir.lexicons import vector_training
from spark_etl.session import Spark, run_each


class _Due(NamedTuple):
    """A language whose vectors are to be trained."""

    lang: str
    texts: list[Path]
    folder: Path
    origin: dict[str, Any]  # of its manifest


def train(spark: Spark, experiment: Experiment, terms: Callable[[], DataFrame]) -> dict[str, Path]:
    """Train the vectors of every language in ``lexicons.vector_texts``; the folder of each.

    ``terms()``: entries of the other lexicons, whose target terms are words of languages that
    part their words otherwise than ``clir.text.words``.
    """
    workspace, folders, due = experiment.workspace, {}, []
    for lang, paths in experiment.lexicons.vector_texts.items():
        stage = stages.vectors(experiment, lang)
        folders[lang] = stage.folder
        origin = manifest.origin_of(workspace, stage.inputs, stage.settings)
        if manifest.is_current(stage.folder, origin):
            progress.up_to_date(workspace.name(stage.folder))
        else:
            # Executors do not run in this process's folder.
            texts = [path.absolute() for path in paths]
            due.append(_Due(lang, texts, stage.folder, origin))
    if due:
        with manifest.at_work(workspace, {one.folder: one.origin for one in due}):
            _train_each(spark(), experiment, due, terms)
    return folders


def _train_each(
    spark: SparkSession,
    experiment: Experiment,
    due: list[_Due],
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

        def train_one(one: _Due) -> None:
            write = partial(_write, one, known, settings, limit)
            with progress.sent_to(told):
                manifest.publish(workspace, one.folder, one.origin, write)

        with progress.relayed(told):
            run_each(spark, due, train_one)


def _write(
    due: _Due, known: Path, settings: VectorTraining, limit: int, out: Path
) -> dict[str, int]:
    folder = known / f"target_lang={due.lang}"
    terms = pa.array([], pa.string())
    if folder.exists():
        table = pyarrow.dataset.dataset(str(folder), format="parquet").to_table(["target_term"])
        terms = table["target_term"].combine_chunks()
    return vector_training.train(due.texts, due.lang, terms, settings, limit, out / "words.vec")
