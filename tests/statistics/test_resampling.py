"""The studentised bootstrap, against loops that fit every resample anew, and at its stated rate where flips are not."""

import numpy as np
import pytest
from scipy import stats

import depthscope as ds
from depthscope.statistics.bootstrap import drawn_items
from depthscope.statistics.design import design
from depthscope.statistics.effects import mean_effect
from depthscope.statistics.permutation import cluster_test
from depthscope.statistics.resampling import resampled, resampled_equivalence
from tests.statistics.simulated import largest_cluster, measure, smooth


def skewed(n, layers=6, seed=0):
    """Lognormal differences of mean 0 that are alike along depth."""
    return np.exp(smooth(np.random.default_rng(seed), n, layers)) - np.exp(0.5)


def fitted(y, x):
    """Effect, residual sd, t and residuals of one column on covariates, by least squares."""
    matrix = np.column_stack([np.ones(len(y)), x])
    weights = np.linalg.lstsq(matrix, y, rcond=None)[0]
    rest = y - matrix @ weights
    sigma = np.sqrt((rest**2).sum() / (len(y) - matrix.shape[1]))
    return weights[0], sigma, weights[0] / sigma / np.sqrt(np.linalg.inv(matrix.T @ matrix)[0, 0]), rest, matrix


@pytest.mark.parametrize("count", [0, 2])
def test_every_resample_is_the_model_fitted_anew(count):
    """Freedman-Lane by bootstrap: residuals drawn, put on the covariates again, least squares."""
    values, x = skewed(15), np.random.default_rng(3).normal(0.5, 1, size=(15, count))
    model = design(15, x)
    found = list(resampled(model, values, 30, seed=4))
    t, sigma = (np.concatenate([getattr(one, name) for one in found]) for name in ("t", "sigma"))
    drawn = np.concatenate(list(drawn_items(15, 30, 4)))
    for cell in range(values.shape[1]):
        _, _, _, rest, matrix = fitted(values[:, cell], x)
        leverage = np.diag(matrix @ np.linalg.inv(matrix.T @ matrix) @ matrix.T)
        rest = rest / np.sqrt(1 - leverage)
        rest -= rest.mean()
        again = [fitted(rest[items], x) for items in drawn]
        assert t[:, cell] == pytest.approx([one[2] for one in again], rel=1e-8, abs=1e-8)
        own = np.sqrt((rest**2).mean())
        assert sigma[:, cell] == pytest.approx([one[1] / own for one in again], rel=1e-8)


def test_p_is_twice_the_share_of_resamples_whose_cluster_of_the_same_side_is_as_large():
    values = skewed(18, layers=10) + 0.4
    test = cluster_test(values, permutations=200, seed=1, inference="bootstrap")
    maps = np.concatenate([one.t for one in resampled(design(18), values, 200, 1)])
    assert test.clusters
    for cells in test.clusters:
        sign = np.sign(cells.mass)
        one_sided = [largest_cluster(np.maximum(sign * t, 0), test.threshold)[0] for t in maps]
        p = 2 * (1 + sum(mass >= abs(cells.mass) for mass in one_sided)) / 201
        assert test.p_value(cells.mass)[0] == pytest.approx(min(1, p))
    up = cluster_test(values, permutations=200, seed=1, inference="bootstrap", tail=1)
    assert up.sides is None
    assert up.null.shape == (200,)


def test_the_observed_map_and_its_clusters_are_those_of_the_flips():
    values = skewed(30, layers=12) + 0.3
    flips, drawn = (cluster_test(values, permutations=50, inference=name) for name in ("flips", "bootstrap"))
    assert (flips.t == drawn.t).all()
    assert [k.mass for k in flips.clusters] == [k.mass for k in drawn.clusters]


def test_skewed_differences_without_an_effect_are_found_by_flips_and_not_by_the_bootstrap():
    found = {"flips": 0, "bootstrap": 0}
    for seed in range(120):
        values = skewed(20, seed=seed)
        for name in found:
            test = cluster_test(values, permutations=100, seed=seed + 1000, inference=name)
            found[name] += any(test.p_value(k.mass)[0] <= 0.05 for k in test.clusters)
    assert found["flips"] > stats.binom.ppf(0.9999, 120, 0.05)
    assert found["bootstrap"] <= stats.binom.ppf(0.999, 120, 0.05)


