import numpy as np
import pytest
import torch
import xarray as xr

import depthscope as ds
from tests.instrument import naive

WAVELETS = [
    ("morlet", 6.0),
    ("morlet", 5.0),
    ("paul", 4.0),
    ("paul", 2.0),
    ("dog", 1.0),
    ("dog", 2.0),
    ("dog", 6.0),
    ("haar", 0.0),
]
PADDINGS = ["zero", "reflect", "symmetric", "periodic", "renormalize"]


def spell(name, parameter):
    return name if name == "haar" else f"{name}({parameter:g})"


@pytest.mark.parametrize("depth", [12, 15])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("name", "parameter"), WAVELETS, ids=lambda x: str(x))
def test_equals_the_definition_written_as_loops(name, parameter, padding, depth):
    u = np.random.default_rng(depth).normal(size=(depth, 6))
    for norm in ("L2", "L1"):
        ours = ds.scalogram(u, wavelet=spell(name, parameter), padding=padding, energy_norm=norm)
        expected = naive.scalogram(u, name, parameter, ours["scale"].values, padding, norm)
        assert ours.values == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("wavelet", ["paul", "morlet", "dog", "haar"])
@pytest.mark.parametrize("constant", [0.0, 1000.0])
def test_the_gram_route_equals_the_direct_route_beside_massive_activations(wavelet, constant):
    """A component that is constant in depth and 1000 times the rest costs no digits: 1e-9 relative in every cell."""
    rng = np.random.default_rng(3)
    u = rng.normal(size=(32, 256)) + constant * rng.normal(size=256)
    bank = ds.filter_bank(32, wavelet)
    w = np.einsum("slk,kd->sld", bank.filters, u)
    direct = (np.abs(w) ** 2).sum(-1)
    ours = ds.scalogram(u, wavelet=wavelet).values
    assert np.max(np.abs(ours - direct) / direct) < 1e-9


def test_single_precision_input_is_computed_in_double():
    rng = np.random.default_rng(4)
    u = (rng.normal(size=(30, 64)) + 1000 * rng.normal(size=64)).astype(np.float32)
    assert ds.scalogram(u).values == pytest.approx(ds.scalogram(u.astype(np.float64)).values, rel=1e-12)


@pytest.mark.parametrize("constant", [0.0, 1000.0])
def test_single_precision_on_request_keeps_six_digits_beside_massive_activations(constant):
    rng = np.random.default_rng(4)
    u = (rng.normal(size=(3, 32, 512)) + constant * rng.normal(size=512)).astype(np.float32)
    exact = ds.scalogram(u).values
    single = ds.scalogram(u, precision="single").values
    assert single.dtype == np.float64
    assert 0 < np.max(np.abs(single - exact) / exact) < 2e-6


def test_numpy_torch_and_xarray_agree_and_keep_their_kind():
    u = np.random.default_rng(5).normal(size=(2, 3, 20, 8))
    plain = ds.scalogram(u)
    tensor = ds.scalogram(torch.from_numpy(u))
    labelled = ds.scalogram(xr.DataArray(u, dims=("text", "token", "layer", "feature"), coords={"text": ["a", "b"]}))
    assert plain.dims == ("dim_0", "dim_1", "scale", "layer")
    assert isinstance(tensor, torch.Tensor)
    assert labelled.dims == ("text", "token", "scale", "layer")
    assert labelled["text"].values.tolist() == ["a", "b"]
    assert tensor.numpy() == pytest.approx(plain.values, rel=1e-12)
    assert labelled.values == pytest.approx(plain.values, rel=1e-12)


def test_coordinates_say_scale_period_and_cone():
    energy = ds.scalogram(np.random.default_rng(6).normal(size=(30, 8)), wavelet="morlet")
    assert energy["period"].values == pytest.approx(energy["scale"].values * ds.Morlet(6).fourier_factor)
    assert energy["valid"].dims == ("scale", "layer")
    assert energy["coi"].values[0] == 0
    assert energy["relative_depth"].values[-1] == 1


def test_share_sums_to_one_over_scales():
    share = ds.scalogram(np.random.default_rng(7).normal(size=(4, 30, 8)), share=True)
    assert share.sum("scale").values == pytest.approx(1)


def test_an_oscillation_has_its_energy_at_its_period():
    layers = np.arange(48)
    for period in (3.0, 6.0, 10.0):
        a, b = np.random.default_rng(8).normal(size=(2, 32))
        u = np.outer(np.cos(2 * np.pi * layers / period), a) + np.outer(np.sin(2 * np.pi * layers / period), b)
        energy = ds.scalogram(u, wavelet="morlet", scales=64)
        middle = energy.isel(layer=24)
        assert float(middle["period"][int(np.argmax(middle.values))]) == pytest.approx(period, rel=0.06)


def test_an_impulse_gives_the_shape_of_the_wavelet():
    u = np.zeros((31, 4))
    u[15] = [1, 2, 3, 4]
    energy = ds.scalogram(u, wavelet="paul(4)")
    for i, scale in enumerate(energy["scale"].values):
        eta = (15 - np.arange(31)) / scale
        expected = 30 * np.abs(ds.Paul(4).psi(eta)) ** 2 / scale
        assert energy.values[i] == pytest.approx(expected, rel=1e-9)


def test_layers_restricts_the_transform_to_a_window():
    u = np.random.default_rng(9).normal(size=(30, 8))
    window = ds.scalogram(u, layers=(5, 24))
    assert window["layer"].values[[0, -1]].tolist() == [5, 24]
    assert window["relative_depth"].values[-1] == pytest.approx(24 / 30)
    assert window.values == pytest.approx(ds.scalogram(u[4:24]).values, rel=1e-9)
