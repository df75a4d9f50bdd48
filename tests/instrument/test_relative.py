"""Relative CSE, slopes and log-ratio maps: against draws, loops and fits, and what no choice of weights can turn."""

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import depthscope as ds
from depthscope.instrument.cse import entropy
from depthscope.instrument.measures import plan, together
from tests.instrument.test_attribution import noise, options, seeds, traced, without

DEPTH = 24
BANKS = [{"wavelet": w, "energy_norm": n} for w in ("paul(4)", "morlet(6)", "dog(2)", "haar") for n in ("L1", "L2")]
OPEN = {"mask_coi": False, "periods": (2, 8)}


def updates(seed=0, rows=3, depth=DEPTH, width=6):
    """Of unlike lengths along depth, and with some persistence."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(rows, depth, width))
    steps[:, 1:] += 0.5 * steps[:, :-1]
    return steps * rng.lognormal(sigma=0.7, size=(rows, depth, 1))


@pytest.mark.parametrize("choice", BANKS, ids=str)
def test_random_energy_is_the_mean_over_random_directions_with_the_same_norms(choice):
    u = updates(1, rows=1, depth=16, width=5)[0]
    bank = ds.filter_bank(16, periods=(2, 6), **choice)
    closed = bank.random_energy(u @ u.T)
    rng = np.random.default_rng(2)
    total = np.zeros_like(closed)
    squares = np.zeros_like(closed)
    draws, block = 20_000, 2_000
    for _ in range(draws // block):
        turned = rng.normal(size=(block, 16, 5))
        turned *= np.linalg.norm(u, axis=-1)[:, None] / np.linalg.norm(turned, axis=-1, keepdims=True)
        energy = (np.abs(np.einsum("slk,nkd->nsld", bank.filters, turned, optimize=True)) ** 2).sum(-1)
        total += energy.sum(0)
        squares += (energy**2).sum(0)
    mean = total / draws
    error = np.sqrt(np.maximum(squares / draws - mean**2, 0) / draws)
    assert (np.abs(mean - closed) < 5 * error + 1e-9 * closed).all()
    by_loops = sum(np.abs(bank.filters[:, :, k]) ** 2 * (u[k] ** 2).sum() for k in range(16))
    assert closed == pytest.approx(by_loops, rel=1e-12)


def test_what_is_constant_in_depth_and_large_costs_random_energy_no_digits():
    u = updates(3) + 1e6
    bank = ds.filter_bank(DEPTH)
    closed = bank.random_energy(u @ np.swapaxes(u, -1, -2))
    loops = np.einsum("slk,nk->nsl", np.abs(bank.filters) ** 2, (u**2).sum(-1))
    assert closed == pytest.approx(loops, rel=1e-12)


@pytest.mark.parametrize("choice", BANKS, ids=str)
def test_slopes_are_those_of_a_fit_at_every_layer_and_add_up(choice):
    u = updates(4)
    bank = ds.filter_bank(DEPTH, **choice)
    found = ds.slope(u, mask_coi=False, **choice)
    gram = u @ np.swapaxes(u, -1, -2)
    for name, energy in (("total", bank.energy(gram)), ("norms", bank.random_energy(gram))):
        for row, layer in ((0, 0), (1, 9), (2, DEPTH - 1)):
            fitted = np.polyfit(np.log(bank.period), np.log(energy[row, :, layer]), 1)[0]
            assert float(found[name][row, layer]) == pytest.approx(fitted, rel=1e-9, abs=1e-12)
    assert (found["total"] == found["norms"] + found["directions"]).all()


def test_only_valid_scales_count_and_layers_with_few_are_missing():
    u = updates(5)
    bank = ds.filter_bank(DEPTH)
    found = ds.slope(u, min_scales=11)
    count = bank.valid.sum(0)
    assert ((count > 0) & (count < 11)).any(), "no such layer: the test shows nothing"
    for name in found:
        assert (np.isfinite(found[name]).values == (count >= 11)).all()
    layer = int(np.argmax((count >= 11) & (count < 16)))
    here = bank.valid[:, layer]
    energy = bank.energy(u @ np.swapaxes(u, -1, -2))[0, here, layer]
    assert float(found["total"][0, layer]) == pytest.approx(np.polyfit(np.log(bank.period[here]), np.log(energy), 1)[0])
    assert ds.energy_map(u, min_scales=11).notnull().any("scale").values.tolist() == [(count >= 11).tolist()] * 3


@given(seeds, st.sampled_from(["paul(4)", "dog(2)", "haar", "morlet(6)"]), st.sampled_from(["zero", "reflect"]))
@settings(max_examples=20, deadline=None)
def test_no_weight_on_scales_changes_what_is_relative(seed, wavelet, padding):
    u = updates(seed)
    both = [{"wavelet": wavelet, "padding": padding, "energy_norm": norm, **OPEN} for norm in ("L1", "L2")]
    some, others = (ds.cse(u, relative=True, **choice) for choice in both)
    assert some == pytest.approx(others, rel=0, abs=1e-12, nan_ok=True)
    one, other = (ds.slope(u, **choice) for choice in both)
    assert one["directions"].values == pytest.approx(other["directions"].values, rel=0, abs=1e-11, nan_ok=True)
    # Haar filters that a mirror folds onto themselves see nothing at the first and last layer
    moved = one["total"] - other["total"]
    assert moved.values == pytest.approx(np.broadcast_to(moved.values[0], moved.shape), rel=0, abs=1e-11, nan_ok=True)
    first, second = (ds.energy_map(u, **choice) for choice in both)
    assert (first - first[0]).values == pytest.approx((second - second[0]).values, rel=0, abs=1e-11, nan_ok=True)


def test_any_weight_at_all_cancels_in_differences_of_the_map_and_not_in_those_of_shares():
    u = updates(6)
    bank = ds.filter_bank(DEPTH, periods=(2, 8))
    energy = bank.energy(u @ np.swapaxes(u, -1, -2))
    weight = np.random.default_rng(7).lognormal(sigma=2, size=energy.shape[1:])
    weighted = np.log(energy * weight)
    weighted -= weighted.mean(1, keepdims=True)
    ours = ds.energy_map(u, **OPEN).values
    assert ours - ours[:1] == pytest.approx(weighted - weighted[:1], rel=0, abs=1e-10)
    used = np.ones_like(bank.valid)
    plain, other = (entropy(one, used, True, 4) for one in (energy, energy * weight))
    assert np.abs((plain - plain[0]) - (other - other[0])).max() > 0.01


@given(seeds, st.floats(1e-3, 1e3))
@settings(max_examples=15, deadline=None)
def test_neither_size_nor_rotation_matters(seed, factor):
    u = updates(seed)
    rotation, _ = np.linalg.qr(np.random.default_rng(seed + 1).normal(size=(6, 6)))
    for other in (factor * u, u @ rotation):
        assert ds.cse(other, relative=True, **OPEN) == pytest.approx(ds.cse(u, relative=True, **OPEN), rel=0, abs=1e-9)
        for name, values in ds.slope(u, **OPEN).items():
            assert ds.slope(other, **OPEN)[name].values == pytest.approx(values.values, rel=0, abs=1e-9)


def test_norms_alone_leave_relative_entropy_at_its_most_and_no_slope_of_directions():
    rng = np.random.default_rng(8)
    turned = rng.normal(size=(DEPTH, 20_000))
    u = turned / np.linalg.norm(turned, axis=1, keepdims=True) * np.linspace(1, 9, DEPTH)[:, None]
    assert np.abs(ds.slope(u, **OPEN)["directions"]).max() < 0.05
    assert ds.cse(u, relative=True, **OPEN).min() > 0.9995
    assert np.abs(ds.slope(u, **OPEN)["norms"]).max() > 0.1


def test_a_planted_persistence_is_a_slope_of_directions_and_its_reversal_one_below_0():
    rng = np.random.default_rng(9)
    steps = rng.normal(size=(DEPTH, 4096))
    kept, undone = steps.copy(), steps.copy()
    for layer in range(1, DEPTH):
        kept[layer] += 0.7 * kept[layer - 1]
        undone[layer] -= 0.7 * undone[layer - 1]
    middle = slice(4, -4)
    assert (ds.slope(kept, **OPEN)["directions"][middle] > 0.3).all()
    assert (ds.slope(undone, **OPEN)["directions"][middle] < -0.3).all()


def test_a_trajectory_of_one_text_a_tensor_and_a_table_give_the_same():
    attention, mlp = noise(10)
    u = attention + mlp
    table = traced(attention, mlp, parts=False)
    found = ds.slope(table)
    assert found["total"].dims == ("item", "condition", "layer")
    assert found["total"].attrs["long_name"]
    plain, tensor = ds.slope(u), ds.slope(torch.from_numpy(u))
    for name in ("total", "norms", "directions"):
        expected = found[name].values.reshape(4, -1)
        assert plain[name].values == pytest.approx(expected, rel=0, abs=1e-9, nan_ok=True)
        assert tensor[name].numpy() == pytest.approx(expected, rel=0, abs=1e-9, nan_ok=True)
        assert ds.slope(u[2])[name].values == pytest.approx(expected[2], rel=0, abs=1e-9, nan_ok=True)
    for choice in ({}, {"relative": True}):
        expected = ds.energy_map(table, **choice).values.reshape(4, 16, -1)
        assert ds.energy_map(torch.from_numpy(u), **choice).numpy() == pytest.approx(expected, abs=1e-9, nan_ok=True)
        assert ds.energy_map(u, **choice).values == pytest.approx(expected, abs=1e-9, nan_ok=True)


@given(seeds, options)
@settings(max_examples=15, deadline=None)
def test_the_map_sums_to_0_over_the_used_scales_and_is_the_logarithm_of_the_shares(seed, choice):
    traj = traced(*noise(seed), parts=False)
    found = ds.energy_map(traj, **without(choice, "normalize"))
    share = ds.shares(traj, **choice)
    there = np.isfinite(found.values)
    assert (there == np.isfinite(share.values)).all()
    assert found.sum("scale").values == pytest.approx(0, abs=1e-10)
    logs = np.log(share)
    assert (logs - logs.mean("scale")).values == pytest.approx(found.values, rel=0, abs=1e-10, nan_ok=True)


def test_a_scan_measures_the_same():
    u = updates(11)
    measure = plan("cse", DEPTH, {"relative": True})
    assert "relative to norms" in measure.about
    found = together([measure])([torch.from_numpy(u.copy())])
    assert found.numpy() == pytest.approx(ds.cse(u, relative=True), rel=0, abs=1e-9, nan_ok=True)


def test_a_cell_without_energy_is_missing_from_logarithms_and_no_warning():
    u = np.zeros((DEPTH, 3))
    u[3] = 1.0
    with np.errstate(all="raise"):
        found = ds.slope(u, wavelet="haar", **OPEN)
        shown = ds.energy_map(u, wavelet="haar", **OPEN)
        h = ds.cse(u, wavelet="haar", relative=True, **OPEN)
    assert np.isnan(found["directions"].values[-1])
    assert np.isnan(shown.values[:, -1]).all()
    assert np.isnan(h[-1])


def test_states_in_place_of_a_relative_energy_are_refused(refuses):
    traj = traced(*noise(12))
    with refuses("relative=True: energies are not relative"):
        ds.energy_by_part(traj, relative=True)
    with refuses("min_scales=1: a slope needs at least 2"):
        ds.slope(traj, min_scales=1)
    with refuses("relative='yes'"):
        ds.cse(traj, relative="yes")
    assert isinstance(ds.cse(traj, relative=True), xr.DataArray)
    assert ds.cse(traj, relative=True).attrs["relative"] == 1


def test_energies_that_are_equal_but_for_rounding_have_a_slope_of_0():
    # averaged over cells, Haar at periods of 2 to 3.3 layers with mirrored ends is one filter at every scale
    haar = {"wavelet": "haar", "periods": (2, 10 / 3), "padding": "symmetric", "mask_coi": False}
    found = ds.slope(updates(2, rows=20, depth=10, width=64), **haar)["directions"]
    inside = found.isel(layer=slice(2, 8))
    assert (inside == 0).all()
    assert float(ds.slope(updates(2, depth=10))["directions"].std()) > 0.1
