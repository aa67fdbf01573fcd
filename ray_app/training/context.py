"""What training asks of its surroundings: Ray Train, or this process alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch

from ray_app.training.runs import Run

if TYPE_CHECKING:
    from ray_app.training.engines import Engine
    from ray_app.training.network import Network


class Context(Protocol):
    """One of several workers."""

    rank: int
    workers: int
    device: torch.device

    def engine(self, run: Run, network: Network) -> Engine:
        """What takes the steps of a run."""

    def checkpoints(self) -> list[Path]:
        """The checkpoints that are kept, of whatever run, the newest first."""

    def report(self, metrics: dict[str, Any], checkpoint: Path | None) -> None:
        """Tell progress; all workers call it together, each with its own part of a checkpoint."""

    def wait_for_all(self) -> None:
        """Until every worker is here."""

    def all_say(self, yes: bool) -> bool:
        """Whether every worker says yes; all ask together."""
