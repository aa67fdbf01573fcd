"""What models minimise: a function a loss, by the names of ``clir.families.LOSSES``.

Each takes what the model gives for this worker's pairs (``Family.outputs``), the batch (labels,
scores, keys, and the number of pairs that each worker has) and the model's settings. Workers'
gradients are averaged afterwards: the average must be the gradient of the whole batch's loss.
"""

import math

import torch
import torch.distributed as dist
import torch.nn.functional as F

from clir.experiment import Distillation, Model
from ray_app.models import similarity
from ray_app.training.batching import Batch


def contrastive(outputs: tuple[torch.Tensor, ...], batch: Batch, settings: Model) -> torch.Tensor:
    """In-batch contrastive loss, both ways (InfoNCE, arXiv 1807.03748), over all workers' pairs.

    ``outputs``: vectors of queries and of passages, or of their tokens; row i of one belongs to
    row i of the other. A pair whose query or passage is the same text is no negative. Pairs whose
    label is 0 are negatives of all queries, and ask for nothing themselves.
    """
    queries, passages = _all_texts(outputs, batch.shares)
    columns = torch.stack([batch.query_keys, batch.passage_keys, batch.labels], 1)
    query_keys, passage_keys, labels = _from_all_workers(columns, batch.shares).T
    right = labels == 1
    scores = similarity.all_cosines(queries, passages) * settings.scale
    # Of the same query only what is labelled so is wrong, and never the same passage.
    same = (query_keys[:, None] == query_keys) & right | (passage_keys[:, None] == passage_keys)
    same.fill_diagonal_(False)
    scores = scores.masked_fill(same, -1e4)
    asked = right.nonzero()[:, 0]
    if not len(asked):  # nothing but negatives, of a query that was cut
        return scores.sum() * 0
    to_passages = F.cross_entropy(scores[asked], asked)
    to_queries = F.cross_entropy(scores[asked][:, asked].T, torch.arange(len(asked)).to(asked))
    return (to_passages + to_queries) / 2


def mixed(
    outputs: tuple[torch.Tensor, ...],
    english: tuple[torch.Tensor, ...],
    batch: Batch,
    settings: Model,
) -> torch.Tensor:
    """Contrastive loss between each text, switched, and itself in English (ContrastiveMix).

    The mean of that of queries and that of passages.
    """
    every = torch.ones_like(batch.labels)
    losses = [
        contrastive(
            both, batch._replace(labels=every, query_keys=keys, passage_keys=keys), settings
        )
        for both, keys in (
            ((outputs[0], english[0]), batch.query_keys),
            ((outputs[1], english[1]), batch.passage_keys),
        )
    ]
    return (losses[0] + losses[1]) / 2


def binary_cross_entropy(
    outputs: tuple[torch.Tensor, ...], batch: Batch, settings: Model
) -> torch.Tensor:
    """Binary cross-entropy of the score of each pair."""
    scores = _scores(outputs, settings)
    mean = F.binary_cross_entropy_with_logits(scores, batch.labels.to(scores.dtype))
    return _of_the_batch(mean, batch)


def softmax(outputs: tuple[torch.Tensor, ...], batch: Batch, settings: Model) -> torch.Tensor:
    """Cross-entropy of each right passage among the wrong ones of its query (ListNet's top one).

    The mean over right passages (localized contrastive estimation, arXiv 2101.08751).
    """
    logits, labels, together = _by_query(_scores(outputs, settings), batch)
    right = labels > 0
    among = together & ~right | torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    every = logits.expand(len(logits), -1).masked_fill(~among, -torch.inf).logsumexp(1)
    return ((every - logits) * right).sum() / right.sum().clamp(min=1)


def lambda_loss(outputs: tuple[torch.Tensor, ...], batch: Batch, settings: Model) -> torch.Tensor:
    """LambdaLoss with LambdaRank's weights (Wang et al., CIKM 2018, equation 14), of nDCG.

    For every two passages of a query, one more relevant than the other: what nDCG would change by
    if they changed places, times log2(1 + exp(worse - better)). The mean over queries.
    """
    logits, labels, together = _by_query(_scores(outputs, settings), batch)
    with torch.no_grad():
        rank = 1 + (together & (logits[None, :] > logits[:, None])).sum(1)
        ideal = 1 + (together & (labels[None, :] > labels[:, None])).sum(1)
        # Of equal ones, the earlier in the batch goes before.
        earlier = torch.ones_like(together).tril(-1)
        rank += (together & earlier & (logits[None, :] == logits[:, None])).sum(1)
        ideal += (together & earlier & (labels[None, :] == labels[:, None])).sum(1)
        gain, discount = 2.0**labels - 1, 1 / torch.log2(1.0 + rank)
        best = (together * (gain / torch.log2(1.0 + ideal))).sum(1).clamp(min=1e-9)
        change = (gain[:, None] - gain) * (discount[:, None] - discount)
        weight = change.abs() / best[:, None] * (together & (labels[:, None] > labels))
        queries = (1 / together.sum(1)).sum()
    return (weight * F.softplus(logits - logits[:, None])).sum() / (queries * math.log(2))


def mse(outputs: tuple[torch.Tensor, ...], batch: Batch, settings: Model) -> torch.Tensor:
    """Mean squared difference between the pairs' scores and the teacher's."""
    scores = _scores(outputs, settings)
    return _of_the_batch(F.mse_loss(scores, batch.scores), batch)


