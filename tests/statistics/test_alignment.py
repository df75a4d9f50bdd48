"""Curves of different depth on one grid: numpy's own interpolation, and nothing beyond what was measured."""

import numpy as np
import pytest

from depthscope.statistics.alignment import align, depth_grid, layers_between

NAN = float("nan")


@pytest.mark.parametrize("layers", [2, 6, 18, 30, 61])
@pytest.mark.parametrize("points", [2, 7, 20])
def test_it_is_numpys_interpolation_within_what_was_measured(layers, points):
    values = np.random.default_rng(layers).normal(size=(5, layers))
    depths, grid = np.arange(1, layers + 1) / layers, depth_grid(points)
    expected = np.stack([np.interp(grid, depths, row, left=NAN) for row in values])
    np.testing.assert_allclose(align(values, depths, grid), expected, atol=1e-12)


@pytest.mark.parametrize("layers", [3, 7, 30, 49])
def test_a_layer_keeps_its_value_to_the_last_bit_also_beside_a_gap(layers):
    values = np.random.default_rng(0).normal(size=(2, layers))
    values[:, 1] = NAN
    grid = np.linspace(1 / layers, 1, layers)  # not quite k / layers
    np.testing.assert_array_equal(align(values, np.arange(1, layers + 1) / layers, grid), values)


def test_gaps_and_ends_stay_empty():
    values = np.array([[NAN, 1.0, 2.0, NAN, 4.0, 5.0, NAN]])
    depths = np.arange(1, 8) / 7
    at = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0]) / 7
    expected = [NAN, NAN, NAN, 1, 1.5, 2, NAN, NAN, 4, 4.5, 5, NAN, NAN]
    np.testing.assert_allclose(align(values, depths, at)[0], expected)


def test_depths_have_to_increase_and_to_match(refuses):
    for depths in ([0.5, 0.4], [0.5, 0.5], [0.5]):
        with refuses("relative depth must increase"):
            align(np.zeros((3, 2)), np.array(depths), depth_grid())
    with refuses("points=1"):
        depth_grid(1)


def test_the_grid_is_that_of_a_network_with_as_many_layers():
    np.testing.assert_allclose(depth_grid(), np.linspace(0.05, 1, 20))


@pytest.mark.parametrize(
    ("depth", "low", "high", "window"), [(30, 0, 0.6, (1, 18)), (30, 0.1, 0.3, (3, 9)), (6, 0, 0.6, (1, 3))]
)
def test_ends_of_a_range_belong_to_it(depth, low, high, window):
    assert layers_between(depth, low, high) == window


def test_a_range_between_two_layers_is_empty():
    first, last = layers_between(4, 0.3, 0.4)
    assert last < first
