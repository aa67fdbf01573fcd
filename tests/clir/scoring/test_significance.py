import numpy as np
import pytest
from scipy import stats

from clir.scoring import significance


def test_paired_tests_are_scipys():
    rng = np.random.default_rng(1)
    ours, base = rng.random((5, 30)), rng.random((5, 30))
    ours[4] = base[4]
    difference = ours - base
    p_values = significance.paired_p_values(
        difference.mean(axis=1), difference.std(axis=1, ddof=1), np.full(5, 30)
    )
    assert p_values[:4] == pytest.approx(stats.ttest_rel(ours[:4], base[:4], axis=1).pvalue)
    assert p_values[4] == 1.0