def test_an_effect_is_found_by_both():
    values = np.random.default_rng(0).normal(1, 1, size=(30, 4))
    for name in ("flips", "bootstrap"):
        assert mean_effect(values.mean(1), inference=name, permutations=500).p < 0.01


def test_equivalence_by_resamples_is_that_of_the_noncentral_t_where_differences_are_normal():
    x = stats.norm.ppf((np.arange(300) + 0.5) / 300)[:, None]
    for shift in (0.0, 0.1, -0.15):
        drawn = resampled_equivalence(design(300), x + shift, 0.2, 8000, 0)
        known = mean_effect(x[:, 0] + shift, permutations=10, resamples=10).p_equivalence
        assert drawn[0] == pytest.approx(known, abs=0.015)


def test_equivalence_of_a_long_tail_against_the_effect_holds_its_rate():
    """A lognormal with its tail downwards and an effect of just the bound: the noncentral t is wrong in a tenth."""
    claimed = 0
    for seed in range(200):
        x = 0.2 - (np.random.default_rng(seed).lognormal(size=(150, 1)) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)
        claimed += resampled_equivalence(design(150), x, 0.2, 200, seed + 500)[0] <= 0.05
    assert claimed <= stats.binom.ppf(0.999, 200, 0.06)


@pytest.mark.parametrize("size", [0.3, -1.0, 1e-9])
def test_differences_that_are_all_the_same_are_as_certain_by_resamples_as_by_flips(size):
    h = measure(np.zeros((12, 2, 4)))
    h[:, 0] += size
    flips, drawn = (ds.contrast(h, "a", "b", permutations=200, inference=one) for one in ("flips", "bootstrap"))
    assert drawn.clusters[0].p == drawn.smallest_p == pytest.approx(2 / 201)
    assert (drawn.equivalence(), flips.equivalence()) == (1.0, 1.0)
    assert drawn.over(1, 4).p_equivalence == flips.over(1, 4).p_equivalence == 1.0


def test_no_difference_in_any_item_is_as_equivalent_by_resamples_as_by_flips():
    flips, drawn = (
        ds.contrast(measure(np.zeros((300, 2, 4))), "a", "b", permutations=200, inference=one)
        for one in ("flips", "bootstrap")
    )
    assert drawn.equivalence() == flips.equivalence() < 0.05


def test_a_contrast_says_where_its_p_comes_from():
    h = measure(np.random.default_rng(1).normal(size=(12, 2, 8)) + np.array([[0.9], [0]]))
    flips, drawn = (ds.contrast(h, "a", "b", permutations=300, inference=name) for name in ("flips", "bootstrap"))
    assert drawn.settings["inference"] == drawn.inference == "bootstrap"
    assert "300 resamples" in drawn.settings_text
    assert "sign flips" in flips.settings_text
    assert (drawn.table["t"] == flips.table["t"]).all()
    assert (drawn.table["dz"] == flips.table["dz"]).all()
    assert (drawn.table["p_equivalence"] != flips.table["p_equivalence"]).any()
    assert drawn.over(2, 5).dz == flips.over(2, 5).dz
    assert drawn.over(2, 5).p != flips.over(2, 5).p
    assert drawn.smallest_p == pytest.approx(2 / 301)


def test_a_bootstrap_of_three_items_decides_nothing():
    h = measure(np.random.default_rng(1).normal(5, 0.1, size=(3, 2, 4)) + np.array([[9], [0]]))
    found = ds.contrast(h, "a", "b", permutations=300, inference="bootstrap")
    assert found.smallest_p == pytest.approx(1 / 9)
    assert not found.significant()


def test_another_inference_is_refused(refuses):
    with refuses("inference", "flips", "bootstrap"):
        ds.contrast(measure(np.zeros((4, 2, 3))), "a", "b", inference="permutation")
