"""What the two rankers minimise."""

from __future__ import annotations

import torch
import torch.distributed as dist
import torch.nn.functional as F


def contrastive(
    queries: torch.Tensor,
    passages: torch.Tensor,
    query_keys: torch.Tensor,
    passage_keys: torch.Tensor,
    scale: float,
) -> torch.Tensor:
    """In-batch contrastive loss, both ways (InfoNCE, arXiv 1807.03748), over all workers' pairs.

    ``queries``, ``passages``: pairs x hidden size, of length 1; row i of one belongs to row i of
    the other. Keys name texts: a pair whose query or passage is the same text is no negative.
    """
    # Two exchanges, not four.
    queries, passages = _from_all_workers(torch.stack([queries, passages], 1)).unbind(1)
    query_keys, passage_keys = _from_all_workers(torch.stack([query_keys, passage_keys], 1)).T
    scores = queries @ passages.T * scale
    same = (query_keys[:, None] == query_keys) | (passage_keys[:, None] == passage_keys)
    same.fill_diagonal_(False)
    scores = scores.masked_fill(same, -1e4)
    target = torch.arange(len(scores), device=scores.device)
    return (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)) / 2


def relevance(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of one logit per pair."""
    return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))


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
