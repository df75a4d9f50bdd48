"""Intervals of what is made of sums over items."""

import numpy as np
import pytest
from scipy import stats

from depthscope.statistics.bootstrap import sums_interval


def ratio(totals):
    with np.errstate(invalid="ignore"):
        return totals[:, :1] / totals[:, 1:2]


def test_the_interval_of_a_ratio_is_that_of_scipy():
    rng = np.random.default_rng(0)
    sums = np.stack([rng.gamma(2, 3, 25), rng.gamma(4, 1, 25)], axis=1)
    found = stats.bootstrap(
        (sums[:, 0], sums[:, 1]),
        lambda a, b, axis: a.sum(axis) / b.sum(axis),
        paired=True,
        n_resamples=2000,
        method="BCa",
        rng=np.random.default_rng(7),
    ).confidence_interval
    low, high = sums_interval(sums, ratio, seed=7)
    assert (low[0], high[0]) == pytest.approx((found.low, found.high), rel=1e-9)


def test_it_holds_the_truth_about_as_often_as_it_says():
    """40 documents of very different lengths, 300 times: 95 % but for chance and the few documents."""
    rng = np.random.default_rng(1)
    inside = 0
    for seed in range(300):
        lengths = rng.integers(50, 2000, 40).astype(float)
        sums = np.stack([lengths * (0.3 + rng.normal(0, 0.1, 40)), lengths], axis=1)
        low, high = sums_interval(sums, ratio, resamples=400, seed=seed)
        inside += low[0] <= 0.3 <= high[0]
    assert 0.89 <= inside / 300 <= 0.985


@pytest.mark.parametrize("sums", [np.ones((5, 2)), np.zeros((20, 2))])
def test_without_items_or_numbers_there_is_none(sums):
    low, high = sums_interval(sums, ratio, resamples=100)
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_what_never_varies_has_no_width():
    lengths = np.random.default_rng(0).uniform(1, 9, 20)
    low, high = sums_interval(np.stack([0.1 * lengths, lengths], 1), ratio, resamples=100)
    assert low[0] == high[0] == pytest.approx(0.1)
