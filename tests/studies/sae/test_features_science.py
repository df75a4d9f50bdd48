"""Neighbours, effects on logits and profiles over depth, each against a slow and plain way of the same."""

from typing import Any

import numpy as np
import pytest
import torch

import depthscope as ds
from depthscope.capture.sites import Site
from depthscope.capture.taps import Taps
from depthscope.capture.windows import Window
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.dictionary import Dictionary, Origin
from depthscope.studies.sae.features.depth import FEWEST, depths
from depthscope.studies.sae.features.effect import logit_effect
from depthscope.studies.sae.features.neighbours import neighbours

SITE = Site("resid", 3)
WIDTH = 32


def random_dictionary(latents: int = 20, k: int = 3, seed: int = 0) -> Dictionary:
    rng = torch.Generator().manual_seed(seed)
    rows = torch.nn.functional.normalize(torch.randn(latents, WIDTH, generator=rng), dim=-1)
    return Dictionary(rows.clone(), torch.zeros(latents), rows, torch.zeros(WIDTH), TopK(k), origin=Origin(site=SITE))


@pytest.fixture(scope="module")
def windows() -> list[Window]:
    rng = np.random.default_rng(0)
    made = []
    for k in range(6):
        ids = rng.integers(100, 5000, 60)
        made.append(Window(f"document {k}", 0, ids, (0, 60), np.arange(60), np.arange(1, 61)))
    return made


def test_neighbours_are_those_of_the_whole_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    rows, others = rng.normal(size=(30, 6)), rng.normal(size=(7, 6))
    unit, theirs = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (rows, others))
    monkeypatch.setattr("depthscope.studies.sae.features.neighbours.CELLS", 100)
    for given, cosines, own in (
        (rows, unit @ unit.T - 3 * np.eye(30), np.arange(30)),
        (others, unit @ theirs.T, None),
    ):
        found = neighbours(torch.tensor(rows), torch.tensor(given), 4, own)
        order = np.argsort(-cosines, axis=1)[:, :4]
        np.testing.assert_array_equal(found.latent, order)
        np.testing.assert_allclose(found.cosine, np.take_along_axis(cosines, order, 1), atol=1e-6)


def test_few_latents_have_few_neighbours() -> None:
    found = neighbours(torch.eye(3), torch.eye(3), 5, np.arange(3))
    assert (found.latent[:, 2:] == -1).all()
    assert np.isnan(found.cosine[:, 2:]).all()
    assert (found.cosine[:, :2] == 0).all()
    assert (neighbours(torch.eye(1), torch.eye(1), 2, np.zeros(1, int)).latent == -1).all()


def test_the_effect_is_that_of_the_models_own_norm_and_head(tiny: ds.Model) -> None:
    rng = torch.Generator().manual_seed(0)
    directions, states = torch.randn(5, WIDTH, generator=rng), 3 * torch.randn(50, WIDTH, generator=rng)
    sizes = np.array([1.0, 2.0, 0.0, 0.5, 4.0])
    network: Any = tiny.network
    with torch.no_grad():
        before = network.lm_head(network.model.norm(states))
        found = logit_effect(tiny, directions, sizes, states, top=4, progress=False)
        for i, size in enumerate(sizes):
            if not size:
                assert (found.up[i] == -1).all()
                assert np.isnan(found.down_by[i]).all()
                continue
            change = (network.lm_head(network.model.norm(states + size * directions[i])) - before).double().mean(0)
            change -= change.mean()
            up, down = change.topk(4), (-change).topk(4)
            np.testing.assert_array_equal(found.up[i], up.indices)
            np.testing.assert_array_equal(found.down[i], down.indices)
            np.testing.assert_allclose(found.up_by[i], up.values, rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(found.down_by[i], -down.values, rtol=1e-4, atol=1e-6)
    assert found.states == 50


def test_an_effect_that_cannot_be_is_refused(tiny: ds.Model, refuses: Any) -> None:
    with refuses("directions of 5 features", "32"):
        logit_effect(tiny, torch.ones(2, 5), np.ones(2), torch.ones(3, WIDTH))
    with refuses("0 states"):
        logit_effect(tiny, torch.ones(2, WIDTH), np.ones(2), torch.ones(0, WIDTH))


def test_depths_are_means_over_tokens(tiny: ds.Model, windows: list[Window], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("depthscope.studies.sae.features.depth.CELLS", 500)
    dictionary = random_dictionary()
    stream = [Site("resid", layer) for layer in range(tiny.depth + 1)]
    states = {site: [] for site in stream}
    for read in Taps(tiny, stream).read(windows):
        for site in stream:
            states[site].append(read.states[site])
    whole = torch.stack([torch.cat(states[site]) for site in stream], 1)
    fires = (dictionary.encode(whole[:, SITE.layer]).dense() > 0).numpy()
    projected = (whole @ dictionary.decoder.detach().T).double().numpy()
    updates = (whole[:, 1:] - whole[:, :-1]).double().numpy()
    cse = ds.cse(updates)
    found = depths(tiny, {"it": dictionary}, windows)["it"]
    assert found.total == len(whole) == 6 * 59
    np.testing.assert_array_equal(found.count, fires.sum(0))
    seen = 0
    for latent in range(dictionary.latents):
        own, other = fires[:, latent], ~fires[:, latent]
        if own.sum() < FEWEST:
            assert np.isnan(found.separation[latent]).all()
            assert np.isnan(found.cse[latent]).all()
            continue
        seen += 1
        for values, gaps in ((projected[:, :, latent], found.separation), (cse, found.cse_gap)):
            a, b = values[own], values[other]
            pooled = ((len(a) - 1) * a.var(0, ddof=1) + (len(b) - 1) * b.var(0, ddof=1)) / (len(values) - 2)
            np.testing.assert_allclose(gaps[latent], (a.mean(0) - b.mean(0)) / np.sqrt(pooled), rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(found.cse[latent], cse[own].mean(0), rtol=1e-5)
        np.testing.assert_allclose(found.other_cse[latent], cse[other].mean(0), rtol=1e-5)
    assert seen > 10
    # it is carried most where it is read
    best = np.nanargmax(found.separation, axis=1)[found.count >= FEWEST]
    assert np.bincount(best).argmax() == SITE.layer


def test_some_latents_are_measured_as_all_are(tiny: ds.Model, windows: list[Window]) -> None:
    dictionary = random_dictionary()
    every = depths(tiny, {"it": dictionary}, windows)["it"]
    some = depths(tiny, {"it": dictionary}, windows, {"it": np.array([11, 4])})["it"]
    np.testing.assert_array_equal(some.count, every.count[[11, 4]])
    np.testing.assert_allclose(some.separation, every.separation[[11, 4]], rtol=1e-4)
    np.testing.assert_allclose(some.cse_gap, every.cse_gap[[11, 4]], rtol=1e-9)


def test_where_the_transform_does_not_fit_there_is_no_cse(tokenizer: Any, windows: list[Window]) -> None:
    from tests.conftest import tiny_llama

    shallow = ds.load(tiny_llama(len(tokenizer), blocks=4), tokenizer)
    found = depths(shallow, {"it": random_dictionary()}, windows[:2])["it"]
    assert np.isfinite(found.separation).any()
    assert np.isnan(found.cse).all()
