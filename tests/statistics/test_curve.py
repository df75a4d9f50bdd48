"""Specification curves: each point is an ordinary contrast, and the whole is judged against joint flips."""

import itertools

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import depthscope as ds
from depthscope.statistics.curve import Curve, joint_curve
from depthscope.statistics.pairing import pair
from depthscope.statistics.terms import Terms
from tests.statistics.simulated import largest_cluster, measure, smooth

TERMS = Terms(("a",), ("b",))
QUICK = {"permutations": 200, "resamples": 50}


def measures(effect=0.8, items=30, count=4, seed=0):
    """The same texts measured in several ways: shared noise, noise of its own, an effect in layers 5-8."""
    rng = np.random.default_rng(seed)
    shared = np.stack([smooth(rng, items, 12), smooth(rng, items, 12)], axis=1)
    shared[:, 0, 4:8] += effect
    return [measure(shared + 0.5 * rng.normal(size=shared.shape)) for _ in range(count)]


def specifications(found):
    for number, h in enumerate(found):
        yield {"wavelet": "paul" if number % 2 else "haar", "copy": str(number)}, pair(h, TERMS).differences


def test_every_point_is_the_strongest_cluster_of_its_contrast():
    found = measures()
    found[1][:, :, 6] = np.nan
    found[2][:, 0, 10] -= 1.5  # a cluster of one layer, higher than the strongest one at its peak
    curve = joint_curve(specifications(found), seed=3, **QUICK)
    for (_, row), h in zip(curve.table.iterrows(), found, strict=True):
        main = ds.contrast(h, "a-b", seed=3, **QUICK).strongest()
        expected = (main.dz, main.dz_low, main.dz_high, main.peak_layer, main.first, main.last, main.mass, main.p)
        ours = row[["dz", "low", "high", "layer", "first", "last", "mass", "p"]].astype(float)
        assert ours.tolist() == pytest.approx(expected)
    highest = int(np.abs(ds.contrast(found[2], "a-b", **QUICK).table["t"].values).argmax()) + 1
    assert curve.table.loc[2, "layer"] != highest == 11
    assert curve.table["wavelet"].tolist() == ["haar", "paul", "haar", "paul"]
    assert curve.settings["choices"] == ["wavelet", "copy"]
    assert curve.settings["n"] == 30


def test_without_a_cluster_the_largest_effect_stands_there_with_p_one():
    differences = pair(measures(effect=0.0, seed=4)[0], TERMS).differences
    differences[:, 0] = np.nan
    curve = joint_curve([({"w": "x"}, differences)], forming_p=1e-6, **QUICK)
    row = curve.table.iloc[0]
    dz = differences.values.mean(0) / differences.values.std(0, ddof=1)
    assert row["layer"] == np.nanargmax(np.abs(dz)) + 1
    assert row["dz"] == pytest.approx(dz[int(row["layer"]) - 1])
    assert (row["p"], row["mass"]) == (1, 0)
    assert np.isnan(row["first"])
    assert np.isnan(row["last"])


@pytest.mark.parametrize("items", [6, 7])
@pytest.mark.parametrize("expected", [1, -1])
def test_the_whole_curve_is_judged_against_the_same_flips_of_every_specification(expected, items):
    """All flips of a few items, and every number of the curve worked out by loops."""
    found = measures(items=items, count=3, effect=1.0)
    flips = 2**items
    differences = [pair(h, TERMS).differences.values for h in found]
    curve = joint_curve(specifications(found), expected=expected, permutations=flips, resamples=50)
    threshold = stats.t.isf(0.025, items - 1)
    mass, dz = np.zeros((3, flips)), np.zeros((3, flips))
    for j, signs in enumerate(itertools.product([1, -1], repeat=items)):
        for i, d in enumerate(differences):
            t = stats.ttest_1samp(d * np.array(signs)[:, None], 0).statistic
            mass[i, j], peak = largest_cluster(t, threshold)
            dz[i, j] = peak / np.sqrt(items)
    p = np.array([[(row >= one * (1 - 1e-12)).mean() for one in row] for row in mass])
    found = (p <= 0.05) & (mass > 0)
    right = np.sign(dz) == expected
    numbers = {
        "median": np.median(dz, axis=0),
        "significant": found.mean(0),
        "significant_expected": (found & right).mean(0),
        "expected": right.mean(0),
    }
    for name, values in numbers.items():
        joint = curve.joint[name]
        # the first flip of all turns no sign: it is what was observed
        assert joint.observed == pytest.approx(values[0])
        size = np.abs(values) if name == "median" else values
        beyond = (size >= size[0] - 1e-12).sum()
        assert joint.p == pytest.approx((1 + beyond) / (1 + flips))
        limits = np.quantile(values, (0.025, 0.5, 0.975))
        assert (joint.null_low, joint.null_median, joint.null_high) == pytest.approx(tuple(limits))
    assert curve.band == pytest.approx(np.quantile(np.sort(dz, axis=0), (0.025, 0.975), axis=1))
    assert curve.settings["permutations"] == flips


