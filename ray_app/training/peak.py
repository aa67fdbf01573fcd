"""How fast a model could be trained on a device that did nothing but multiply large matrices."""

import time
from functools import cache
from typing import Any

import torch

_SIZES = {"cpu": 1024, "cuda": 8192}  # of the square matrices that a peak is measured by


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
