"""Adjusting for what a covariate does in a curve: the space of natural splines, and confounds that a straight line leaves."""

import numpy as np
import pytest
import xarray as xr
from scipy.interpolate import CubicSpline

import depthscope as ds
from depthscope.statistics.splines import columns_allowed, natural_splines


def spanned(basis, target):
    """Share of a function that a basis and a constant do not reach."""
    design = np.column_stack([np.ones(len(target)), basis])
    rest = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
    return np.abs(rest).max() / np.abs(target).max()


def test_it_spans_every_natural_spline_on_its_knots_and_nothing_else():
    levels = np.sort(np.random.default_rng(0).normal(size=200))
    basis = natural_splines(levels, 5)
    assert basis.shape == (200, 4)
    knots = np.quantile(levels, np.linspace(0, 1, 5))
    for seed in range(5):
        curve = CubicSpline(knots, np.random.default_rng(seed).normal(size=5), bc_type="natural")
        assert spanned(basis, curve(levels)) < 1e-10
    assert spanned(basis, levels) < 1e-10  # a straight line is one of them
    assert spanned(basis, np.abs(levels)) > 0.01


def test_the_space_is_that_of_patsy():
    patsy = pytest.importorskip("patsy")
    levels = np.sort(np.random.default_rng(1).normal(size=120))
    inner = np.quantile(levels, [0.25, 0.5, 0.75])
    theirs = np.asarray(patsy.dmatrix("cr(x, knots=k) - 1", {"x": levels, "k": inner}))
    basis = natural_splines(levels, 5)
    assert max(spanned(basis, column) for column in theirs.T) < 1e-8


@pytest.mark.parametrize("levels", [np.tile([0.0, 1.0], 20), np.arange(4.0).repeat(9)])
def test_a_few_levels_have_a_straight_line(levels):
    assert natural_splines(levels, 4).tolist() == levels[:, None].tolist()


def test_few_items_allow_few_knots():
    assert columns_allowed(200, 1, 4) == 4
    assert columns_allowed(20, 3, 4) == 2
    assert columns_allowed(60, 3, 5) == 5


def confounded(shape, n=200, seed=0, spread=(1.6, 0.7)):
    """A measure that depends on a covariate alone, whose conditions differ in its mean and its spread."""
    rng = np.random.default_rng(seed)
    levels = rng.normal(size=(n, 2)) * np.array(spread) + np.array([0.4, 0.0])
    values = shape(levels)[:, :, None] + rng.normal(size=(n, 2, 6))
    coords = {"item": [f"i{k}" for k in range(n)], "condition": ["a", "b"], "layer": np.arange(1, 7)}
    h = xr.DataArray(values, coords, ("item", "condition", "layer"), name="cse")
    return h.assign_coords(x=(("item", "condition"), levels))


SHAPES = {"u": lambda x: 0.4 * x**2, "step": lambda x: 1.5 * (x > 1.0), "exponential": lambda x: 0.4 * np.exp(0.6 * x)}


@pytest.mark.parametrize("shape", list(SHAPES))
def test_a_curved_confound_that_a_line_leaves_is_gone_with_a_curve(shape):
    """What carries everything is said to be survived in many studies when a line is adjusted for, and in few with a curve."""
    found = {0: 0, 5: 0}
    for seed in range(20):
        h = confounded(SHAPES[shape], seed=seed)
        for splines in found:
            c = ds.contrast(h, "a", "b", adjust=["x"], splines=splines, permutations=200, resamples=10)
            found[splines] += bool(c.significant())
    assert found[5] <= 4
    assert found[0] >= {"u": 15, "step": 8, "exponential": 5}[shape]


def test_an_effect_beside_a_curved_confound_stays_and_its_size_is_right():
    h = confounded(SHAPES["u"], n=400)
    h[:, 0] += 0.5
    c = ds.contrast(h, "a", "b", adjust=["x"], splines=4, permutations=200, resamples=10)
    low, high = c.table["low"].values, c.table["high"].values
    assert (low < 0.5).all()
    assert (high > 0.5).all()
    assert c.settings["splines"] == 4
    assert list(c.covariates["covariate"].values) == ["x"] * 3


def test_units_do_not_matter():
    h = confounded(SHAPES["u"], n=60)
    scaled = h.assign_coords(x=1e6 * h["x"] - 5e5)
    one, other = (
        ds.contrast(d, "a", "b", adjust=["x"], splines=4, permutations=100, resamples=10) for d in (h, scaled)
    )
    assert other.table["t"].values == pytest.approx(one.table["t"].values, rel=1e-6)


def test_two_knots_are_refused(refuses):
    with refuses("splines=2: give 3 knots or more"):
        ds.contrast(confounded(SHAPES["u"], n=20), "a", "b", adjust=["x"], splines=2)
