"""Batches of texts in parts that need little padding, where a forward pass costs what it pads."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from transformers import BatchEncoding

_ROWS = 8  # texts of a part: with fewer, matrices are too small to be multiplied at full speed


def in_parts(texts: BatchEncoding, run: Callable[[BatchEncoding], torch.Tensor]) -> torch.Tensor:
    """``run`` of a batch, on a CPU by parts of texts of like length.

    It gives a row for each text, or rows of its tokens: texts x tokens x size.

    A GPU does many texts at once in the time of a few, so it gets the whole.
    """
    mask = texts["attention_mask"]
    if mask.device.type != "cpu" or len(mask) <= _ROWS:
        return run(texts)
    ends = (mask * torch.arange(1, mask.shape[1] + 1)).amax(1)
    order = ends.argsort(stable=True)
    done = []
    for part in order.split(_ROWS):
        width = int(ends[part[-1]])
        found = run(BatchEncoding({name: rows[part, :width] for name, rows in texts.items()}))
        if found.ndim > 2:  # of tokens: those that were left away have zeros
            found = F.pad(found, (0, 0, 0, mask.shape[1] - width))
        done.append(found)
    return torch.cat(done)[order.argsort()]
