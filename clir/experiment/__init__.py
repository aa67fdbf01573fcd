"""The typed experiment file: everything a run depends on; unknown keys are refused.

A module a section; ``file`` is the whole, ``loading`` reads it. ``consistency`` says which settings
do not fit each other, ``sources`` which files do not fit them.
"""

from clir.experiment.data import Collection, Collections, Dumps
from clir.experiment.evaluation import Evaluation
from clir.experiment.file import Experiment
from clir.experiment.lexicons import Lexicons, VectorTraining
from clir.experiment.loading import Problem, command_line, from_command_line, load, problem
from clir.experiment.models import Distillation, FilledModel, LeaveOut, Model, Teacher, Training
from clir.experiment.spark import Spark
from clir.experiment.switching import Switching
