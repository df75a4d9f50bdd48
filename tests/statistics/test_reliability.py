"""Covariates with error: exact along straight lines, and the true effect comes back at the true reliability."""

import numpy as np
import pytest

from depthscope.statistics.attenuation import left_adjusted
from depthscope.statistics.reliability import calibrated
from depthscope.statistics.splines import basis_of, natural_splines

SIGNS = np.array([1.0, -1.0])


def measured(n=400, covariates=2, seed=0, error=0.6):
    """True levels, and the same with error."""
    generator = np.random.default_rng(seed)
    true = generator.normal(size=(n, 2, covariates))
    true[..., -1] += 0.6 * true[..., 0]  # correlated with one another
    true[:, 0] += 0.8
    return true, true + error * generator.normal(size=true.shape)


def mirrored(levels):
    """The same items again with conditions exchanged around their means: differences and sums are then uncorrelated."""
    centre = levels.mean(0)
    deviations = levels - centre
    return centre + np.concatenate([deviations, deviations[:, ::-1]])


def test_without_error_nothing_changes():
    levels, _ = measured()
    found = calibrated(levels, SIGNS, 5, np.ones(2))
    curves = np.concatenate([natural_splines(levels[..., k], 5) for k in range(2)], -1)
    np.testing.assert_array_equal(found.columns, curves[:, 0] - curves[:, 1])
    np.testing.assert_array_equal(found.centres, found.columns)


def test_along_straight_lines_it_is_the_estimator_of_moments():
    levels = mirrored(measured(80)[1])
    reliability = np.array([0.7, 0.9])
    gaps = levels[:, 0] - levels[:, 1]
    d = 1.0 + gaps @ [0.5, -0.2] + np.random.default_rng(1).normal(size=len(gaps))
    within = np.cov(gaps, rowvar=False)
    products = ((gaps - gaps.mean(0)) * d[:, None]).sum(0) / (len(gaps) - 1)
    slopes = np.linalg.solve(within - np.diag((1 - reliability) * np.diag(within)), products)
    found = calibrated(levels, SIGNS, 0, reliability)
    model = np.column_stack([np.ones(len(gaps)), found.columns])
    np.testing.assert_allclose(np.linalg.lstsq(model, d, rcond=None)[0][1:], slopes)
    left = left_adjusted(d, found.columns, found.centres, resamples=10)
    assert left.difference == pytest.approx(d.mean() - gaps.mean(0) @ slopes)
    # what is held at no difference is what was measured
    np.testing.assert_allclose(found.centres, gaps)


def test_one_covariate_along_a_line_has_its_slope_divided_by_its_reliability():
    levels = mirrored(measured(60, covariates=1)[1])
    d = 2.0 + (levels[:, 0] - levels[:, 1])[:, 0] + np.random.default_rng(2).normal(size=120)
    lost = {
        one: 1 - left_adjusted(d, c.columns, c.centres, resamples=10).share.value
        for one in (1.0, 0.8, 0.5)
        for c in [calibrated(levels, SIGNS, 0, np.array([one]))]
    }
    assert lost[0.8] == pytest.approx(lost[1.0] / 0.8)
    assert lost[0.5] == pytest.approx(lost[1.0] / 0.5)


SHAPES = {"line": lambda x: x, "U": lambda x: x**2, "exponential": lambda x: np.exp(0.7 * x)}


@pytest.mark.parametrize("shape", list(SHAPES))
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_the_true_effect_comes_back_at_the_true_reliability(shape, share):
    reliability, found = 0.7, []
    for seed in range(30):
        true, wrong = measured(1500, 1, seed, error=0.0)[0], np.random.default_rng(100 + seed).normal(size=(1500, 2, 1))
        levels = true + np.sqrt((1 - reliability) / reliability * true.var(0).mean()) * wrong
        carried = SHAPES[shape](true[:, 0, 0]) - SHAPES[shape](true[:, 1, 0])
        carried /= carried.mean()
        d = share + (1 - share) * carried + 0.3 * np.random.default_rng(200 + seed).normal(size=1500)
        row = []
        for one in (1.0, reliability):
            c = calibrated(levels, SIGNS, 5, np.array([one]))
            row.append(left_adjusted(d, c.columns, c.centres, resamples=2, seed=seed).share.value)
        found.append(row)
    uncorrected, corrected = np.median(found, 0)
    assert corrected == pytest.approx(share, abs=0.05)
    assert uncorrected > share + 0.1


def test_more_error_than_there_is_spread_is_cut_down_to_what_can_be():
    levels = measured(60)[0]
    levels[..., 1] = levels[..., 0] + 1e-3 * levels[..., 1]  # the same thing twice: not both can be half noise
    found = calibrated(levels, SIGNS, 5, np.array([0.5, 0.5]))
    assert np.isfinite(found.columns).all()


def test_levels_beyond_the_knots_go_on_straight():
    basis = basis_of(np.random.default_rng(0).normal(size=80), 5)
    far = np.array([50.0, 51.0, 52.0])
    steps = np.diff(basis.columns(far), axis=0)
    np.testing.assert_allclose(steps[0], steps[1])
    np.testing.assert_allclose(basis.slopes(far)[0], steps[0])
    inside = np.array([0.1, 0.1 + 1e-6])
    np.testing.assert_allclose(basis.slopes(inside)[0], np.diff(basis.columns(inside), axis=0)[0] / 1e-6, rtol=1e-4)
