"""The models that a worker ranks with: the last ones stay loaded."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from clir.errors import InputError
from ray_app.evaluation.systems import System

if TYPE_CHECKING:
    from ray_app.models.ranker import Ranker


@lru_cache(maxsize=2)
def ranker(system: System, batch_size: int, precision: str) -> Ranker:
    # Not above: whoever only compares vectors starts in no time without torch.
    import torch

    from ray_app.models.ranker import Ranker

    torch.set_num_threads(1)  # actors share the machine; each has one CPU
    return Ranker(system.family, system.model, system.max_length, batch_size, precision)


def refuse_no_numbers(found: np.ndarray, system: System) -> None:
    """InputError where a model answers with what no ranking can be made of."""
    if not np.isfinite(found).all():
        raise InputError(
            f"{system.model}: the model gives vectors or scores that are NaN or infinite; train it "
            "anew with a smaller training.learning_rate or training.precision fp32"
        )
