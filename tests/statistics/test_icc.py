"""The intraclass correlation: against pingouin, planted values, and the false findings that it warns of."""

import numpy as np
import pandas as pd
import pingouin
import pytest
from scipy import stats

from depthscope.statistics.icc import intraclass


def grouped(icc, families=60, size=4, seed=0):
    rng = np.random.default_rng(seed)
    values = np.sqrt(icc) * rng.normal(size=(families, 1)) + np.sqrt(1 - icc) * rng.normal(size=(families, size))
    return values.ravel(), np.repeat(np.arange(families), size)


@pytest.mark.parametrize("icc", [0.0, 0.3, 0.8])
def test_it_is_the_icc_of_pingouin_with_its_interval_and_p(icc):
    values, families = grouped(icc)
    frame = pd.DataFrame({"value": values, "family": families, "rater": np.tile(range(4), 60)})
    theirs = pingouin.intraclass_corr(frame, targets="family", raters="rater", ratings="value").iloc[0]
    ours = intraclass(values, families)
    assert ours.value == pytest.approx(theirs["ICC"], rel=1e-9)
    assert ours.p == pytest.approx(theirs["pval"], rel=1e-9)
    interval = theirs["CI95"] if "CI95" in theirs else theirs["CI95%"]
    assert (ours.low, ours.high) == pytest.approx(tuple(interval), abs=0.006)  # it rounds to two digits
    assert ours.size == pytest.approx(4)


def test_a_planted_correlation_lies_within_the_interval_also_of_unequal_families():
    hits = 0
    for seed in range(100):
        values, families = grouped(0.4, 40, 6, seed)
        kept = np.random.default_rng(seed).random(len(values)) < 0.6
        found = intraclass(values[kept], families[kept])
        hits += found.low <= 0.4 <= found.high
    assert hits >= 88


def test_the_design_effect_is_by_how_much_the_variance_of_the_mean_grows():
    means = [grouped(0.3, 50, 4, seed)[0].mean() for seed in range(2000)]
    effect = np.mean([intraclass(*grouped(0.3, 50, 4, seed)).design_effect for seed in range(200)])
    assert np.var(means) * 200 == pytest.approx(effect, rel=0.15)
    assert effect == pytest.approx(1 + 3 * 0.3, rel=0.1)


def test_one_value_a_family_tells_nothing():
    assert np.isnan(intraclass([1.0, 2.0, 3.0], "abc").value)
    assert np.isnan(intraclass([1.0, 2.0, 3.0], "aaa").value)
    assert intraclass([1.0, 1.0, 2.0, 2.0], "aabb").value == 1.0


def test_families_that_are_alike_make_a_test_of_items_find_too_much():
    tested = [stats.ttest_1samp(grouped(0.3, 50, 4, seed)[0], 0).pvalue <= 0.05 for seed in range(400)]
    assert np.mean(tested) > 0.11
    averaged = [
        stats.ttest_1samp(grouped(0.3, 50, 4, seed)[0].reshape(50, 4).mean(1), 0).pvalue <= 0.05 for seed in range(400)
    ]
    assert np.mean(averaged) < 0.08


def test_values_that_are_all_the_same_tell_nothing():
    found = intraclass([0.25] * 6, list("aabbcc"))
    assert np.isnan([found.value, found.low, found.high, found.p]).all()
