"""How fast a training goes, and what of its time and of its tokens is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple, Self

from ray_app.training.batching import Batch


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
