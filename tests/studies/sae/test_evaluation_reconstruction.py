"""Reconstruction: the numbers of a loop, of dictionaries that are known, and of controls at what theory says of them."""

import numpy as np
import pytest
import torch

from depthscope.capture.windows import Window
from depthscope.statistics.classify import Estimate
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.evaluation.controls import mean_of, principal, random_like
from depthscope.studies.sae.evaluation.reconstruction import Reconstructing
from depthscope.studies.sae.evaluation.score import Score
from depthscope.studies.sae.evaluation.units import units_of
from tests.studies.sae.planted import knowing, planted, units


def reconstruction(dictionary, states, document, latents=0, step=300):
    adding = Reconstructing(units(document), latents)
    with torch.no_grad():
        for start in range(0, len(states), step):
            some = slice(start, start + step)
            code = dictionary.encode(states[some]) if latents else None
            adding.add(document[some], states[some], dictionary.reconstruct(states[some]), code)
    return adding.result()


def by_name(scores):
    return {score.name: score for score in scores}


def test_every_number_is_that_of_a_loop():
    truth = planted(tokens=700)
    dictionary = random_like(knowing(truth), truth.states, 4)
    found = reconstruction(dictionary, truth.states, truth.document, 24)
    scores = by_name(found.scores())
    x = truth.states.numpy()
    y = dictionary.reconstruct(truth.states).detach().numpy()
    z = dictionary.encode(truth.states).dense().detach().numpy()
    m, pairs = x.mean(0), list(zip(x, y, strict=True))
    expected = {
        "nmse": sum(np.sum((a - b) ** 2) for a, b in pairs) / sum(np.sum((a - m) ** 2) for a in x),
        "nmse_token": np.mean([np.sum((a - b) ** 2) / np.sum(a**2) for a, b in pairs]),
        "cosine": np.mean([a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in pairs]),
        "l0": np.mean([(row > 0).sum() for row in z]),
        "relative_bias": sum(b @ b for b in y) / sum(a @ b for a, b in pairs),
        "slope": sum((a - m) @ (b - m) for a, b in pairs) / sum((b - m) @ (b - m) for b in y),
        "norm_ratio": np.sqrt(sum(b @ b for b in y) / sum(a @ a for a in x)),
        "dead": np.mean([(z[:, i] > 0).sum() == 0 for i in range(24)]),
        "dense": np.mean([(z[:, i] > 0).mean() > 0.1 for i in range(24)]),
    }
    expected["explained_variance"] = 1 - expected["nmse"]
    assert {name: score.value.value for name, score in scores.items()} == pytest.approx(expected, rel=1e-9)
    for name in expected.keys() - {"dead", "dense"}:
        value = scores[name].value
        assert value.low - 1e-12 <= value.value <= value.high + 1e-12, name
    assert "over 700 tokens" in scores["dead"].unit
    fired = z > 0
    assert found.density == pytest.approx(fired.mean(0))
    assert found.most == pytest.approx(z.max(0))
    there = fired.any(0)
    assert found.average[there] == pytest.approx(z.sum(0)[there] / fired.sum(0)[there])


def test_a_dictionary_that_knows_the_directions_is_perfect_and_the_mean_explains_nothing():
    truth = planted()
    perfect = by_name(reconstruction(knowing(truth), truth.states, truth.document, 24).scores())
    assert perfect["explained_variance"].value.value == pytest.approx(1, abs=1e-12)
    for name in ("relative_bias", "slope", "norm_ratio", "cosine"):
        assert perfect[name].value.value == pytest.approx(1, abs=1e-9)
    assert perfect["l0"].value.value == 3
    mean = by_name(reconstruction(mean_of(truth.states), truth.states, truth.document).scores())
    assert mean["nmse"].value.value == pytest.approx(1, abs=1e-12)
    assert "l0" not in mean
    assert perfect["explained_variance"].against("the mean", mean["explained_variance"]).beats_control


def test_principal_components_explain_what_their_eigenvalues_say():
    truth = planted()
    found = by_name(reconstruction(principal(truth.states, 3), truth.states, truth.document).scores())
    values = np.linalg.eigvalsh(np.cov(truth.states.numpy().T))
    assert found["explained_variance"].value.value == pytest.approx(values[-3:].sum() / values.sum(), rel=1e-9)
    # as many directions, but the same ones at each token
    assert found["explained_variance"].value.value < 0.5


