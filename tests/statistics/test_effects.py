import numpy as np
import pytest
from scipy import stats

from depthscope.statistics.effects import cohens_dz, dz_interval, mean_interval


def test_dz_is_the_mean_in_standard_deviations():
    x = np.random.default_rng(0).normal(1, 2, size=(50, 3))
    assert cohens_dz(x) == pytest.approx(x.mean(0) / x.std(0, ddof=1))
    assert cohens_dz(np.zeros((4, 2))).tolist() == [0, 0]


def test_the_interval_of_dz_covers_the_truth():
    """Nominal 95 %, 40 items, dz = 0.5, skewed noise."""
    rng = np.random.default_rng(1)
    noise = rng.gamma(4, 1, size=(40, 400))
    low, high = dz_interval((noise - 4) / 2 + 0.5, resamples=999)
    assert 0.90 <= np.mean((low <= 0.5) & (high >= 0.5)) <= 0.985


def test_the_interval_repeats_with_its_seed_and_shrinks_with_items():
    x = np.random.default_rng(2).normal(0.4, 1, size=(200, 2))
    first, again = dz_interval(x, seed=5), dz_interval(x, seed=5)
    assert first[0].tolist() == again[0].tolist()
    assert (first[1] - first[0] < np.subtract(*dz_interval(x[:30])[::-1])).all()


def test_two_items_have_no_interval():
    low, high = dz_interval(np.array([[1.0], [2.0]]))
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_the_interval_of_the_mean_is_students():
    x = np.random.default_rng(3).normal(size=(20, 4))
    expected = stats.ttest_1samp(x, 0).confidence_interval(0.95)
    low, high = mean_interval(x)
    assert low == pytest.approx(expected.low)
    assert high == pytest.approx(expected.high)
