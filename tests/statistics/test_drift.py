"""What moved, by how much, and whether the effect survives: planted data with known answers."""

import numpy as np
import pytest
import xarray as xr

from depthscope.statistics.contrast import contrast
from depthscope.statistics.drift import drift_by_layer, measure_drift

ITEMS, LAYERS = 40, 12
OPTIONS = {"permutations": 500, "resamples": 100}


def planted(effect: float = 1.0, seed: int = 0) -> xr.DataArray:
    """CSE with a gap between two conditions at layers 4-7, in units of the noise."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(ITEMS, 2, LAYERS)) + rng.normal(size=(ITEMS, 1, LAYERS))
    values[:, 0, 3:7] += effect
    labels = {"item": [f"i{i}" for i in range(ITEMS)], "condition": ["a", "b"], "layer": np.arange(1, LAYERS + 1)}
    return xr.DataArray(values, labels, dims=("item", "condition", "layer"), name="cse")


@pytest.fixture(scope="module")
def reference() -> xr.DataArray:
    return planted()


def drift_of(h: xr.DataArray, reference: xr.DataArray):
    return measure_drift(h, reference, contrast(reference, "a", "b", **OPTIONS), OPTIONS)


def test_nothing_changed(reference: xr.DataArray) -> None:
    drift = drift_of(reference.copy(), reference)
    assert drift.share == 0
    assert (drift.by_layer["ratio"] == 0).all()
    assert drift.kept == contrast(reference, "a", "b", **OPTIONS).strongest(0.05)
    assert drift.change.clusters == ()


def test_a_shift_of_both_conditions_moves_cse_but_not_the_effect(reference: xr.DataArray) -> None:
    drift = drift_of(reference + 3, reference)
    np.testing.assert_allclose(drift.by_layer["drift"], 3)
    assert drift.share < 1e-12
    assert drift.kept is not None


def test_half_of_the_effect_is_a_share_of_a_half(reference: xr.DataArray) -> None:
    halved = reference.copy(deep=True)
    window = {"condition": "a", "layer": slice(4, 7)}
    halved.loc[window] -= 0.5
    drift = drift_of(halved, reference)
    assert drift.window is not None
    first, last = drift.window
    moved = -0.5 * len(set(range(4, 8)) & set(range(first, last + 1))) / (last - first + 1)
    assert drift.moved is not None
    np.testing.assert_allclose(drift.moved.difference, moved, atol=1e-12)
    np.testing.assert_allclose(drift.share, -moved / drift.before.difference, rtol=1e-6)


def test_an_effect_turned_round_is_not_kept(reference: xr.DataArray) -> None:
    turned = reference.isel(condition=[1, 0]).assign_coords(condition=["a", "b"])
    drift = drift_of(turned, reference)
    assert drift.kept is None
    assert drift.share > 1


def test_noise_widens_the_share_beyond_its_mean(reference: xr.DataArray) -> None:
    noise = np.random.default_rng(1).normal(size=reference.shape)
    drift = drift_of(reference + noise, reference)
    assert drift.moved is not None
    assert drift.before is not None
    assert drift.share > abs(drift.moved.difference / drift.before.difference)


def test_without_an_effect_there_is_no_share() -> None:
    reference = planted(0.0, seed=3)
    original = contrast(reference, "a", "b", **OPTIONS)
    assert original.strongest(0.05) is None
    drift = measure_drift(reference + 1, reference, original, OPTIONS)
    assert drift.window is None
    assert np.isnan(drift.share)
    assert drift.kept is None


def test_the_spread_is_that_between_items_within_conditions(reference: xr.DataArray) -> None:
    far = reference.copy(deep=True)
    far.loc[{"condition": "a"}] += 1000  # a gap between conditions is no spread between items
    values = far.values
    expected = np.sqrt([np.mean([values[:, c, k].var(ddof=1) for c in range(2)]) for k in range(LAYERS)])
    np.testing.assert_allclose(drift_by_layer(far + 0.1, far)["spread"], expected, rtol=1e-9)
    np.testing.assert_allclose(drift_by_layer(far + 0.1, far)["ratio"], 0.1 / expected, rtol=1e-6)
