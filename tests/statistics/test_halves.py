"""dz where other items chose the layers, against a loop over splits and planted effects."""

import numpy as np
import pytest

import depthscope as ds
from depthscope.statistics.clusters import find_clusters, strongest_runs
from depthscope.statistics.halves import split_half
from depthscope.statistics.meta import hedges
from depthscope.statistics.permutation import cluster_test
from tests.statistics.simulated import measure, smooth


def planted(seed, items=40, dz=0.4, layers=16):
    values = smooth(np.random.default_rng(seed), items, layers)
    values[:, 5:10] += dz
    return values


def chosen(values, tail):
    """Layers, peak and direction of the strongest cluster of some items; without one, of the largest t."""
    test = cluster_test(values, permutations=1, tail=tail)
    if test.clusters:
        best = max(test.clusters, key=lambda k: abs(k.mass))
        layers, sign = np.flatnonzero(best.where), np.sign(best.mass)
        return layers, layers[np.argmax(np.abs(test.t[layers]))], sign
    peak = int(np.argmax(np.abs(test.t) if tail == 0 else tail * test.t))
    return [peak], peak, np.sign(test.t[peak]) if tail == 0 else tail


@pytest.mark.parametrize("tail", [0, 1, -1])
@pytest.mark.parametrize("items", [24, 31])
def test_it_is_a_loop_over_splits(tail, items):
    values = planted(1, items)
    order = np.random.default_rng(5).random((20, items)).argsort(1)
    peaks, windows = [], []
    for row in order:
        first = row < items // 2
        for own, other in ((first, ~first), (~first, first)):
            layers, peak, sign = chosen(values[own], tail)
            rest = values[other]
            mean = rest[:, layers].mean(1)
            peaks.append(sign * rest[:, peak].mean() / rest[:, peak].std(ddof=1))
            windows.append(sign * mean.mean() / mean.std(ddof=1))
    found = split_half(values, tail=tail, splits=20, seed=5)
    expected = hedges(np.array([np.mean(peaks), np.mean(windows)]), items // 2)[0]
    assert (found.peak, found.window) == pytest.approx(expected)


@pytest.mark.parametrize("tail", [0, 1, -1])
def test_the_strongest_run_is_the_cluster_of_the_largest_mass(tail):
    maps = np.random.default_rng(0).normal(size=(200, 12)) * 1.5
    start, stop, peak, sign = strongest_runs(maps, 1.0, tail)
    for k, t in enumerate(maps):
        clusters = find_clusters(t, 1.0, tail)
        if not clusters:
            assert stop[k] == start[k] + 1 == peak[k] + 1
            assert t[peak[k]] == (np.max(tail * t) * tail if tail else t[np.argmax(np.abs(t))])
            continue
        best = max(clusters, key=lambda c: abs(c.mass))
        assert np.flatnonzero(best.where).tolist() == list(range(start[k], stop[k]))
        assert sign[k] == np.sign(best.mass)
        assert peak[k] == np.argmax(np.where(best.where, np.abs(t), 0))


def test_halves_are_nearer_to_the_truth_than_the_items_that_chose_the_layers():
    """Forty studies of 40 items: at the peak dz is .17 too large on average, and in other halves at most a little too small."""
    own, halves = [], []
    for seed in range(40):
        values = planted(seed)
        _, peak, sign = chosen(values, 0)
        truth = sign * (0.4 if 5 <= peak < 10 else 0.0)
        own.append(sign * values[:, peak].mean() / values[:, peak].std(ddof=1) - truth)
        halves.append(split_half(values, seed=seed).peak - truth)
    assert np.mean(own) > 0.12
    assert -0.12 < np.mean(halves) < 0.06


def test_a_large_effect_is_as_large_in_both_halves():
    values = planted(3, items=200, dz=2.0)
    mean = values[:, 5:10].mean(1)
    assert split_half(values).window == pytest.approx(mean.mean() / mean.std(ddof=1), rel=0.03)


def test_too_few_items_and_no_layer_have_none():
    assert np.isnan(split_half(planted(0, items=11)).window)
    assert np.isnan(split_half(np.full((20, 3), np.nan)).peak)


def test_the_unit_does_not_matter_and_missing_layers_take_no_part():
    values = planted(2)
    holes = np.insert(values, 16, np.nan, axis=1)
    assert split_half(1e-200 * values).window == pytest.approx(split_half(values).window)
    assert split_half(holes) == split_half(values)
    assert split_half(-values) == split_half(values)


def test_an_effect_without_a_spread_has_none():
    found = split_half(np.full((20, 5), 0.3))
    assert np.isnan([found.peak, found.window]).all()


def test_layers_in_other_units_are_averaged_all_the_same():
    """A layer that is a billion times another: over it alone dz is what it is."""
    values = np.column_stack(
        [1e9 * np.random.default_rng(3).normal(size=40), 1.0 + 0.1 * np.random.default_rng(4).normal(size=40)]
    )
    assert split_half(values).window == pytest.approx(split_half(values[:, 1:]).window)


def test_a_contrast_has_it_in_the_direction_of_its_strongest_cluster():
    def found(sign, **options):
        values = np.stack([sign * planted(4), np.zeros((40, 16))], axis=1)
        return ds.contrast(measure(values, x=np.arange(80.0).reshape(40, 2) ** 2), "a", "b", **options)

    up, down = found(1), found(-1)
    assert up.halves.window == pytest.approx(-down.halves.window)
    assert down.halves.peak < 0 < up.halves.peak < up.strongest().dz
    assert up.halves == split_half(planted(4))
    assert np.isnan(found(1, adjust=["x"]).halves.peak)
