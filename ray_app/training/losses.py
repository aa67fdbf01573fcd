"""What models minimise: a function a loss, by the names of ``clir.families.LOSSES``.

Each takes what the model gives for a batch (``Family.outputs``), the batch, and the model's
settings.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
import torch.nn.functional as F

from clir.experiment import Model
from ray_app.training.batching import Batch


def contrastive(outputs: tuple[torch.Tensor, ...], batch: Batch, settings: Model) -> torch.Tensor:
    """In-batch contrastive loss, both ways (InfoNCE, arXiv 1807.03748), over all workers' pairs.

    ``outputs``: vectors of queries and of passages, pairs x size, of length 1; row i of one belongs
    to row i of the other. A pair whose query or passage is the same text is no negative.
    """
    # Two exchanges, not four.
    queries, passages = _from_all_workers(torch.stack(outputs, 1)).unbind(1)
    keys = torch.stack([batch.query_keys, batch.passage_keys], 1)
    query_keys, passage_keys = _from_all_workers(keys).T
    scores = queries @ passages.T * settings.scale
    same = (query_keys[:, None] == query_keys) | (passage_keys[:, None] == passage_keys)
    same.fill_diagonal_(False)
    scores = scores.masked_fill(same, -1e4)
    target = torch.arange(len(scores), device=scores.device)
    return (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)) / 2


def binary_cross_entropy(
    outputs: tuple[torch.Tensor, ...], batch: Batch, settings: Model
) -> torch.Tensor:
    """Binary cross-entropy of one logit per pair."""
    (logits,) = outputs
    return F.binary_cross_entropy_with_logits(logits, batch.labels.to(logits.dtype))


def _from_all_workers(rows: torch.Tensor) -> torch.Tensor:
    """Every worker's rows, in the order of ranks; gradients flow to this worker's own.

    All workers compute the same loss of all rows, and their gradients are averaged afterwards:
    own rows count as often as there are workers, so that the average is the loss's gradient.
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return rows
    workers = dist.get_world_size()
    gathered = [torch.empty_like(rows) for _ in range(workers)]
    dist.all_gather(gathered, rows.detach().contiguous())
    if rows.requires_grad:
        gathered[dist.get_rank()] = rows.detach() + workers * (rows - rows.detach())
    return torch.cat(gathered)


LOSSES = {
    "contrastive": contrastive,
    "binary-cross-entropy": binary_cross_entropy,
}
