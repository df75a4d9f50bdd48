"""The triples test, against sums over all triples, and its rates."""

import itertools

import numpy as np
import pytest
from scipy import stats

from depthscope.statistics.design import design
from depthscope.statistics.symmetry import symmetry_test, triples
from tests.statistics.simulated import smooth


def kernel(a, b, c):
    return (np.sign(a + b - 2 * c) + np.sign(a + c - 2 * b) + np.sign(b + c - 2 * a)) / 3


def test_it_is_a_sum_over_all_triples():
    """Mean and standard error as Randles et al. (1980) write them, of the kernel's mean over the cells."""
    x, n = np.random.default_rng(0).exponential(size=(11, 3)), 11
    of = {t: np.mean([kernel(*column[list(t)]) for column in x.T]) for t in itertools.combinations(range(n), 3)}
    mean = np.mean(list(of.values()))
    first = [np.mean([v for t, v in of.items() if i in t]) for i in range(n)]
    second = [np.mean([v for t, v in of.items() if {i, j} <= set(t)]) for i, j in itertools.combinations(range(n), 2)]
    parts = [np.mean((np.array(first) - mean) ** 2), np.mean((np.array(second) - mean) ** 2), 1 / 9 - mean**2]
    # ways in which two triples of 11 items share one, two, three
    ways = [3 * 28, 3 * 8, 1]
    variance = np.dot(ways, parts) / 165
    found = triples(x)
    assert found[0] == pytest.approx(mean)
    assert found[1] == pytest.approx(mean / np.sqrt(variance))
    known = symmetry_test(x)
    assert known.skew == pytest.approx(3 * mean)
    assert known.p == pytest.approx(2 * stats.t.sf(abs(found[1]), 8))


def test_neither_place_nor_unit_matters_and_a_mirror_turns_the_sign():
    x = np.random.default_rng(1).exponential(size=(20, 4))
    plain = symmetry_test(x)
    moved, mirrored = symmetry_test(1e-6 * x + [1, 2, 3, -4]), symmetry_test(-x)
    assert (moved.skew, moved.p) == pytest.approx((plain.skew, plain.p))
    assert (mirrored.skew, mirrored.p) == pytest.approx((-plain.skew, plain.p))
    assert plain.skew > 0


def test_what_covariates_explain_is_no_skewness():
    rng = np.random.default_rng(2)
    x = rng.exponential(size=(60, 1))
    values = smooth(rng, 60, 3) + 3 * x
    assert symmetry_test(values).p < 0.01 < symmetry_test(values, x).p
    assert symmetry_test(values, x) == symmetry_test(design(60, x).residuals(values))


@pytest.mark.parametrize("tails", ["normal", "t3"])
def test_symmetric_differences_are_called_skewed_at_the_rate_stated_whatever_the_effect(tails):
    called = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        noise = smooth(rng, 30, 4)
        if tails == "t3":
            noise /= np.sqrt(rng.chisquare(3, size=(30, 1)) / 3)
        called += symmetry_test(noise + np.arange(4)).p <= 0.05
    assert called <= stats.binom.ppf(0.999, 150, 0.06)


def test_skewed_differences_of_twenty_items_are_called_so():
    called = sum(symmetry_test(np.exp(smooth(np.random.default_rng(k), 20, 4))).p <= 0.05 for k in range(40))
    assert called >= 32


def test_missing_layers_and_constant_ones_take_no_part():
    x = np.random.default_rng(3).exponential(size=(15, 3))
    holes = np.column_stack([x, np.full(15, 2.0), np.where(np.arange(15) == 4, np.nan, x[:, 0])])
    assert symmetry_test(holes) == symmetry_test(x)
    for nothing in (holes[:9], holes[:, 3:4], holes[:, :0]):
        assert np.isnan(symmetry_test(nothing).p)
