import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import depthscope as ds
from depthscope.instrument.cse import entropy
from tests.instrument import naive

depths = st.integers(12, 40)
seeds = st.integers(0, 10**6)
wavelets = st.sampled_from(["paul(4)", "paul(2)", "morlet(6)", "dog(2)", "haar"])
# short periods keep valid scales at every depth that is drawn
SHORT = {"periods": (2, 4), "mask_coi": False}


def noise(depth, seed, width=7):
    return np.random.default_rng(seed).normal(size=(depth, width))


def close(a, b, tolerance=1e-9):
    return np.allclose(a, b, rtol=0, atol=tolerance, equal_nan=True)


@given(depths, seeds, wavelets, st.floats(-1e6, 1e6).filter(lambda c: abs(c) > 1e-6))
def test_exact_1_the_magnitude_of_the_updates_does_not_matter(depth, seed, wavelet, factor):
    u = noise(depth, seed)
    assert close(ds.cse(factor * u, wavelet=wavelet, **SHORT), ds.cse(u, wavelet=wavelet, **SHORT))


@given(depths, seeds)
def test_exact_2_scaling_the_energies_of_a_layer_does_not_matter(depth, seed):
    rng = np.random.default_rng(seed)
    energy = rng.exponential(size=(8, depth))
    used = np.ones((8, depth), dtype=bool)
    assert close(entropy(energy * rng.exponential(size=depth), used, True, 4), entropy(energy, used, True, 4))


@given(depths, seeds, wavelets)
def test_exact_3_rotations_do_not_matter(depth, seed, wavelet):
    u = noise(depth, seed)
    rotation, _ = np.linalg.qr(np.random.default_rng(seed + 1).normal(size=(7, 7)))
    assert close(ds.cse(u @ rotation, wavelet=wavelet, **SHORT), ds.cse(u, wavelet=wavelet, **SHORT))


@given(depths, seeds, wavelets, st.booleans())
def test_exact_4_values_lie_between_zero_and_the_log_of_the_number_of_scales(depth, seed, wavelet, normalize):
    h = ds.cse(noise(depth, seed, 1), wavelet=wavelet, normalize=normalize, **SHORT)
    assert np.nanmin(h) >= 0
    assert np.nanmax(h) <= (1 if normalize else np.log(16)) + 1e-12


@given(depths, seeds)
def test_features_can_be_permuted(depth, seed):
    u = noise(depth, seed)
    order = np.random.default_rng(seed).permutation(7)
    assert close(ds.cse(u[:, order], **SHORT), ds.cse(u, **SHORT), 1e-12)


@given(seeds)
@settings(max_examples=20)
def test_a_batch_gives_the_numbers_of_its_members(seed):
    u = np.random.default_rng(seed).normal(size=(3, 2, 20, 5))
    batch = ds.cse(u)
    for i in range(3):
        for j in range(2):
            assert close(batch[i, j], ds.cse(u[i, j]), 1e-12)


def test_it_is_not_invariant_to_scaling_single_updates_unless_they_are_directions():
    u = noise(30, 0)
    scaled = u * np.linspace(1, 20, 30)[:, None]
    assert not close(ds.cse(scaled), ds.cse(u), 1e-3)
    assert close(ds.cse(scaled, signal="direction"), ds.cse(u, signal="direction"))


