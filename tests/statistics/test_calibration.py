"""Labels swapped by a coin: a test that keeps its promise finds something in 5 %."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from depthscope.statistics.calibration import Rate, false_positive_rate
from depthscope.statistics.permutation import cluster_test
from tests.statistics.simulated import smooth


@pytest.mark.parametrize(("found", "draws"), [(0, 40), (1, 1), (13, 200), (50, 1000), (200, 200)])
def test_the_interval_of_a_rate_is_that_of_clopper_and_pearson(found, draws):
    rate = Rate(found, draws)
    assert rate.share == found / draws
    assert rate.interval == pytest.approx(proportion_confint(found, draws, method="beta"), abs=1e-12)


def test_a_rate_in_words():
    low, high = proportion_confint(50, 1000, method="beta")
    assert str(Rate(50, 1000)) == f"50 of 1000 (5.0 %, 95 % interval {100 * low:.1f} to {100 * high:.1f} %)"


def noise(items=24, layers=15, effect=0.0):
    differences = smooth(np.random.default_rng(1), items, layers)
    differences[:, 5:9] += effect
    return differences


def about_five_per_cent(rate):
    low, high = stats.binom.interval(0.999, rate.draws, 0.05)
    return low <= rate.found <= high


@pytest.mark.parametrize("tail", [0, 1, -1])
def test_about_five_per_cent_of_labellings_give_a_cluster(tail):
    assert about_five_per_cent(false_positive_rate(noise(), draws=500, permutations=199, tail=tail))


def test_an_effect_in_the_data_does_not_raise_the_rate():
    differences = noise(effect=2.0)
    test = cluster_test(differences, permutations=199)
    assert max(c.mass for c in test.clusters) > 0.99 * test.null.max()  # as sure as can be
    assert about_five_per_cent(false_positive_rate(differences, draws=500, permutations=199))


def test_the_rate_follows_alpha():
    rates = [false_positive_rate(noise(), draws=300, permutations=199, alpha=alpha).found for alpha in (0.01, 0.2)]
    assert rates[0] < 15
    assert stats.binom.ppf(0.0005, 300, 0.2) <= rates[1] <= stats.binom.ppf(0.9995, 300, 0.2)


def test_covariates_swap_with_the_labels():
    """A covariate that makes all of the difference: swapped alone, it would no longer explain anything."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(24, 1)) + 1
    rate = false_positive_rate(noise() * 0.3 + 2 * x, covariates=x, draws=400, permutations=199)
    assert about_five_per_cent(rate)


def test_every_labelling_is_tested_as_any_study_is():
    differences, x = noise(items=12), np.random.default_rng(3).normal(size=(12, 1)) + 0.4
    options = {"permutations": 99, "forming_p": 0.1, "tail": 1}
    rate = false_positive_rate(differences, covariates=x, draws=60, alpha=0.2, seed=5, **options)
    coin = np.random.default_rng(5)
    found = 0
    for draw in range(60):
        signs = coin.choice((-1.0, 1.0), 12)[:, None]
        test = cluster_test(differences * signs, covariates=x * signs, seed=6 + draw, **options)
        found += any(test.p_value(c.mass)[0] <= 0.2 for c in test.clusters)
    assert rate == Rate(found, 60)
    assert found > 0


def test_scales_and_layers_are_swapped_together():
    differences = np.random.default_rng(4).normal(size=(20, 3, 6))
    assert about_five_per_cent(false_positive_rate(differences, draws=200, permutations=99))


def test_the_seed_decides():
    once, again, other = (false_positive_rate(noise(), draws=200, permutations=49, seed=s).found for s in (1, 1, 2))
    assert once == again != other