def test_a_planted_effect_makes_the_whole_curve_unlikely():
    curve = joint_curve(specifications(measures()), **QUICK)
    for name in ("median", "significant", "significant_expected"):
        assert curve.joint[name].p < 0.02, name
    assert curve.joint["median"].observed > curve.joint["median"].null_high
    assert curve.joint["expected"].observed == 1
    assert (np.sort(curve.table["dz"]) > curve.band[1]).all()


def test_an_expectation_below_zero_mirrors_one_above():
    found = measures(effect=0.5)
    up = joint_curve(specifications(found), expected=1, **QUICK)
    down = joint_curve(specifications([-h for h in found]), expected=-1, **QUICK)
    for name in ("significant", "significant_expected", "expected"):
        assert down.joint[name] == up.joint[name]
    assert 0 < up.joint["expected"].null_median < 1
    assert down.joint["median"].observed == pytest.approx(-up.joint["median"].observed)
    assert down.joint["median"].p == up.joint["median"].p
    assert down.band[::-1, ::-1] == pytest.approx(-up.band)


def test_an_effect_against_expectation_is_significant_and_not_as_expected():
    curve = joint_curve(specifications(measures()), expected=-1, **QUICK)
    assert curve.joint["significant"].p < 0.02
    assert curve.joint["significant_expected"].observed == 0
    assert curve.joint["significant_expected"].p > 0.5


def test_without_an_effect_the_curve_is_called_unlikely_in_five_per_cent():
    called = dict.fromkeys(("median", "significant", "significant_expected", "expected"), 0)
    for seed in range(120):
        found = measures(effect=0.0, items=16, count=2, seed=seed)
        curve = joint_curve(specifications(found), permutations=99, resamples=2, seed=seed)
        for name in called:
            called[name] += curve.joint[name].p <= 0.05
    low, high = stats.binom.interval(0.999, 120, 0.05)
    assert low <= called["median"] <= high
    # shares of two specifications take few values: their p is coarse, and never too small
    assert all(count <= high for count in called.values())


def test_specifications_that_are_the_same_count_as_one():
    (h,) = measures(count=1)
    one, five = (joint_curve(specifications([h] * count), **QUICK) for count in (1, 5))
    assert five.joint == one.joint
    assert five.band == pytest.approx(np.repeat(one.band, 5, axis=1))
    assert five.table.drop(columns=["wavelet", "copy"]).drop_duplicates().shape[0] == 1


def test_the_order_of_specifications_does_not_matter():
    found = measures()
    there = joint_curve(specifications(found), **QUICK)
    back = joint_curve(list(specifications(found))[::-1], **QUICK)
    assert back.joint == there.joint
    assert back.band == pytest.approx(there.band)


def test_other_items_or_another_order_of_items_are_refused(refuses):
    (_, first), (_, second) = specifications(measures(count=2))
    for other in (second[1:], second[::-1]):
        with refuses("same items"):
            joint_curve([({"w": "x"}, first), ({"w": "y"}, other)], **QUICK)
    with refuses("at least one specification"):
        joint_curve([])


def test_the_joint_tests_are_told_in_words_and_in_a_table():
    curve = joint_curve(specifications(measures()), **QUICK)
    assert isinstance(curve, Curve)
    lines = str(curve).splitlines()
    assert "n = 30 items in all of 4 specifications" in lines[0]
    assert len(lines) == 5
    assert f"p = {curve.joint['median'].p:.4f}" in lines[1]
    frame = curve.joint_dataframe().set_index("question")
    assert frame.loc["median", "observed"] == curve.joint["median"].observed
    assert list(frame.index) == list(curve.joint)


def test_at_fixed_layers_a_sign_is_that_of_these_layers_and_not_of_the_strongest_cluster():
    """A specification whose largest effect lies elsewhere, with the other sign."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(30, 12))
    values[:, 2:5] += 0.8
    elsewhere = values.copy()
    elsewhere[:, 8:11] -= 2.0
    rows = [
        (name, xr.DataArray(v, {"item": np.arange(30), "layer": np.arange(1, 13)}, ("item", "layer")))
        for name, v in (("one", values), ("other", elsewhere))
    ]
    curve = joint_curve([({"choice": name}, d) for name, d in rows], window=(3, 5), permutations=100, resamples=20)
    assert (curve.table["dz"] > 0).tolist() == [True, False]
    means = values[:, 2:5].mean(1)
    assert curve.table["window_dz"].to_numpy() == pytest.approx([means.mean() / means.std(ddof=1)] * 2)