def test_random_directions_explain_what_theory_says():
    """Of isotropic states about s / (1 + s), s = k E[z^2] / d over the k largest of n standard normals."""
    latents, width, k = 512, 128, 8
    generator = torch.Generator().manual_seed(3)
    states = torch.randn(2000, width, generator=generator)
    made = Dictionary(
        torch.randn(latents, width, generator=generator),
        torch.zeros(latents),
        torch.randn(latents, width, generator=generator),
        torch.zeros(width),
        TopK(k),
    )
    control = random_like(made, states, k, seed=1)
    found = by_name(reconstruction(control, states, np.arange(2000) % 20, latents).scores())
    drawn = np.sort(np.random.default_rng(0).normal(size=(500, latents)), axis=1)[:, -k:]
    s = k * (drawn**2).mean() / width
    assert found["explained_variance"].value.value == pytest.approx(s / (1 + s), abs=0.02)
    assert found["slope"].value.value == pytest.approx(1, abs=0.02)
    # a transcoder's directions lead elsewhere, and of what is unrelated nothing is explained
    other = torch.randn(2000, width, generator=generator)
    control = random_like(made, states, k, targets=other)
    given = control.reconstruct(states).detach()
    assert float(((other - given) ** 2).sum() / ((other - other.mean(0)) ** 2).sum()) == pytest.approx(1, abs=0.01)


def test_what_is_too_small_is_called_so():
    truth = planted()
    dictionary = knowing(truth)
    with torch.no_grad():
        dictionary.encoder.mul_(0.8)
    scores = by_name(reconstruction(dictionary, truth.states, truth.document, 24).scores())
    assert scores["slope"].value.low > 1.1
    assert scores["relative_bias"].value.high < 1
    assert scores["norm_ratio"].value.high < 1


def test_a_large_mean_takes_nothing_off_the_digits():
    truth = planted()
    far = truth._replace(states=truth.states + 1e6, mean=truth.mean + 1e6)
    near, beyond = (
        by_name(reconstruction(random_like(knowing(one), one.states, 3), one.states, one.document, 24).scores())
        for one in (truth, far)
    )
    for name in ("explained_variance", "slope"):
        assert beyond[name].value.value == pytest.approx(near[name].value.value, rel=1e-6)


def test_dead_and_dense_latents_are_counted():
    truth = planted(latents=40, k=2)
    dictionary = knowing(truth, k=2)
    with torch.no_grad():
        dictionary.latent_bias[:5] = -1e3
        dictionary.latent_bias[5] = 1e3
    found = reconstruction(dictionary, truth.states, truth.document, 40)
    assert found.dead.sum() == 5
    assert found.dense[5]
    assert np.isnan(by_name(found.scores())["dead"].value.low)


def window(document):
    return Window(document, 0, np.arange(4), (0, 4), np.arange(4), np.arange(4))


def test_documents_are_drawn_where_there_are_six_and_windows_otherwise():
    assert units_of([window(name) for name in "aabbc"]).over == "windows"
    whole = units_of([window(name) for name in "aabbcdef"])
    assert whole.over == "documents"
    assert whole.of.tolist() == [0, 0, 1, 1, 2, 3, 4, 5]


def test_bad_states_are_refused(refuses):
    adding = Reconstructing(units(np.arange(8)))
    with refuses("no token"):
        adding.result()
    states = torch.zeros(2, 3)
    states[1, 1] = float("nan")
    with refuses("NaN", "dtype"):
        adding.add(np.array([0, 1]), states, torch.zeros(2, 3))


def test_whether_the_control_is_beaten_is_asked_of_the_whole_interval():
    def score(low, high, better):
        return Score("x", Estimate((low + high) / 2, low, high), "", better).against(
            "null", Score("x", Estimate(0.5, 0.4, 0.6), "", better)
        )

    assert score(0.6, 0.7, "higher").beats_control
    assert not score(0.4, 0.7, "higher").beats_control
    assert score(0.1, 0.2, "lower").beats_control
    assert score(0.1, 0.2, "neither").beats_control is None
    assert score(float("nan"), 0.2, "lower").beats_control is None
