"""What TensorBoard shows of a training."""

from pathlib import Path
from typing import Any, Self

from ray_app.training.meter import Work


class Events:
    """The events of a run, in a folder; of None, nothing is written.

    ``fastest``: the tokens a second that the model could learn from at its device's peak; 0: nobody
    knows.
    """

    def __init__(self, folder: Path | None, fastest: float):
        self._fastest, self._before = fastest, Work()
        self._writer: Any = None
        if folder is not None:
            from tensorboardX import SummaryWriter  # one worker needs it

            self._writer = SummaryWriter(str(folder))

    def look(self, step: int, loss: float, work: Work) -> None:
        """At a step: its loss, and the rates since the last look."""
        if self._writer is None:
            return
        told = {"loss": loss} | work.since(self._before).rates()
        if self._fastest:
            told["share_of_peak"] = told["tokens_per_second"] / self._fastest
        for name, value in told.items():
            self._writer.add_scalar(name, value, step)
        self._before = work

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
