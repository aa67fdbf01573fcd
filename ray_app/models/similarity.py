"""How well passages fit queries, by what a model gives of them (``Family.outputs``).

Vectors of texts, of length 1, are compared by their cosine. Vectors of tokens are compared by
MaxSim (arXiv 2004.12832): for each token of the query, the largest cosine with a token of the
passage. Where there is no token, they are 0. Logits of pairs are scores already.
"""

import torch

_QUERIES = 8  # that are compared with all passages at once, token by token


def scores(outputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """What pairs are ranked by; of tokens, the sum over those of the query."""
    if len(outputs) == 1:
        return outputs[0]
    queries, passages = outputs
    if queries.ndim == 2:
        return (queries * passages).sum(1)
    return _maxsim(queries @ passages.transpose(1, 2), queries, passages)


def cosines(outputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """The cosine of each pair; of tokens, the mean over those of the query."""
    queries, _ = outputs
    found = scores(outputs)
    return found if queries.ndim == 2 else found / _tokens(queries)


def all_cosines(queries: torch.Tensor, passages: torch.Tensor) -> torch.Tensor:
    """As ``cosines``, of every query with every passage: queries x passages."""
    if queries.ndim == 2:
        return queries @ passages.T
    rows = []
    for some in queries.split(_QUERIES):
        tokens = torch.einsum("qtd,pwd->qptw", some, passages)
        rows.append(_maxsim(tokens, some[:, None], passages) / _tokens(some)[:, None])
    return torch.cat(rows)


def _maxsim(tokens: torch.Tensor, queries: torch.Tensor, passages: torch.Tensor) -> torch.Tensor:
    """Of cosines of tokens, the query's before the passage's: the sum of the query's best ones."""
    best = tokens.masked_fill(~_there(passages)[..., None, :], -1.0).amax(-1)
    return (best * _there(queries)).sum(-1)


def _tokens(vectors: torch.Tensor) -> torch.Tensor:
    """How many tokens each text has."""
    return _there(vectors).sum(-1).clamp(min=1)


def _there(vectors: torch.Tensor) -> torch.Tensor:
    """Where there is a token."""
    return vectors.detach().any(-1)
