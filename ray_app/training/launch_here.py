"""Training in this process, with torch and transformers alone: neither Ray nor DeepSpeed.

The same runs, to the same weights as one worker of Ray Train gives them.
"""

from pathlib import Path
from typing import Any

import torch

from clir.errors import InputError
from clir.experiment import Experiment
from ray_app.training import checkpoints, engines
from ray_app.training.engines import Engine
from ray_app.training.network import Network
from ray_app.training.runs import Run, train_due
from ray_app.training.train_loop import train_all


def train(experiment: Experiment) -> list[Run]:
    """Train every run of the experiment that is not finished; all runs, finished now.

    A start that was killed goes on from its last checkpoint.
    """
    if experiment.training.workers != 1:
        raise InputError(
            f"training.workers: {experiment.training.workers} need Ray; in one process, set it to 1"
        )
    return train_due(experiment, lambda runs, kept: train_all(runs, _Here(kept / "here")))


class _Here:
    """``Context`` of the only worker."""

    rank, workers = 0, 1

    def __init__(self, kept: Path):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._kept = kept

    def engine(self, run: Run, network: Network) -> Engine:
        return engines.Torch(run, network, self.device)

    def checkpoints(self) -> list[Path]:
        return [self._kept] if self._kept.exists() else []

    def report(self, metrics: dict[str, Any], checkpoint: Path | None) -> None:
        if checkpoint is not None:
            checkpoints.keep(checkpoint, self._kept)

    def wait_for_all(self) -> None:
        """There is nobody else."""

    def all_say(self, yes: bool) -> bool:
        return yes
