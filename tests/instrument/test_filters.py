import numpy as np
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from depthscope import filter_bank
from depthscope.arrays import depth_gram, split_at_mean
from depthscope.instrument.filters import FilterBank

PADDINGS = ["zero", "reflect", "symmetric", "periodic", "renormalize"]


def test_the_default_scales_are_geometric_in_period_from_two_layers_to_half_the_depth():
    bank = filter_bank(30)
    assert bank.filters.shape == (16, 30, 30)
    assert bank.period[[0, -1]] == pytest.approx([2, 15])
    assert np.diff(np.log(bank.period)) == pytest.approx(np.log(7.5) / 15)
    assert bank.period == pytest.approx(filter_bank(30, "morlet").period), "wavelets are compared at the same periods"


def test_the_same_settings_give_the_same_object():
    assert filter_bank(24, "paul") is filter_bank(24, "paul(4)")
    assert filter_bank(24, "paul") is not filter_bank(24, "paul(2)")


def test_the_cone_of_influence_is_the_distance_to_the_edge_over_the_e_folding_scale():
    bank = filter_bank(30, "paul(4)")
    for i, scale in enumerate(bank.scale):
        for layer in range(1, 31):
            edge = min(layer - 1, 30 - layer)
            assert bank.valid[i, layer - 1] == (edge >= scale / np.sqrt(2))
    assert (bank.period[:, None] <= bank.coi[None, :] * (1 + 1e-12)).tolist() == bank.valid.tolist()


@pytest.mark.parametrize("zero_mean", ["filter", "signal"])
@pytest.mark.parametrize("wavelet", ["paul", "morlet", "dog", "haar"])
def test_mean_removal_leaves_no_response_to_a_constant(wavelet, zero_mean):
    constant = np.ones((24, 3))
    bank = filter_bank(24, wavelet, padding="periodic", zero_mean=zero_mean, periods=(2, 4))
    energy = bank.energy(depth_gram(constant))
    plain = filter_bank(24, wavelet, padding="zero", zero_mean="none", periods=(2, 4)).energy(depth_gram(constant))
    assert energy.max() < 1e-6 * plain.max()


@pytest.mark.parametrize("depth", [29, 30])
@pytest.mark.parametrize("padding", PADDINGS)
def test_folding_equals_padding_the_signal(padding, depth):
    """Filters folded onto the signal act as plain ones on the signal that NumPy padded."""
    u = np.random.default_rng(0).normal(size=(depth, 5))
    bank = filter_bank(depth, "paul", padding=padding)
    mode = {"reflect": "reflect", "symmetric": "symmetric", "periodic": "wrap"}.get(padding)
    extended = np.pad(u, ((depth, depth), (0, 0))) if mode is None else np.pad(u, ((depth, depth), (0, 0)), mode=mode)
    plain = filter_bank(3 * depth, "paul", scales=bank.scale)
    expected = plain.energy(depth_gram(extended))[:, depth : 2 * depth]
    if padding == "renormalize":
        kept = (np.abs(filter_bank(depth, "paul").filters) ** 2).sum(-1)
        expected = expected * (np.abs(bank.filters) ** 2).sum(-1) / kept
    assert bank.energy(depth_gram(u)) == pytest.approx(expected, rel=1e-10)


def test_renormalised_filters_have_the_energy_of_whole_ones():
    bank = filter_bank(40, "paul", padding="renormalize", periods=(3, 8))
    energy = (np.abs(bank.filters) ** 2).sum(-1)
    assert energy == pytest.approx(np.broadcast_to(energy[:, 20:21], energy.shape), rel=1e-3)


# PyWavelets centres its wavelet between two layers, half a layer off, unless 16 x scale is odd
CENTRED = np.array([23, 31, 45, 63, 89, 119]) / 16


@pytest.mark.parametrize("depth", [31, 32])
@pytest.mark.parametrize(("name", "theirs"), [("morlet(6)", f"cmor2-{6 / (2 * np.pi)!r}"), ("dog(2)", "mexh")])
def test_scalogram_equals_pywavelets(name, theirs, depth):
    """PyWavelets averages the wavelet over each cell, by a table of 2^18 points."""
    u = np.random.default_rng(1).normal(size=(depth, 7))
    scales = CENTRED[:4] if name == "dog(2)" else CENTRED
    coefficients, _ = pywt.cwt(u, scales, theirs, axis=0, precision=18)
    values, x = pywt.ContinuousWavelet(theirs).wavefun(16)
    # their Morlet is normalised in another way: bring both to unit energy
    expected = (np.abs(coefficients) ** 2).sum(-1) / np.trapezoid(np.abs(values) ** 2, x)
    ours = filter_bank(depth, name, scales=scales, sampling="cell").energy(depth_gram(u))
    assert ours == pytest.approx(expected, rel=1e-3)


