import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from clir.retrieval.top_k import top_k


@given(
    scores=npst.arrays(
        np.float32, st.tuples(st.integers(1, 4), st.integers(1, 12)), elements=st.integers(0, 3)
    ),
    depth=st.integers(1, 14),
)
def test_top_k_is_trec_evals_order(scores, depth):
    found = top_k(scores, depth)
    for row, columns in zip(scores, found, strict=True):
        expected = sorted(range(len(row)), key=lambda d: (-row[d], -d))[:depth]
        assert list(columns) == expected
