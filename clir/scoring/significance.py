"""Paired t-tests of many differences at once."""

import numpy as np
from scipy import stats


def paired_p_values(mean: np.ndarray, deviation: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Two-sided paired t-tests, one per element, from the differences of ``count`` queries each.

    ``mean`` and ``deviation`` (of a sample) of the differences; seeds are averaged first. 1.0
    where no query differs, or there are fewer than two.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(mean) / (deviation / np.sqrt(count))
        p_values = 2 * stats.t.sf(t, count - 1)
    same = (np.abs(mean) < 1e-12) & ~(deviation > 1e-12)
    return np.where(same | (count < 2), 1.0, p_values)
