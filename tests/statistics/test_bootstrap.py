import warnings

import numpy as np
import pytest
from scipy import stats

from depthscope.statistics.bootstrap import FEW_ITEMS, _left_out_dz, dz_interval


def scipy_interval(differences, resamples, seed):
    """The published routine, whose jackknife leaves out one item after the other."""

    def dz(x, axis):
        mean, spread = x.mean(axis), x.std(axis, ddof=1)
        ratio = np.divide(mean, spread, out=np.copysign(np.inf, mean), where=spread > 0)
        # the same items in another order must count as equal, which the routine takes to the last digit
        size = 10.0 ** (9 - np.floor(np.log10(np.where(np.isfinite(ratio) & (ratio != 0), np.abs(ratio), 1.0))))
        return np.round(ratio * size) / size

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
    assert np.array(dz_interval(x, resamples=500, seed=3)) == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


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
        expected = np.divide(rest.mean(0), spread, out=np.full(3, np.inf), where=spread > 0)
        np.testing.assert_allclose(found[item], expected, rtol=1e-12)
    assert np.isinf(found[40, 1])


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


def tied(n, others):
    """All differences are 1 but for so many ``others``, which are 2."""
    x = np.ones((n, 1))
    x[:others] = 2.0
    return x


UNITS = [1.0, 0.1, 0.3, 1e-9, 7e4, 1e-200, 1e200]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(("n", "others"), [(6, 1), (7, 1), (10, 2), (40, 2), (FEW_ITEMS + 1, 1), (FEW_ITEMS + 3, 2)])
def test_an_end_that_ties_leave_open_is_no_end_whatever_the_unit(n, others, unit):
    """A tenth of the resamples and more hold a single value, so that dz has no upper bound: 0, or 1e15, would be wrong."""
    assert ((n - others) / n) ** n > 0.1
    for x in (tied(n, others), -tied(n, others)):
        assert np.isnan(dz_interval(x * unit, resamples=400)).all()


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("values", [tied(20, 3), tied(FEW_ITEMS + 6, 4), np.repeat([0.0, 1, 2], [9, 20, 11])[:, None]])
def test_ties_beside_which_both_ends_stand_count_as_what_they_are(values, unit):
    """Resamples without a spread lie beyond the ends, and those with the observed dz are equal to it."""
    expected = scipy_interval(values, 400, seed=0)
    assert np.isfinite(expected).all()
    for sign in (1, -1):
        found = sign * np.array(dz_interval(sign * values * unit, resamples=400))
        assert np.sort(found, axis=0) == pytest.approx(expected, rel=1e-9)


def test_resamples_of_nothing_but_zeros_show_no_effect():
    """9 of 12 differences are 0: 3 % of the resamples hold nothing else, and their dz is 0, as that of such data is."""
    x = np.zeros((12, 1))
    x[:3] = 1.0
    low, high = np.array(dz_interval(x, resamples=4000))
    assert 0 <= low < x.mean() / x.std(ddof=1) < high < 2
    x[:3] *= -1
    assert np.array(dz_interval(x, resamples=4000)).ravel() == pytest.approx(np.ravel((-high, -low)))
