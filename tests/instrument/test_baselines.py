"""Simpler measures against loops over explicit vectors; what does not change when it must not."""

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import depthscope as ds
from depthscope.instrument.baselines import MEASURES, baselines, from_gram


def naive(u):
    """Norm, cosine and curvature, one layer after the other, from the vectors themselves."""
    norm, cosine, curvature = [], [math.nan], [math.nan]
    for layer, now in enumerate(u):
        norm.append(math.log(math.sqrt(sum(x * x for x in now))))
        if layer == 0:
            continue
        before = u[layer - 1]
        lengths = [math.sqrt(sum(x * x for x in v)) for v in (before, now)]
        cosine.append(sum(x * y for x, y in zip(before, now, strict=True)) / (lengths[0] * lengths[1]))
        curvature.append(math.log(math.acos(cosine[-1]) / (0.5 * sum(lengths))))
    return {"update_norm": norm, "cosine": cosine, "curvature": curvature}


def traced(u, **variables):
    """What ``trace`` gives for updates (stimulus, layer, feature): two conditions in turn."""
    n, depth, width = u.shape
    gram = u @ np.swapaxes(u, 1, 2)
    layers = np.arange(1, depth + 1)
    data = {
        "gram": (("stimulus", "layer", "other_layer"), gram),
        "initial_dot": (("stimulus", "layer"), np.zeros((n, depth))),
        "state_norm": (("stimulus", "state"), np.ones((n, depth + 1))),
        **{name: (("stimulus", "layer"), values) for name, values in variables.items()},
    }
    coords = {
        "layer": layers,
        "other_layer": layers,
        "item": ("stimulus", [f"i{k // 2}" for k in range(n)]),
        "condition": ("stimulus", ["ab"[k % 2] for k in range(n)]),
        "surprisal": ("stimulus", np.arange(n, dtype=float)),
    }
    return xr.Dataset(data, coords, {"width": width})


@pytest.fixture
def updates():
    return np.random.default_rng(3).normal(size=(6, 7, 20)) * np.geomspace(1, 300, 7)[:, None]


def test_all_three_are_what_loops_over_the_vectors_give(updates):
    simple = baselines(traced(updates))
    assert set(simple) == {"update_norm", "cosine", "curvature"}
    for k, u in enumerate(updates):
        one = simple.sel(item=f"i{k // 2}", condition="ab"[k % 2])
        for name, expected in naive(u).items():
            np.testing.assert_allclose(one[name].values, expected, rtol=1e-10)


def test_a_square_turns_by_a_right_angle_at_every_corner():
    square = np.array([[2.0, 0], [0, 2], [-2, 0], [0, -2]])
    values = from_gram(square @ square.T)
    np.testing.assert_allclose(values["cosine"][1:], 0, atol=1e-15)
    np.testing.assert_allclose(np.exp(values["curvature"][1:]), np.pi / 2 / 2)


def test_the_corners_of_a_circle_have_its_curvature():
    angles = np.linspace(0, 2, 400)
    states = 5 * np.column_stack([np.cos(angles), np.sin(angles)])
    u = np.diff(states, axis=0)
    np.testing.assert_allclose(np.exp(from_gram(u @ u.T)["curvature"][1:]), 1 / 5, rtol=1e-4)


def test_what_has_no_logarithm_is_missing_and_not_infinite():
    u = np.array([[1.0, 0], [2, 0], [0, 0], [0, 1], [1, 1]])
    values = from_gram(u @ u.T)
    assert np.isnan(values["update_norm"]).tolist() == [False, False, True, False, False]
    assert np.isnan(values["cosine"]).tolist() == [True, False, True, True, False]
    # straight on at layer 2, no direction at 3 and 4
    assert np.isnan(values["curvature"]).tolist() == [True, True, True, True, False]


drawn = st.integers(0, 10_000).map(lambda seed: np.random.default_rng(seed).normal(size=(5, 8)))


@settings(max_examples=30, deadline=None)
@given(drawn, st.integers(0, 100))
def test_rotation_of_the_stream_changes_nothing(u, seed):
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(8, 8)))[0]
    before, after = (from_gram(v @ v.T) for v in (u, u @ turn))
    for name, values in before.items():
        np.testing.assert_allclose(after[name], values, rtol=1e-8, atol=1e-8)


@settings(max_examples=30, deadline=None)
@given(drawn, st.floats(1e-3, 1e3))
def test_another_unit_is_a_constant_or_nothing(u, scale):
    before, after = (from_gram(v @ v.T) for v in (u, scale * u))
    shifts = {"update_norm": np.log(scale), "cosine": 0, "curvature": -np.log(scale)}
    for name, shift in shifts.items():
        np.testing.assert_allclose(after[name], before[name] + shift, rtol=1e-8, atol=1e-8)


def test_participation_is_a_share_of_the_width(updates):
    raw = (updates**2).sum(-1) ** 2 / (updates**4).sum(-1)
    share = baselines(traced(updates, participation=raw))["participation"]
    assert float(share.max()) <= 1
    np.testing.assert_allclose(share.sel(item="i1", condition="b"), raw[3] / 20)


def test_lens_entropy_is_taken_as_it_is(updates):
    bits = np.random.default_rng(0).uniform(0, 15, size=updates.shape[:2])
    simple = baselines(traced(updates, lens_entropy=bits, participation=bits))
    assert list(simple) == list(MEASURES)
    np.testing.assert_array_equal(simple["lens_entropy"].sel(item="i2", condition="a"), bits[4])


def test_covariates_and_layers_come_along_as_with_cse(embedded, pairs):
    traj = ds.trace(embedded, pairs, progress=False)
    h, simple = ds.cse(traj), ds.baselines(traj)
    for measure in simple.values():
        assert measure.dims == h.dims
        assert set(h.coords) - {"valid_scales"} <= set(measure.coords)
    np.testing.assert_array_equal(simple["cosine"]["surprisal"], h["surprisal"])
    np.testing.assert_allclose(
        simple["update_norm"].sel(item="shark", condition="literal"), np.log(traj["update_norm"].values[1]), rtol=1e-12
    )


def test_what_cannot_be_measured_is_refused(updates, refuses):
    with refuses("width", "trace again"):
        baselines(traced(updates, participation=np.ones(updates.shape[:2])).drop_attrs())
    broken = updates.copy()
    broken[2, 4] = np.nan
    with refuses("i1", "layer 5"):
        baselines(traced(broken))
