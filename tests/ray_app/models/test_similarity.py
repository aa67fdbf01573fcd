"""How queries and passages are compared, by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ray_app.models.similarity import all_cosines, cosines, scores

# A query of two tokens; a passage of two, and room for a third.
QUERY = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
PASSAGE = torch.tensor([[[0.6, 0.8], [-1.0, 0.0], [0.0, 0.0]]])


def test_tokens_by_hand():
    """The best of the passage's are .6 and .8: that there is no third token counts for nothing."""
    assert scores((QUERY, PASSAGE)).tolist() == pytest.approx([0.6 + 0.8])
    assert cosines((QUERY, PASSAGE)).tolist() == pytest.approx([0.7])
    # Nor does room for a token of the query.
    wider = torch.nn.functional.pad(QUERY, (0, 0, 0, 3))
    assert cosines((wider, PASSAGE)).tolist() == pytest.approx([0.7])
    opposite = torch.tensor([[[-1.0, 0.0], [0.0, 0.0]]])
    assert scores((QUERY[:, :1], opposite)).tolist() == [-1.0]


def test_vectors_and_logits_by_hand():
    rows = torch.eye(2)
    assert scores((rows, rows)).tolist() == cosines((rows, rows)).tolist() == [1.0, 1.0]
    assert all_cosines(rows, rows).tolist() == rows.tolist()
    logits = torch.tensor([3.0, -2.0])
    assert scores((logits,)) is logits


@given(st.integers(1, 20), st.integers(1, 5), st.integers(0, 99))
def test_every_query_is_compared_with_every_passage_as_a_pair_is(texts, tokens, seed):
    draw = torch.Generator().manual_seed(seed)
    sides = torch.nn.functional.normalize(torch.randn(2, texts, tokens, 4, generator=draw), dim=-1)
    there = torch.rand(2, texts, tokens, generator=draw) < 0.7
    there[:, :, 0] = True
    queries, passages = sides * there[..., None]
    every = all_cosines(queries, passages)
    for row in range(texts):
        one = queries[row].expand(texts, -1, -1)
        torch.testing.assert_close(every[row], cosines((one, passages)))
