"""How often studies of a given size find a given effect, against what theory says."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from depthscope.statistics.halves import split_half
from depthscope.statistics.permutation import cluster_test
from depthscope.statistics.power import GOAL, enough_items, power_curve, shrunken_dz
from tests.statistics.simulated import smooth


def population(effect=0.6, items=150, layers=12, seed=0):
    """Differences with an effect in layers 5-8 of 12."""
    differences = smooth(np.random.default_rng(seed), items, layers)
    differences[:, 4:8] += effect
    return differences


@pytest.fixture(scope="module")
def curve():
    return power_curve(population(), sizes=(8, 20, 40), shares=(0.0, 0.5, 1.0, 1.5), draws=100, permutations=99)


def within(count, draws, rate, confidence=0.999):
    low, high = stats.binom.interval(confidence, draws, rate)
    return low <= count <= high


def test_without_an_effect_studies_find_one_in_the_expected_direction_in_at_most_half_of_alpha(curve):
    counts = curve["rate"].sel(share=0).values * 100
    assert (counts <= stats.binom.ppf(0.999, 100, 0.025)).all()


def test_more_items_and_larger_effects_are_detected_more_often(curve):
    rate = curve["rate"]
    assert (rate.diff("share").sel(n=[20, 40]) >= 0).all()
    assert (rate.diff("n").sel(share=[0.5, 1.0, 1.5]) >= 0).all()
    assert rate.sel(share=1.5, n=40) > 0.95
    assert rate.sel(share=0.5, n=8) < 0.3


def test_rates_have_the_interval_of_a_rate(curve):
    cell = curve.sel(share=0.5, n=20)
    expected = stats.binomtest(round(float(cell["rate"]) * 100), 100).proportion_ci()
    assert (float(cell["low"]), float(cell["high"])) == pytest.approx((expected.low, expected.high))


def test_the_effect_is_that_of_the_peak_of_the_strongest_cluster(curve):
    differences = population()
    inside = differences[:, curve.attrs["first"] - 1 : curve.attrs["last"]]
    dz = inside.mean(0) / inside.std(0, ddof=1)
    assert curve["dz"].values == pytest.approx(dz.max() * np.array([0, 0.5, 1, 1.5]))
    assert curve.attrs["first"] <= 5
    assert curve.attrs["last"] >= 8
    assert curve.attrs["items"] == 150


def test_the_smallest_effect_is_read_off_between_the_two_rates_around_80_per_cent(curve):
    for n in curve["n"].values:
        rate, dz = curve["rate"].sel(n=n).values, curve["dz"].values
        smallest = float(curve["smallest_dz"].sel(n=n))
        if rate.max() < 0.8:
            assert np.isnan(smallest)
            continue
        k = int(np.argmax(rate >= 0.8))
        share = (0.8 - rate[k - 1]) / (rate[k] - rate[k - 1])
        assert smallest == pytest.approx(dz[k - 1] + share * (dz[k] - dz[k - 1]))
    assert np.isnan(curve["smallest_dz"].sel(n=8))
    assert curve["smallest_dz"].sel(n=40) < curve["smallest_dz"].sel(n=20)


def test_an_effect_that_every_share_detects_is_the_smallest_asked_for():
    curve = power_curve(population(effect=3.0), sizes=(30,), shares=(1.0, 0.5), draws=20, permutations=99)
    assert curve["rate"].values.tolist() == [[1], [1]]
    assert float(curve["smallest_dz"][0]) == float(curve["dz"][1])


def test_in_one_layer_it_is_the_power_of_a_t_test():
    items = 3000
    x = stats.norm.ppf((np.arange(items) + 0.5) / items)[:, None] + 0.4  # a normal population without chance
    curve = power_curve(x, sizes=(20, 60), shares=(0.0, 0.5, 1.0), draws=400, permutations=399)
    for share in (0.0, 0.5, 1.0):
        for n in (20, 60):
            # detected: significant, in the direction of the effect
            theory = TTestPower().power(0.4 * share, n, 0.025, alternative="larger")
            assert within(float(curve["rate"].sel(share=share, n=n)) * 400, 400, theory), (share, n)


def two_effects(seed=0):
    """The strongest cluster is wide and low, layers 2-9; beside it a narrow, high one that fewer items find."""
    differences = smooth(np.random.default_rng(seed), 150, 15)
    differences[:, 1:9] += 0.4
    differences[:, 12:14] += 1.0
    return differences


def test_detected_is_what_overlaps_the_strongest_cluster_in_its_direction():
    """Every study of the curve drawn and tested once more, and its clusters looked at layer by layer."""
    population = two_effects()
    shares = (-1.0, 0.0, 1.0)
    curve = power_curve(population, sizes=(14,), shares=shares, draws=60, permutations=99, seed=2)
    strongest = set(range(curve.attrs["first"] - 1, curve.attrs["last"]))
    assert 12 not in strongest
    generator = np.random.default_rng(2)
    found, anything = np.zeros(3), np.zeros(3)
    for draw in range(60):
        study = population[generator.integers(150, size=14)]
        for i, share in enumerate(shares):
            test = cluster_test(study + (share - 1) * population.mean(0), permutations=99, seed=draw)
            sure = [c for c in test.clusters if test.p_value(c.mass)[0] <= 0.05]
            found[i] += any(c.mass > 0 and strongest & set(np.flatnonzero(c.where)) for c in sure)
            anything[i] += bool(sure)
    assert curve["rate"].values[:, 0] == pytest.approx(found / 60)
    assert found[0] == 0
    assert anything[0] > 10
    assert 0 < found[2] < anything[2]


def test_an_effect_below_zero_is_looked_for_below_zero():
    up, down = (power_curve(sign * population(), sizes=(20,), draws=30, permutations=99) for sign in (1, -1))
    assert (down["rate"] == up["rate"]).all()
    assert down["dz"].values == pytest.approx(-up["dz"].values)
    assert down["smallest_dz"].values == pytest.approx(up["smallest_dz"].values)


def test_layers_have_their_numbers_and_missing_ones_take_no_part():
    differences = population()
    differences[3, :2] = np.nan
    curve = power_curve(differences, layers=range(11, 23), sizes=(20,), shares=(1.0,), draws=20, permutations=99)
    assert 13 <= curve.attrs["first"] <= 15
    assert 18 <= curve.attrs["last"] <= 20
    plain = power_curve(differences[:, 2:], sizes=(20,), shares=(1.0,), draws=20, permutations=99)
    assert plain["rate"].values == curve["rate"].values


def test_the_seed_decides():
    once, again, other = (
        power_curve(population(), sizes=(15,), shares=(0.5,), draws=80, permutations=49, seed=s) for s in (1, 1, 2)
    )
    assert once.identical(again)
    assert (once["rate"] != other["rate"]).any()


def test_beside_it_stands_the_effect_less_what_its_choice_adds():
    """The share is that of split halves, and its rates are those of any share that is asked for."""
    values = population(effect=0.3, items=40)
    curve = power_curve(values, sizes=(15, 30), shares=(1.0,), draws=50, permutations=99)
    first, last = curve.attrs["first"], curve.attrs["last"]
    window = values[:, first - 1 : last].mean(1)
    share = split_half(values).window / (window.mean() / window.std(ddof=1))
    assert 0 < share < 1
    assert curve.attrs["shrunken"] == pytest.approx(share)
    asked = power_curve(values, sizes=(15, 30), shares=(1.0, share), draws=50, permutations=99)
    assert (curve["shrunken_rate"].values == asked["rate"].values[1]).all()
    assert (curve["shrunken_low"].values == asked["low"].values[1]).all()
    assert (curve["rate"].values[0] == asked["rate"].values[0]).all()
    few = power_curve(population(effect=2.0, items=10), sizes=(8,), shares=(1.0,), draws=5, permutations=99)
    assert np.isnan(few["shrunken_rate"].values).all()


@pytest.mark.filterwarnings("error")
def test_of_an_effect_without_a_spread_nothing_is_shrunken():
    found = power_curve(np.ones((20, 4)), sizes=(10,), shares=(1.0,), draws=2, permutations=100)
    assert np.isnan(found.attrs["shrunken"])


def test_studies_that_found_an_effect_promise_too_much_unless_it_is_shrunken():
    """Ten studies of 20 items that found a dz of .45 in 4 of 12 layers, which a third of such studies do."""
    known, promised = [], []
    for seed in range(80):
        test = cluster_test(values := population(0.45, 20, seed=seed), permutations=99, seed=seed + 500)
        known.append(any(test.p_value(k.mass)[0] <= 0.05 for k in test.clusters))
        if known[-1] and len(promised) < 10:
            curve = power_curve(values, sizes=(20,), shares=(1.0,), draws=25, permutations=99)
            promised.append((float(curve["rate"][0, 0]), float(curve["shrunken_rate"][0])))
    observed, shrunken = np.mean(promised, axis=0)
    assert 0.2 < np.mean(known) < 0.55
    assert observed > np.mean(known) + 0.15
    assert abs(shrunken - np.mean(known)) < observed - np.mean(known)


def test_without_an_effect_there_is_nothing_to_look_for(refuses):
    with refuses("no layer passes", "no effect"):
        power_curve(np.tile([[0.5], [-0.5]], (10, 4)))


def test_enough_items_are_those_whose_rate_reaches_the_goal(curve):
    for share in curve["share"].values:
        rate = curve["rate"].sel(share=share)
        assert enough_items(rate) == [n for n in (8, 20, 40) if float(rate.sel(n=n)) >= GOAL]
    assert enough_items(curve["rate"].sel(share=1.5))
    assert enough_items(curve["rate"].sel(share=0.0)) == []


def test_the_shrunken_effect_is_a_share_of_that_at_the_peak(curve):
    assert shrunken_dz(curve) == curve.attrs["shrunken"] * float(curve["dz"].sel(share=1.0))