def margin_mse(outputs: tuple[torch.Tensor, ...], batch: Batch, settings: Model) -> torch.Tensor:
    """Mean squared difference of margins: right minus wrong passage of a query, and the teacher's.

    Over every right and wrong passage of a query (arXiv 2010.02666).
    """
    both = torch.stack([_scores(outputs, settings), batch.scores], 1)
    (ours, theirs), labels, together = _by_query(both, batch)
    pairs = together & (labels > 0)[:, None] & (labels == 0)
    apart = (ours[:, None] - ours) - (theirs[:, None] - theirs)
    return (apart.square() * pairs).sum() / pairs.sum().clamp(min=1)


def _scores(outputs: tuple[torch.Tensor, ...], settings: Model) -> torch.Tensor:
    """The scores of pairs: logits, or cosines times ``scale``."""
    return outputs[0] if len(outputs) == 1 else similarity.cosines(outputs) * settings.scale


def _by_query(
    scores: torch.Tensor, batch: Batch
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Scores and labels of all workers' pairs, and which pairs are of the same query.

    Where a pair has several scores, they come first: numbers x pairs.
    """
    scores = _from_all_workers(scores, batch.shares).movedim(-1, 0)
    keys = _from_all_workers(torch.stack([batch.query_keys, batch.labels], 1), batch.shares)
    query, labels = keys.T
    return scores, labels, query[:, None] == query


def distillation(
    outputs: tuple[torch.Tensor, ...],
    taught: tuple[torch.Tensor, ...],
    batch: Batch,
    settings: Distillation,
) -> torch.Tensor:
    """What a model's vectors of switched texts lack of a teacher's of the English ones.

    Of vectors, it has two parts. The first is the mean of 1 - cosine of each text's two vectors (as
    arXiv 2004.09813 does it for parallel sentences). The second is ``geometry`` times the mean
    squared difference between the cosines of all texts of the batch among each other (arXiv
    1907.09682): the first may turn all vectors at once, and ranks get lost; the second does not let
    it. Vectors of tokens have the second part alone, between all queries and all passages, because
    a switched text has other tokens. Of logits of pairs, it is their mean squared difference.

    ``outputs``, ``taught``: vectors of queries and of passages, or of their tokens; or logits.
    """
    if len(outputs) == 1:
        return _of_the_batch(F.mse_loss(outputs[0], taught[0]), batch)
    ours, theirs = (_all_texts(side, batch.shares) for side in (outputs, taught))
    if ours[0].ndim > 2:
        cosines = similarity.all_cosines(*ours) - similarity.all_cosines(*theirs)
        return settings.geometry * cosines.square().mean()
    each, right = torch.cat(ours), torch.cat(theirs)
    apart = (1 - (each * right).sum(-1)).mean()
    return apart + settings.geometry * (each @ each.T - right @ right.T).square().mean()


def _all_texts(
    sides: tuple[torch.Tensor, ...], shares: tuple[int, ...]
) -> tuple[torch.Tensor, ...]:
    """All workers' vectors of each side."""
    if sides[0].ndim == 2:  # in one exchange
        return _from_all_workers(torch.stack(sides, 1), shares).unbind(1)
    return tuple(_from_all_workers(_as_wide_as_all(side, shares), shares) for side in sides)


def _as_wide_as_all(rows: torch.Tensor, shares: tuple[int, ...]) -> torch.Tensor:
    """Vectors of tokens with room for as many as some worker's longest text has."""
    if len(shares) == 1:
        return rows
    width = torch.tensor(rows.shape[1], device=rows.device)
    dist.all_reduce(width, dist.ReduceOp.MAX)
    return F.pad(rows, (0, 0, 0, int(width) - rows.shape[1]))


def _of_the_batch(mean: torch.Tensor, batch: Batch) -> torch.Tensor:
    """A mean over this worker's pairs, weighted: the average over workers is the batch's mean."""
    return mean * (len(batch.labels) * len(batch.shares) / sum(batch.shares))


def _from_all_workers(rows: torch.Tensor, shares: tuple[int, ...]) -> torch.Tensor:
    """Every worker's rows, in the order of ranks; gradients flow to this worker's own.

    All workers compute the same loss of all rows, and their gradients are averaged afterwards:
    own rows count as often as there are workers, so that the average is the loss's gradient.
    """
    if len(shares) == 1:
        return rows
    padded = rows.new_zeros(max(shares), *rows.shape[1:])  # an exchange is of equal sizes
    padded[: len(rows)] = rows.detach()
    gathered = [torch.empty_like(padded) for _ in shares]
    dist.all_gather(gathered, padded)
    gathered = [part[:size] for part, size in zip(gathered, shares, strict=True)]
    if rows.requires_grad:
        gathered[dist.get_rank()] = rows.detach() + len(shares) * (rows - rows.detach())
    return torch.cat(gathered)


LOSSES = {
    "contrastive": contrastive,
    "contrastive-with-negatives": contrastive,
    "binary-cross-entropy": binary_cross_entropy,
    "softmax": softmax,
    "lambda": lambda_loss,
    "mse": mse,
    "margin-mse": margin_mse,
}