def test_the_gram_route_reproduces_pywavelets_exactly_with_its_own_taps():
    """Whatever filters, the route through the Gram matrix is exact: here with PyWavelets' own."""
    depth = 32
    scales = np.geomspace(2, 15, 16)
    taps = pywt.cwt(np.eye(depth), scales, "morl", axis=0)[0]
    bank = FilterBank(taps.astype(complex), scales, scales, np.zeros(depth), np.ones((16, depth), bool))
    u = np.random.default_rng(2).normal(size=(depth, 50))
    expected = (pywt.cwt(u, scales, "morl", axis=0)[0] ** 2).sum(-1)
    assert bank.energy(depth_gram(u)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "choice",
    [
        {"depth": 3},
        {"scales": 1},
        {"scales": 2.5},
        {"scales": [0.0, 1.0]},
        {"scales": [2.0]},
        {"periods": (2, 100)},
        {"periods": (5, 2)},
        {"periods": (-1, 4)},
        {"periods": (0.2, 0.9)},
        {"periods": (3, 3)},
        {"scales": [2.0, 2.0, 3.0]},
        {"depth": 4},
        {"scales": [1.0, 2.0], "periods": (2, 4)},
        {"padding": "mirror"},
        {"energy_norm": "L3"},
        {"zero_mean": "both"},
        {"sampling": "line"},
        {"wavelet": "sym4"},
    ],
    ids=str,
)
def test_choices_that_do_not_fit_are_refused(choice, refuses):
    with refuses():
        filter_bank(**{"depth": 30, **choice})


def test_a_period_beyond_the_depth_names_the_depth(refuses):
    with refuses("40", "30", "period"):
        filter_bank(30, periods=(2, 40))


def symmetric(rng, *shape):
    x = rng.normal(size=(*shape, shape[-1]))
    return x + np.swapaxes(x, -1, -2)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("wavelet", ["paul", "morlet", "dog", "haar"])
def test_the_form_of_a_gram_matrix_is_its_energy(wavelet, padding):
    u = np.random.default_rng(3).normal(size=(2, 24, 30))
    bank = filter_bank(24, wavelet, padding=padding)
    assert np.array_equal(bank.form(depth_gram(u)), bank.energy(depth_gram(u)))
    gram = u @ np.swapaxes(u, -1, -2)
    assert bank.form(gram) == pytest.approx(bank.energy(gram), rel=1e-12)


@pytest.mark.parametrize("wavelet", ["paul", "haar"])
def test_the_form_of_any_symmetric_matrix_is_that_of_the_filters(wavelet):
    """``f' A f*``, of either sign, which an energy is not."""
    bank = filter_bank(20, wavelet, periods=(2, 8))
    matrix = symmetric(np.random.default_rng(4), 20)
    expected = np.einsum("slj,jk,slk->sl", bank.filters, matrix, bank.filters.conj()).real
    form = bank.form(matrix)
    assert form == pytest.approx(expected, rel=1e-10, abs=1e-10)
    assert form.min() < -0.1
    assert bank.energy(matrix) == pytest.approx(np.maximum(expected, 0), rel=1e-10, abs=1e-10)


@given(st.integers(0, 10**6), st.floats(-10, 10), st.sampled_from(["paul", "dog", "haar"]))
@settings(max_examples=30, deadline=None)
def test_the_form_is_linear_in_the_matrix(seed, factor, wavelet):
    bank = filter_bank(16, wavelet)
    one, two = symmetric(np.random.default_rng(seed), 2, 16)
    combined = bank.form(one + factor * two)
    assert combined == pytest.approx(bank.form(one) + factor * bank.form(two), rel=1e-10, abs=1e-10)


def test_the_form_takes_split_matrices_batches_and_tensors():
    bank = filter_bank(16)
    matrices = symmetric(np.random.default_rng(5), 3, 2, 16)
    form = bank.form(matrices)
    assert form.shape == (3, 2, 16, 16)
    assert form[1, 0] == pytest.approx(bank.form(matrices[1, 0]), rel=1e-12, abs=1e-12)
    assert bank.form(split_at_mean(matrices)) == pytest.approx(form, rel=1e-12, abs=1e-12)
    tensor = bank.form(torch.from_numpy(matrices))
    assert isinstance(tensor, torch.Tensor)
    assert tensor.numpy() == pytest.approx(form, rel=1e-12, abs=1e-12)


def test_the_form_of_a_matrix_over_other_layers_is_refused(refuses):
    with refuses("15 layers", "16"):
        filter_bank(16).form(np.eye(15))


def test_white_noise_is_flat_under_l2_for_paul_and_morlet_and_bent_for_dog_and_haar():
    """What docs/definition.md and docs/relative.md say, of the cells outside the cone."""

    def profile(wavelet):
        bank = filter_bank(30, wavelet)
        flat = np.where(bank.valid, (np.abs(bank.filters) ** 2).sum(-1), np.nan)
        return np.nanmean(flat[bank.valid.any(1)], axis=1)

    assert profile("paul(4)") == pytest.approx(1, abs=0.05)
    assert profile("morlet(6)") == pytest.approx(1, abs=0.05)
    assert profile("dog(2)")[[0, -1]] == pytest.approx([2.0, 1.0], abs=0.03)
    assert profile("haar")[[0, -1]] == pytest.approx([0.17, 0.91], abs=0.01)
