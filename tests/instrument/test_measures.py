"""Measures of a scan: the numbers of the instrument's own doors, from NumPy and from torch."""

import numpy as np
import pytest
import torch

import depthscope as ds
from depthscope.arrays import depth_gram
from depthscope.instrument.baselines import from_gram
from depthscope.instrument.measures import LAYERED, plan, together

UPDATES = np.random.default_rng(0).normal(size=(5, 9, 16)) * np.geomspace(1, 30, 9)[:, None]


def made(name, updates=UPDATES, **options):
    measure = plan(name, updates.shape[-2], options)
    return np.asarray(measure.of(updates if measure.needs == "updates" else depth_gram(updates)))


@pytest.mark.parametrize("name", LAYERED)
def test_torch_gives_what_numpy_gives(name):
    np.testing.assert_allclose(made(name, torch.from_numpy(UPDATES)), made(name), rtol=1e-12)


@pytest.mark.parametrize(
    "options",
    [{}, {"signal": "direction"}, {"signal": "norm"}, {"wavelet": "haar", "scales": 5}, {"normalize": False}],
)
def test_cse_is_that_of_the_instrument(options):
    np.testing.assert_allclose(made("cse", **options), ds.cse(UPDATES, **options), rtol=1e-10)


def test_cse_of_some_layers_stands_at_their_numbers():
    options = {"layers": (3, 8), "mask_coi": False}
    for updates in (UPDATES, torch.from_numpy(UPDATES)):
        values = made("cse", updates, **options)
        assert values.shape == (5, 9)
        np.testing.assert_allclose(values[:, 2:8], ds.cse(UPDATES, **options), rtol=1e-10)
        assert np.isnan(values[:, [0, 1, 8]]).all()


def test_the_simple_ones_are_what_a_loop_gives():
    norm = np.linalg.norm(UPDATES, axis=-1)
    np.testing.assert_allclose(made("norm"), norm, rtol=1e-12)
    cosine = np.sum(UPDATES[:, 1:] * UPDATES[:, :-1], axis=-1) / (norm[:, 1:] * norm[:, :-1])
    np.testing.assert_allclose(made("cosine")[:, 1:], cosine, rtol=1e-9)
    assert np.isnan(made("cosine")[:, 0]).all()
    np.testing.assert_allclose(made("cosine"), from_gram(UPDATES @ np.swapaxes(UPDATES, 1, 2))["cosine"], rtol=1e-9)
    squares = UPDATES**2
    np.testing.assert_allclose(made("participation"), squares.sum(-1) ** 2 / (squares**2).sum(-1) / 16, rtol=1e-12)


def test_a_norm_beside_a_component_a_million_times_as_large_keeps_its_digits():
    huge = UPDATES + 1e6 * np.eye(16)[0]
    np.testing.assert_allclose(made("norm", huge), np.linalg.norm(huge, axis=-1), rtol=1e-14)


def test_an_update_of_zero_has_no_cosine_and_a_norm_of_zero():
    some = UPDATES.copy()
    some[:, 4] = 0
    assert np.isnan(made("cosine", some)[:, [4, 5]]).all()
    assert (made("norm", some)[:, 4] == 0).all()


def test_what_there_is_not_is_refused(refuses):
    with refuses("breadth", "cse, norm"):
        plan("breadth", 9)
    with refuses("signal='state'"):
        plan("cse", 9, {"signal": "state"})
    with refuses("layers 1-20"):
        plan("cse", 9, {"layers": (1, 20)})


@pytest.mark.parametrize("names", [("cse", "norm", "participation", "cosine"), ("norm", "cse"), ("norm",)])
@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_together_and_some_at_a_time_they_are_what_each_is_alone(names, kind):
    alone = np.concatenate([made(name) for name in names], axis=-1)
    found = together([plan(name, 9) for name in names])(kind(some) for some in np.split(UPDATES, [2]))
    np.testing.assert_allclose(found, alone, rtol=1e-12)
