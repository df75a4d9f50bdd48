import itertools
from math import comb

import numpy as np
import pytest
from scipy import stats

from depthscope.statistics.effects import mean_effect
from depthscope.statistics.layers import compare_layers

FEW = {"permutations": 100, "resamples": 20}


def mask(depth, *layers):
    """Layers counted from 1."""
    chosen = np.zeros(depth, dtype=bool)
    chosen[np.array(layers) - 1] = True
    return chosen


def noise(seed, items=8, depth=9):
    return np.random.default_rng(seed).normal(size=(items, depth))


@pytest.mark.parametrize(("chosen", "seed"), [((1,), 0), ((2, 3, 4), 1), ((1, 5, 9), 2), ((3, 4, 5, 6, 7, 8), 3)])
def test_all_sets_are_those_that_a_loop_finds(chosen, seed):
    effects = noise(seed)
    found = compare_layers(effects, mask(9, *chosen), permutations=200, resamples=20)
    profile = effects.mean(0)
    inside = np.mean([profile[layer - 1] for layer in chosen])
    means = [np.mean([profile[i] for i in some]) for some in itertools.combinations(range(9), len(chosen))]
    assert found.exact
    assert found.p_sets == sum(mean >= inside - 1e-12 for mean in means) / comb(9, len(chosen))


def test_inside_outside_and_excess_are_the_effects_of_their_means():
    effects, chosen = noise(4, items=12), mask(9, 3, 4)
    found = compare_layers(effects, chosen, permutations=300, resamples=50, seed=7)
    inside, outside = effects[:, [2, 3]].mean(1), effects[:, [0, 1, 4, 5, 6, 7, 8]].mean(1)
    same = {"permutations": 300, "resamples": 50, "seed": 7}
    assert found.inside == mean_effect(inside, **same)
    assert found.outside == mean_effect(outside, **same)
    assert found.excess == mean_effect(inside - outside, **same)
    assert found.excess.difference == pytest.approx(found.inside.difference - found.outside.difference)


def test_layers_that_are_larger_than_all_others_have_the_smallest_p():
    effects = noise(5, depth=12)
    effects[:, 4:7] += 10
    found = compare_layers(effects, mask(12, 5, 6, 7), permutations=300, resamples=20)
    assert found.p_sets == 1 / comb(12, 3)
    assert (found.rank, found.windows, found.p_windows) == (1, 10, 1 / 10)
    assert found.excess.difference > 8
    assert found.excess.p == 2 / 2**8
    least = compare_layers(-effects, mask(12, 5, 6, 7), permutations=300, resamples=20)
    assert least.p_sets == 1
    assert (least.rank, least.p_windows) == (10, 1)


@pytest.mark.parametrize("chosen", [(1, 2, 3), (2, 3, 4), (7, 8, 9)])
def test_windows_are_ranked_from_the_largest(chosen):
    effects = noise(6)
    found = compare_layers(effects, mask(9, *chosen), **FEW)
    profile = effects.mean(0)
    means = [profile[start : start + 3].mean() for start in range(7)]
    own = means[chosen[0] - 1]
    assert found.windows == 7
    assert found.rank == sorted(means, reverse=True).index(own) + 1
    assert found.p_windows == found.rank / 7


def test_layers_that_are_not_neighbours_are_no_window():
    found = compare_layers(noise(7), mask(9, 2, 3, 5), **FEW)
    assert (found.rank, found.windows) == (0, 0)
    assert np.isnan(found.p_windows)
    assert 0 < found.p_sets <= 1


def test_a_single_layer_is_a_window_among_layers():
    found = compare_layers(noise(8), mask(9, 4), **FEW)
    assert found.windows == 9
    assert found.p_windows == found.p_sets == found.rank / 9


@pytest.mark.parametrize("level", [0.0, 0.1, -1e9])
@pytest.mark.parametrize("permutations", [30, 1000])
def test_where_all_layers_are_alike_no_choice_is_special(level, permutations):
    """Means of different layers differ in their last digit according to the order of summation."""
    effects = np.repeat(level + abs(level) * noise(9)[:, :1], 9, axis=1)
    found = compare_layers(effects, mask(9, 2, 3, 4), permutations=permutations, resamples=20)
    assert found.exact == (permutations == 1000)
    assert (found.p_sets, found.p_windows, found.rank) == (1, 1, 1)
    assert found.excess.difference == pytest.approx(0, abs=1e-6)


def test_drawn_sets_come_near_the_exact_p():
    effects, chosen = noise(10, items=5, depth=18), mask(18, 2, 7, 9, 16)
    exact = compare_layers(effects, chosen, permutations=comb(18, 4), resamples=20)
    drawn = compare_layers(effects, chosen, permutations=comb(18, 4) - 1, resamples=20)
    assert (exact.exact, drawn.exact) == (True, False)
    assert 0.05 < exact.p_sets < 0.95
    beyond = round(drawn.p_sets * comb(18, 4)) - 1
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], comb(18, 4) - 1, exact.p_sets)
    assert low <= beyond <= high
    assert drawn.p_sets != exact.p_sets


def test_drawn_sets_never_give_a_p_of_zero():
    effects = noise(11, depth=40)
    effects[:, :6] += 100
    found = compare_layers(effects, mask(40, 1, 2, 3, 4, 5, 6), **FEW)
    assert not found.exact
    assert found.p_sets == 1 / 101


@pytest.mark.parametrize(("depth", "chosen"), [(7, (2, 3, 4)), (25, (1, 6, 11, 16, 21, 25))])
def test_p_is_uniform_where_layers_are_exchangeable(depth, chosen):
    """Enumerated (35 sets) and drawn (199 of 177,100): 300 studies each, in which no layer is like its neighbour."""
    rng = np.random.default_rng(12)
    p = np.array(
        [
            compare_layers(
                rng.normal(size=(3, depth)), mask(depth, *chosen), permutations=199, resamples=1, seed=study
            ).p_sets
            for study in range(300)
        ]
    )
    for alpha in (1 / 7, 0.2, 2 / 5, 3 / 5, 0.8):
        low, high = stats.binom.ppf([1e-4, 1 - 1e-4], 300, alpha)
        assert low <= (p <= alpha + 1e-9).sum() <= high, alpha


def test_the_same_seed_gives_the_same_answer_and_another_one_another():
    effects, chosen = noise(13, items=20, depth=30), mask(30, *range(3, 12))
    one, again, other = (compare_layers(effects, chosen, permutations=200, resamples=50, seed=s) for s in (1, 1, 2))
    assert one == again
    assert one.p_sets != other.p_sets
    assert one.inside.p != other.inside.p
    assert one.inside.difference == other.inside.difference
    assert one.p_windows == other.p_windows


@pytest.mark.parametrize("layers", [(), tuple(range(1, 10))])
def test_without_layers_on_both_sides_there_is_no_comparison(layers, refuses):
    chosen = np.zeros(9, dtype=bool)
    chosen[[layer - 1 for layer in layers]] = True
    with refuses(f"{len(layers)} of 9 layers"):
        compare_layers(noise(14), chosen)


def test_a_missing_effect_is_refused_rather_than_compared(refuses):
    effects = noise(15)
    effects[2, 5] = np.nan
    with refuses("layer 6", "missing"):
        compare_layers(effects, mask(9, 1, 2))
