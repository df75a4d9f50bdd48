"""Mean cosines of updates: against loops over vectors, and of paths whose persistence is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import depthscope as ds
from depthscope.instrument.measures import plan, together
from tests.instrument.test_attribution import noise, seeds, traced
from tests.instrument.test_relative import updates


def by_loops(u, first, last):
    """Over vectors, one pair after the other."""
    depth = len(u)
    found = np.full(depth, np.nan)
    for layer in range(depth):
        lags = []
        for lag in range(first, last + 1):
            sides = [
                u[layer] @ u[other] / (np.linalg.norm(u[layer]) * np.linalg.norm(u[other]))
                for other in (layer - lag, layer + lag)
                if 0 <= other < depth and u[layer].any() and u[other].any()
            ]
            lags += [np.mean(sides)] if sides else []
        if lags:
            found[layer] = np.mean(lags)
    return found


@given(seeds, st.integers(4, 13), st.data())
@settings(max_examples=25, deadline=None)
def test_it_is_the_mean_over_lags_and_both_sides_of_cosines_of_vectors(seed, depth, data):
    u = updates(seed, rows=2, depth=depth)
    last = data.draw(st.integers(1, depth // 2))
    first = data.draw(st.integers(1, last))
    zero = data.draw(st.lists(st.integers(0, depth - 1), max_size=3))
    u[0, zero] = 0.0
    u[0, (min(zero, default=0) + 1) % depth] = 1.0  # not all of them
    found = ds.direction_autocorrelation(u, lags=(first, last))
    expected = [by_loops(row, first, last) for row in u]
    assert found == pytest.approx(np.array(expected), rel=0, abs=1e-12, nan_ok=True)
    assert np.isnan(found[0]).all() or np.nanmax(np.abs(found)) <= 1


def test_by_default_lags_go_to_half_of_the_depth_and_one_number_counts_from_1():
    u = updates(1, depth=11)
    assert (ds.direction_autocorrelation(u) == ds.direction_autocorrelation(u, lags=(1, 5))).all()
    assert (ds.direction_autocorrelation(u, lags=3) == ds.direction_autocorrelation(u, lags=(1, 3))).all()
    assert np.isfinite(ds.direction_autocorrelation(u)).all()


@given(seeds)
@settings(max_examples=10, deadline=None)
def test_neither_lengths_nor_rotation_matter(seed):
    u = updates(seed)
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    plain = ds.direction_autocorrelation(u)
    assert ds.direction_autocorrelation(u @ rotation * rng.lognormal(size=(3, 24, 1))) == pytest.approx(plain, abs=1e-9)
    assert ds.direction_autocorrelation(u, signal="direction") == pytest.approx(plain, abs=1e-9)


def test_a_straight_path_has_1_a_path_to_and_fro_less_than_0_and_random_directions_0():
    straight = np.ones((12, 3))
    assert ds.direction_autocorrelation(straight) == pytest.approx(np.ones(12))
    to_and_fro = straight * (-1.0) ** np.arange(12)[:, None]
    assert ds.direction_autocorrelation(to_and_fro, lags=1) == pytest.approx(-np.ones(12))
    noise_ = np.random.default_rng(2).normal(size=(24, 20_000))
    assert np.abs(ds.direction_autocorrelation(noise_)).max() < 0.03


def test_planted_persistence_is_seen_where_it_is_and_by_the_slope_of_directions_too():
    rng = np.random.default_rng(3)
    steps = rng.normal(size=(24, 4096))
    for layer in range(8, 17):
        steps[layer] += 0.9 * steps[layer - 1]
    found = ds.direction_autocorrelation(steps, lags=3)
    assert found[9:15].min() > 0.3
    assert np.abs(found[:4]).max() < 0.05
    assert ds.slope(steps, periods=(2, 8), mask_coi=False)["directions"][9:15].min() > 0.1


def test_a_table_a_tensor_one_text_and_a_scan_give_the_same():
    u = sum(noise(4))
    table = ds.direction_autocorrelation(traced(*noise(4), parts=False))
    assert table.dims == ("item", "condition", "layer")
    assert (table.name, table.attrs["units"]) == ("direction_autocorrelation", "1")
    assert table.attrs["lags"] == f"1 to {u.shape[1] // 2} layers"
    plain = ds.direction_autocorrelation(u)
    assert table.values.reshape(plain.shape) == pytest.approx(plain, rel=0, abs=1e-12)
    assert ds.direction_autocorrelation(torch.from_numpy(u)).numpy() == pytest.approx(plain, rel=0, abs=1e-12)
    for row, expected in zip(u, plain, strict=True):
        assert ds.direction_autocorrelation(row) == pytest.approx(expected, rel=0, abs=1e-12)
    scanned = together([plan("cse", u.shape[1]), plan("autocorrelation", u.shape[1])])([torch.from_numpy(u.copy())])
    assert scanned[:, u.shape[1] :].numpy() == pytest.approx(plain, rel=0, abs=1e-12)


def test_a_window_of_layers_has_lags_of_its_own():
    u = updates(5)
    table = traced(0 * u[:2], u[:2], ["i", "i"], ["a", "b"], parts=False)
    inside = ds.direction_autocorrelation(table, layers=(7, 16))
    assert inside["layer"].values.tolist() == list(range(7, 17))
    assert inside.values[0] == pytest.approx(ds.direction_autocorrelation(u[:2, 6:16]), rel=0, abs=1e-12)


@pytest.mark.parametrize("lags", [0, 13, (3, 2), (1, 2, 3), 1.5, True, (0, 4)])
def test_lags_that_do_not_fit_are_refused(lags, refuses):
    with refuses("in whole layers from 1 to 12, half of the 24 layers measured"):
        ds.direction_autocorrelation(updates(), lags=lags)


def test_logarithms_of_norms_have_no_directions(refuses):
    with refuses("signal='norm': logarithms of norms have no directions"):
        ds.direction_autocorrelation(updates(), signal="norm")
