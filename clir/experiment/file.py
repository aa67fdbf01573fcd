"""The whole of an experiment file."""

from pathlib import Path
from typing import Literal

from clir.experiment.data import Collections, Dumps
from clir.experiment.evaluation import Evaluation
from clir.experiment.lexicons import Lexicons
from clir.experiment.models import FilledModel, LeaveOut, Model, Teacher, Training
from clir.experiment.spark import Spark
from clir.experiment.switching import Switching
from clir.experiment.types import FileName, Section, Seed, Several
from clir.switching.methods import BASELINE, METHODS, trained
from clir.workspace import Workspace


class Experiment(Section):
    """One named run of the whole way, from dumps to report."""

    name: str
    output: Path
    seeds: Several[Seed] = [1]
    # What is checked of a result's files before they are used: every byte, which is hashed once
    # when it is written and once by each job that reads it; or, for tables so large that this takes
    # long (some seconds for each 10 GB), their sizes alone.
    integrity: Literal["hashes", "sizes"] = "hashes"
    titles: list[Dumps] = []
    lexicons: Lexicons = Lexicons()
    collections: Collections
    switching: Switching = Switching()
    models: dict[FileName, Model]
    training: Training = Training()
    teacher: Teacher | None = None
    leave_out: LeaveOut | None = None
    evaluation: Evaluation = Evaluation()
    spark: Spark = Spark()

    def model(self, name: str, method: str = BASELINE) -> FilledModel:
        """A model's settings for a method, filled up with those of all models."""
        own = {key: value for key, value in self.models[name] if value is not None}
        shared = {key: value for key, value in self.training if key in Model.model_fields}
        of_method: dict[str, object] = {
            "labels": {},
            "itself": dict(self.models[name].distillation),
            None: {"steps": 0},
        }[METHODS[method].learns_from]
        known = {key: value for key, value in of_method.items() if key in Model.model_fields}
        return FilledModel.model_validate(shared | own | known)

    def before(self, name: str, method: str) -> str | None:
        """The method whose model a method goes on from; None: it begins with the base."""
        model, learns_from = self.models[name], METHODS[method].learns_from
        if learns_from == "labels":
            return model.after
        # Who has nothing to say before it was trained has nothing to teach itself.
        return BASELINE if learns_from == "itself" and model.kind.together else None

    @property
    def reranks(self) -> bool:
        """Whether some model ranks candidates."""
        return any(model.kind.ranks_by == "scores" for model in self.models.values())

    @property
    def learns_of_teacher(self) -> bool:
        """Whether some model learns from the teacher's scores."""
        return any(model.learns_by.of_teacher for model in self.models.values())

    @property
    def asked(self) -> set[str]:
        """Every method that some model is asked for."""
        return {method for model in self.models.values() for method in model.methods}

    @property
    def workspace(self) -> Workspace:
        """The output folder, as stages write into it."""
        return Workspace(self.output.absolute(), self.integrity == "hashes")

    @property
    def methods(self) -> list[str]:
        """Every method that some model must be trained by, in the order of the table."""
        asked = trained(self.asked)
        before = {
            self.before(name, method)
            for name, model in self.models.items()
            for method in trained(model.methods)
        }
        needed = {*asked, *before}
        return [name for name, row in METHODS.items() if name in needed and row.learns_from]
