"""The families of models and the losses they learn by, a row each.

Here is what settings and plans must know of them. What a family computes is in ``ray_app/models``,
and what a loss computes in ``ray_app/training/losses.py``.
"""

from typing import Literal, NamedTuple


class Loss(NamedTuple):
    """What a pair of query and passage is told from in training."""

    name: str
    against: Literal["batch", "negatives"]  # the other pairs of its batch; passages that are wrong


class Family(NamedTuple):
    """One kind of ranker."""

    name: str
    # collections: by vectors, which are compared with those of all documents. candidates: by the
    # scores of pairs of a query and a document, which are few.
    ranks: Literal["collections", "candidates"]
    losses: tuple[str, ...]  # that it can learn by; the first, unless the model names another
    marks: int = 0  # special tokens in a pair of texts that a model from scratch reads together
    layers: bool = True  # whether there is more to it than a vector for each token


LOSSES = {
    loss.name: loss
    for loss in (
        Loss("contrastive", "batch"),
        Loss("binary-cross-entropy", "negatives"),
    )
}
FAMILIES = {
    family.name: family
    for family in (
        Family("static", "collections", ("contrastive",), layers=False),
        Family("bi-encoder", "collections", ("contrastive",)),
        Family("cross-encoder", "candidates", ("binary-cross-entropy",), marks=3),
    )
}
