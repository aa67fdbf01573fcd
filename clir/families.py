"""The families of models and the losses they learn by, a row each.

Here is what settings and plans must know of them. What a family computes is in ``ray_app/models``,
and what a loss computes in ``ray_app/training/losses.py``.
"""

from typing import Literal, NamedTuple


class Loss(NamedTuple):
    """What a pair of query and passage is told from in training."""

    name: str
    # The other pairs of its batch; wrong passages of its query; or both.
    against: Literal["batch", "negatives", "both"]
    of_teacher: bool = False  # whether it learns from the scores that a teacher gave the pairs


class Family(NamedTuple):
    """One kind of ranker."""

    name: str
    # vectors: those of a query are compared with those of all documents. scores: a query is read
    # together with each of its candidates, which are few.
    ranks_by: Literal["vectors", "scores"]
    losses: tuple[str, ...]  # that it can learn by; the first, unless the model names another
    marks: int = 0  # special tokens in an input that a model from scratch reads
    layers: bool = True  # whether there is more to it than a vector for each token
    # Whether it reads a query and a passage together. What it makes a score of, a head, no encoder
    # has, so that labels must teach it.
    together: bool = False


LOSSES = {
    loss.name: loss
    for loss in (
        Loss("contrastive", "batch"),
        Loss("contrastive-with-negatives", "both"),
        Loss("binary-cross-entropy", "negatives"),
        Loss("softmax", "negatives"),
        Loss("lambda", "negatives"),
        Loss("mse", "negatives", of_teacher=True),
        Loss("margin-mse", "negatives", of_teacher=True),
    )
}
_BY_QUERY = ("softmax", "lambda", "mse", "margin-mse")
_OF_VECTORS = ("contrastive", "contrastive-with-negatives", *_BY_QUERY)
_OF_LOGITS = ("binary-cross-entropy", *_BY_QUERY)
FAMILIES = {
    family.name: family
    for family in (
        Family("static", "vectors", _OF_VECTORS, layers=False),
        Family("bi-encoder", "vectors", _OF_VECTORS),
        Family("late-interaction", "scores", _OF_VECTORS, marks=2),
        Family("cross-encoder", "scores", _OF_LOGITS, marks=3, together=True),
    )
}
