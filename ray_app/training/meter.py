"""How fast a training goes, and what of its time and of its tokens is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch

from ray_app.training.batching import Batch

_SIZES = {"cpu": 1024, "cuda": 8192}  # of the square matrices that a peak is measured by


class Work(NamedTuple):
    """What was done; two of them are subtracted."""

    seconds: float = 0.0
    waited: float = 0.0  # seconds without a batch to learn from
    pairs: float = 0  # of all workers
    tokens: float = 0  # of this worker's texts
    places: float = 0  # tokens and padding

    def since(self, before: Self) -> Work:
        return Work(*(now - then for now, then in zip(self, before, strict=True)))

    def rates(self) -> dict[str, float]:
        """Pairs and tokens a second, and the shares of what is lost."""
        seconds = max(self.seconds, 1e-9)
        return {
            "pairs_per_second": self.pairs / seconds,
            "tokens_per_second": self.tokens / seconds,
            "share_of_time_waiting": self.waited / seconds,
            "share_of_padding": 1 - self.tokens / max(self.places, 1),
        }

    def __str__(self) -> str:
        rates = self.rates()
        return (
            f"{rates['pairs_per_second']:,.0f} pairs/s, {rates['tokens_per_second']:,.0f} tokens/s "
            f"a worker, {rates['share_of_padding']:.0%} padding, "
            f"{rates['share_of_time_waiting']:.0%} waiting"
        )


class Meter:
    """Batches as they come, and the work done on them."""

    def __init__(self, batches: Iterator[Batch]):
        self._batches, self._began = batches, time.monotonic()
        self._counted = Work()

    def __iter__(self) -> Iterator[Batch]:
        while True:
            asked = time.monotonic()
            batch = next(self._batches, None)
            if batch is None:
                return
            masks = [side["attention_mask"] for side in batch.texts]
            self._counted = Work(
                waited=self._counted.waited + time.monotonic() - asked,
                pairs=self._counted.pairs + sum(batch.shares),
                tokens=self._counted.tokens + int(sum(mask.sum() for mask in masks)),
                places=self._counted.places + sum(mask.numel() for mask in masks),
            )
            yield batch

    @property
    def work(self) -> Work:
        """All since the beginning."""
        return self._counted._replace(seconds=time.monotonic() - self._began)


class Events:
    """What TensorBoard shows of a run, in a folder; of None, nothing is written."""

    def __init__(self, folder: Path | None, fastest: float):
        self._writer, self._fastest, self._before = None, fastest, Work()
        if folder is not None:
            from tensorboardX import SummaryWriter  # one worker needs it

            self._writer = SummaryWriter(str(folder))

    def look(self, step: int, loss: float, work: Work) -> None:
        """At a step: its loss, and the rates since the last look."""
        if self._writer is None:
            return
        told = {"loss": loss} | (work.since(self._before)).rates()
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


def fastest(model: Any, device: torch.device, bf16: bool) -> float:
    """The tokens a second that a transformer could learn from, at its device's measured peak.

    A token takes two operations for each weight forward, two for its gradient and two for the
    gradient of what comes before (arXiv 2001.08361). Attention is left away, and what is looked up.
    """
    looked_up = model.get_input_embeddings().weight.numel()
    weights = sum(parameter.numel() for parameter in model.parameters()) - looked_up
    return peak(device, bf16) / (6 * weights)


@cache
def peak(device: torch.device, bf16: bool) -> float:
    """Operations a second that a device does on large matrices, as measured here."""
    kind, size = torch.bfloat16 if bf16 else torch.float32, _SIZES[device.type]
    matrix = torch.randn(size, size, device=device, dtype=kind)
    shortest = float("inf")
    for _ in range(3):
        _wait_for(device)
        began = time.monotonic()
        matrix @ matrix
        _wait_for(device)
        shortest = min(shortest, time.monotonic() - began)
    return 2 * size**3 / shortest


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