@pytest.mark.parametrize("depth", [18, 25, 30])
@pytest.mark.parametrize(("name", "parameter"), [("paul", 4.0), ("dog", 2.0), ("haar", 0.0)])
def test_equals_the_definition_written_as_loops(name, parameter, depth):
    u = noise(depth, 3)
    spelled = name if name == "haar" else f"{name}({parameter:g})"
    bank = ds.filter_bank(depth, spelled)
    expected = naive.cse(naive.scalogram(u, name, parameter, bank.scale), bank.valid)
    assert ds.cse(u, wavelet=spelled) == pytest.approx(expected, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("wavelet", ["paul", "morlet", "dog", "haar"])
def test_white_noise_has_its_analytic_expectation(wavelet):
    """For white noise E(s,l) tends to d |f(s,l)|^2: the entropy is that of the filters' own energies."""
    bank = ds.filter_bank(30, wavelet)
    energy = (np.abs(bank.filters) ** 2).sum(-1)
    expected = naive.cse(energy, np.ones_like(bank.valid))
    h = ds.cse(np.random.default_rng(1).normal(size=(30, 20000)), wavelet=wavelet, mask_coi=False)
    assert h == pytest.approx(expected, abs=2e-3)
    assert np.all(h[10:20] > 0.9)


def test_an_oscillation_is_narrow_where_noise_is_broad():
    layers = np.arange(40)
    a, b = np.random.default_rng(2).normal(size=(2, 64))
    wave = np.outer(np.cos(2 * np.pi * layers / 5), a) + np.outer(np.sin(2 * np.pi * layers / 5), b)
    for wavelet in ("morlet", "paul(12)"):
        narrow = ds.cse(wave, wavelet=wavelet, mask_coi=False)[15:25]
        broad = ds.cse(noise(40, 2, 64), wavelet=wavelet, mask_coi=False)[15:25]
        assert narrow.max() < 0.75 * broad.min()


def test_one_occupied_scale_is_zero_and_all_equal_is_one():
    energy = np.zeros((8, 2))
    energy[3, 0] = 5.0
    energy[:, 1] = 2.0
    assert entropy(energy, np.ones((8, 2), bool), True, 4).tolist() == pytest.approx([0, 1])


def test_layers_with_too_few_valid_scales_are_missing_not_zero():
    h = ds.cse(noise(30, 4))
    valid = ds.filter_bank(30).valid.sum(0)
    assert np.isnan(h).tolist() == (valid < 4).tolist()
    assert not np.isnan(ds.cse(noise(30, 4), min_scales=1))[valid >= 1].any()


def test_the_mask_divides_by_the_scales_that_are_left():
    energy, used = np.ones((6, 1)), np.array([[True]] * 4 + [[False]] * 2)
    assert float(entropy(energy, used, True, 4)[0]) == pytest.approx(1)
    assert float(entropy(energy, used, False, 4)[0]) == pytest.approx(np.log(4))


def test_every_kind_of_array_comes_back_as_its_kind():
    u = noise(20, 5)
    assert isinstance(ds.cse(u), np.ndarray)
    tensor = ds.cse(torch.from_numpy(u).float().requires_grad_())
    assert isinstance(tensor, torch.Tensor)
    assert tensor.dtype == torch.float64
    labelled = ds.cse(xr.DataArray(u[None], dims=("token", "layer", "feature")))
    assert labelled.dims == ("token", "layer")
    assert ds.cse(u.tolist()).tolist() == pytest.approx(ds.cse(u).tolist(), nan_ok=True)


def test_gradients_pass_through_torch():
    u = torch.randn(20, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    # summed over the layers that are not missing: those that are must not spoil the gradient of the others
    total = ds.cse(u)[4:16].sum()
    total.backward()
    assert bool(u.grad.isfinite().all())
    step = 1e-6 * torch.randn(20, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ahead, behind = (ds.cse((u + sign * step).detach())[4:16].sum() for sign in (1, -1))
    assert float((u.grad * step).sum()) == pytest.approx(float(ahead - behind) / 2, rel=1e-5)


def test_reading_updates_that_cannot_be_measured_is_refused(refuses):
    u = noise(20, 6)[None].repeat(3, 0)
    u[1, 7, 2] = np.nan
    with refuses("row 1", "layer 8", "NaN or infinity"):
        ds.cse(u)
    u[1] = 0
    with refuses("row 1", "constant"):
        ds.cse(u)
    with refuses("layer, feature"):
        ds.cse(np.ones(20))
    with refuses("complex"):
        ds.cse(u + 1j)
    with refuses("layers 0-5", "20"):
        ds.cse(noise(20, 6), layers=(0, 5))
    with refuses("cone of influence", "mask_coi=False"):
        ds.cse(noise(8, 0), wavelet="morlet")
    with refuses("layer and feature"):
        ds.cse(xr.DataArray(noise(5, 0), dims=("a", "b")))
    with refuses("gram", "trace"):
        ds.cse(xr.Dataset())
