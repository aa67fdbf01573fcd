"""Who ranks, and what is read for it."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from clir import manifest, stages
from clir.experiment import Evaluation, Experiment
from clir.stages import Trained
from clir.switching.methods import METHODS
from ray_app.evaluation.conditions import Condition


@dataclass(frozen=True)
class System:
    """One way to rank: a trained model, reading texts as they are or translated into English."""

    name: str
    model_name: str
    family: str
    # By vectors, which are compared with those of whole collections; by scores of candidates, which
    # are read with the query; or by words alone, without a model.
    ranks_by: Literal["vectors", "scores", "words"]
    method: str
    seed: int
    without_domain: str | None
    model: Path
    max_length: int
    prefixes: tuple[str, str]  # of queries, of documents
    candidates: int  # that are reranked per query, by a family that does
    queries: int | None  # of a collection, whose candidates are; None: all
    translates: bool
    work: Path  # where its results are made


@dataclass(frozen=True)
class Sources:
    """Where all systems read from."""

    tables: Path
    translators: Path | None  # of Translate-Test, if any system asks for it
    candidates: Path | None
    split: str
    evaluation: Evaluation
    hashes: bool = True  # whether what an earlier start left is checked by hash, else by size


class Planned(NamedTuple):
    """A system, where its results go, and what they are made from."""

    system: System
    folder: Path
    origin: dict[str, Any]
    pairs: list[tuple[str, str]] | None  # of languages; None: all
    mlir: bool  # whether MLIR is ranked

    def ranks(self, condition: Condition) -> bool:
        """Whether a condition is asked of it."""
        if condition.draw:
            return self.mlir
        labels = condition.queries.label, condition.documents.label
        return self.pairs is None or labels in self.pairs


def sources_of(experiment: Experiment) -> Sources:
    workspace = experiment.workspace
    return Sources(
        tables=workspace.collections,
        translators=workspace.translators if stages.translates(experiment) else None,
        candidates=workspace.candidates if experiment.reranks else None,
        split=experiment.collections.test_split,
        evaluation=experiment.evaluation,
        hashes=workspace.hashes,
    )


def plan_systems(experiment: Experiment) -> Iterator[Planned]:
    """Every system; InputError where what one reads is not there yet."""
    for one, method in stages.systems(experiment):
        yield _plan(experiment, one, method)


def _plan(experiment: Experiment, one: Trained, method: str) -> Planned:
    workspace, model = experiment.workspace, experiment.models[one.model]
    stage = stages.system(experiment, one, method)
    origin = manifest.origin_of(workspace, stage.inputs, stage.settings)
    digest = hashlib.sha256(json.dumps(origin, sort_keys=True).encode()).hexdigest()[:12]
    system = System(
        name=one._replace(method=method).name,
        model_name=one.model,
        family=model.family,
        ranks_by="words" if METHODS[method].by_words else model.kind.ranks_by,
        method=method,
        seed=one.seed,
        without_domain=one.without_domain,
        model=workspace.model(one.name),
        max_length=model.max_length,
        prefixes=(model.query_prefix, model.passage_prefix),
        candidates=model.candidates,
        queries=model.queries if model.kind.ranks_by == "scores" else None,
        translates=METHODS[method].translates,
        # Named by its origin, so that what an earlier start left is used only if it still fits.
        work=workspace.kept(stage.folder) / digest,
    )
    pairs = model.pairs if model.kind.ranks_by == "scores" else None
    mlir = pairs is None if model.mlir is None else model.mlir
    return Planned(system, stage.folder, origin, pairs, mlir)
