import warnings

import numpy as np
import pytest
from scipy import stats

from depthscope.statistics.bootstrap import FEW_ITEMS, _left_out_dz, dz_interval


def scipy_interval(differences, resamples, seed):
    """The published routine, whose jackknife leaves out one item after the other."""

    def dz(x, axis):
        mean, spread = x.mean(axis), x.std(axis, ddof=1)
        return np.divide(mean, spread, out=np.zeros_like(mean), where=spread > 0)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = stats.bootstrap(
            (differences,),
            dz,
            axis=0,
            n_resamples=resamples,
            method="BCa",
            batch=100,
            rng=np.random.default_rng(seed),
        )
    return np.array(found.confidence_interval)


@pytest.mark.parametrize("n", [6, 10, 40, FEW_ITEMS, FEW_ITEMS + 1, 200, 701])
@pytest.mark.parametrize("kind", ["normal", "skewed", "far from zero", "one outlier"])
def test_the_interval_is_that_of_scipy_to_the_last_digits(n, kind):
    rng = np.random.default_rng(n)
    x = {
        "normal": rng.normal(0.3, 1, size=(n, 5)),
        "skewed": rng.gamma(0.5, 3, size=(n, 5)) - 1,
        "far from zero": rng.normal(1e5, 1, size=(n, 5)),
        "one outlier": np.concatenate([np.full((1, 5), 1e6), rng.normal(size=(n - 1, 5))]),
    }[kind]
    expected = scipy_interval(x, 500, seed=3)
    # far from zero, the differences themselves are held to 1e-11 of a standard deviation
    close = 1e-9 if kind == "far from zero" else 1e-12
    assert np.array(dz_interval(x, resamples=500, seed=3)) == pytest.approx(expected, rel=close, abs=close, nan_ok=True)


@pytest.mark.parametrize("n", [30, 100])
def test_cells_without_a_spread_have_no_interval_and_leave_the_others_theirs(n):
    x = np.random.default_rng(0).normal(size=(n, 4))
    x[:, 1] = 0.0
    x[:, 3] = 0.7
    low, high = dz_interval(x, resamples=400)
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [False, True, False, True]
    alone = dz_interval(x[:, [0]], resamples=400)
    assert (low[0], high[0]) == pytest.approx((alone[0][0], alone[1][0]), rel=1e-12)


def test_what_is_left_without_an_item_is_that_of_a_loop():
    """Also where the others have no spread: the difference of two sums of squares would be rounding alone."""
    x = np.random.default_rng(1).normal(0.3, 1, size=(100, 3))
    x[:, 1] = 0.125
    x[40, 1] = 5.0
    found = _left_out_dz(x)
    for item in range(100):
        rest = np.delete(x, item, axis=0)
        spread = rest.std(0, ddof=1)
        expected = np.divide(rest.mean(0), spread, out=np.zeros(3), where=spread > 0)
        assert found[item] == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_a_map_of_cells_has_the_intervals_of_its_cells():
    x = np.random.default_rng(5).normal(size=(80, 3, 4))
    low, high = dz_interval(x, resamples=200)
    flat = dz_interval(x.reshape(80, 12), resamples=200)
    assert low.shape == (3, 4)
    assert low.ravel() == pytest.approx(flat[0])
    assert high.ravel() == pytest.approx(flat[1])


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


@pytest.mark.parametrize("n", [6, 7, FEW_ITEMS + 1])
@pytest.mark.parametrize("unit", [1.0, 0.1, 0.3, 1e-9, 7e4])
def test_rounding_is_no_spread_whatever_the_unit(n, unit):
    """A resample of equal numbers has no dz, and not one of 1e15, if they have no exact binary form."""
    x = np.ones((n, 1))
    x[-1] = 2.0
    assert np.abs(dz_interval(x * unit)).max() < 20
