"""Steps of training against the published recipe, written once more with arrays alone."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from depthscope.errors import DepthscopeError
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.training.beginning import geometric_median
from depthscope.studies.sae.training.plan import Plan
from depthscope.studies.sae.training.recipe import Recipe
from depthscope.studies.sae.training.trainer import Trainer
from depthscope.training.schedule import Schedule
from tests.studies.sae.toys import SITE, Toy


class Port:
    """Gao et al. (2024), arXiv 2406.04093: section 2, appendix A, and what their code does where the paper is silent.

    Dense arrays of float64, gradients by hand; no line is shared with what it is held against.
    """

    NAMES = ("encoder", "latent_bias", "decoder", "bias")

    def __init__(self, encoder, latent_bias, decoder, bias, *, k, k_aux, dead_after, variance, rate):
        self.now = dict(zip(self.NAMES, (encoder, latent_bias, decoder, bias), strict=True))
        self.k, self.k_aux, self.dead_after, self.variance, self.rate = k, k_aux, dead_after, variance, rate
        self.first = {name: np.zeros_like(value) for name, value in self.now.items()}
        self.second = {name: np.zeros_like(value) for name, value in self.now.items()}
        self.since, self.steps, self.dead = np.zeros(len(encoder)), 0, 0

    @staticmethod
    def kept(dense, k):
        found = np.zeros_like(dense)
        for row, values in enumerate(dense):
            at = np.argsort(-values, kind="stable")[:k]
            found[row, at] = np.maximum(values[at], 0)
        return found

    def step(self, x):
        encoder, latent_bias, decoder, bias = (self.now[name] for name in self.NAMES)
        tokens = len(x)
        before = (x - bias) @ encoder.T + latent_bias
        z = self.kept(before, self.k)
        self.since = np.where((z > 1e-3).any(0), 0, self.since) + tokens
        dead = self.since > self.dead_after
        self.dead = int(dead.sum())
        given = z @ decoder + bias
        error = x - given
        # 1/variance * mean squared error
        loss = (error**2).mean() / self.variance
        d_given = -2 * error / (error.size * self.variance)
        # AuxK: what dead latents make of the error, normalised by its variance in the batch, times 1/32
        aux = self.kept(np.where(dead, before, 0), self.k_aux)
        left = aux @ decoder - error
        spread = ((error - error.mean(0)) ** 2).mean()
        loss += (left**2).mean() / spread / 32
        d_aux = 2 * left / (left.size * spread * 32)
        d_before = (d_given @ decoder.T) * (z > 0) + (d_aux @ decoder.T) * (aux > 0)
        slope = {
            "encoder": d_before.T @ (x - bias),
            "latent_bias": d_before.sum(0),
            "decoder": z.T @ d_given + aux.T @ d_aux,
            # in their code the bias is added on both sides of AuxK, and learns on one
            "bias": d_given.sum(0) + d_aux.sum(0) - d_before.sum(0) @ encoder,
        }
        slope["decoder"] -= (slope["decoder"] * decoder).sum(1, keepdims=True) * decoder
        self.steps += 1
        for name, value in self.now.items():
            self.first[name] = 0.9 * self.first[name] + 0.1 * slope[name]
            self.second[name] = 0.999 * self.second[name] + 0.001 * slope[name] ** 2
            mean, spread = self.first[name] / (1 - 0.9**self.steps), self.second[name] / (1 - 0.999**self.steps)
            self.now[name] = value - self.rate * mean / (np.sqrt(spread) + 6.25e-10)
        self.now["decoder"] = self.now["decoder"] / np.linalg.norm(self.now["decoder"], axis=1, keepdims=True)
        return loss


def port_of(learner, k):
    now = [learner.parameters[name].detach().numpy().copy() for name in Port.NAMES]
    recipe, width = learner.plan.recipe, learner.dictionary.width
    return Port(
        *now,
        k=k,
        k_aux=recipe.auxk_latents(width),
        dead_after=recipe.dead_after,
        variance=learner.units.variance,
        rate=recipe.learning_rate(learner.plan.latents),
    )


@pytest.mark.parametrize(("steps", "dead_after"), [(1, 10_000_000), (10, 10_000_000), (10, 600)])
@pytest.mark.parametrize("normalization", ["scale", "none"])
def test_steps_are_those_of_the_published_recipe(steps, dead_after, normalization):
    toy = Toy(steps=steps, noise=0.1)
    plan = Plan(SITE, 96, TopK(3), recipe=Recipe(dead_after=dead_after, normalization=normalization))
    trainer = Trainer([plan], toy, dtype=torch.float64)
    trainer.begin()
    learner = trainer.learners[plan.name]
    with torch.no_grad():
        learner.dictionary.latent_bias[:30] = -1  # some that seldom fire
    port = port_of(learner, 3)
    dead = []
    for number, batch in enumerate(toy.batches()):
        told = trainer.step(batch, number, steps)[plan.name]
        loss = port.step(batch[SITE].double().numpy() * learner.units.read)
        assert told["loss"] == pytest.approx(loss, rel=1e-9)
        assert told["dead share"] == pytest.approx(port.dead / 96)
        dead.append(port.dead)
    # AuxK is put to the test where it is asked to
    assert any(dead) == (dead_after == 600)
    for name in Port.NAMES:
        np.testing.assert_allclose(
            learner.parameters[name].detach().numpy(), port.now[name], rtol=0, atol=1e-9, err_msg=name
        )
    assert np.array_equal(learner.since.numpy(), port.since)


def test_a_step_in_float32_is_the_same_to_a_millionth():
    toy = Toy(steps=1, noise=0.1)
    plan = Plan(SITE, 96, TopK(3))
    trainer = Trainer([plan], toy)
    trainer.begin()
    learner = trainer.learners[plan.name]
    port = port_of(learner, 3)
    port.now = {name: value.astype(np.float64) for name, value in port.now.items()}
    (batch,) = toy.batches()
    loss = port.step(batch[SITE].double().numpy() * learner.units.read)
    assert trainer.step(batch, 0, 1)[plan.name]["loss"] == pytest.approx(loss, rel=1e-6)
    for name in Port.NAMES:
        assert np.abs(learner.parameters[name].detach().numpy() - port.now[name]).max() < 1e-6, name


def test_the_beginning_is_the_published_one():
    toy = Toy(noise=0.3)
    plan = Plan(SITE, 96, TopK(3))
    trainer = Trainer([plan], toy)
    trainer.begin()
    learner = trainer.learners[plan.name]
    begun = learner.dictionary
    sample = toy.sample(2**15)[SITE].double() * learner.units.read
    # the mean norm is the square root of the number of features
    assert float(sample.norm(dim=1).mean()) == pytest.approx(math.sqrt(24), rel=1e-5)
    assert learner.units.variance == pytest.approx(float(sample.var(0, correction=0).mean()), rel=1e-5)
    torch.testing.assert_close(begun.decoder.norm(dim=1), torch.ones(96))
    lengths = begun.encoder.norm(dim=1)
    torch.testing.assert_close(lengths, lengths[:1].expand(96))
    torch.testing.assert_close(begun.encoder, begun.decoder * lengths[0])
    assert not begun.latent_bias.any()
    best = minimize(lambda at: np.linalg.norm(sample.numpy() - at, axis=1).sum(), sample.mean(0).numpy(), tol=1e-9)
    np.testing.assert_allclose(begun.bias.detach().numpy(), best.x, atol=1e-4)
    # unit vectors about the bias come back as long as they were, on average
    probes = torch.nn.functional.normalize(torch.randn(4000, 24, generator=torch.Generator().manual_seed(9)), dim=1)
    with torch.no_grad():
        given = begun.reconstruct(begun.bias + probes) - begun.bias
    assert float(given.norm(dim=1).mean()) == pytest.approx(1, abs=0.03)


def test_the_geometric_median_is_where_a_mean_is_not():
    line = torch.tensor([[0.0], [1.0], [2.0], [3.0], [1000.0]])
    assert float(geometric_median(line)) == pytest.approx(2, abs=1e-3)
    assert torch.equal(geometric_median(torch.full((5, 3), 7.0)), torch.full((3,), 7.0, dtype=torch.float64))


@pytest.mark.parametrize(("width", "latents"), [(768, 256), (576, 256), (1024, 512), (2, 1), (1, 1)])
def test_auxk_takes_the_power_of_two_nearest_to_half_the_width(width, latents):
    assert Recipe().auxk_latents(width) == latents


def test_the_rate_falls_with_the_square_root_of_the_number_of_latents():
    assert Recipe().learning_rate(2**14) == 2e-4
    assert Recipe().learning_rate(2**12) == pytest.approx(4e-4)
    assert Recipe(rate=1e-3).learning_rate(5) == 1e-3


def test_what_is_not_above_zero_learns_nothing():
    """Of k pre-activations only those above 0 fire; the others must not be pushed."""
    toy = Toy(steps=1)
    plan = Plan(SITE, 96, TopK(40), recipe=Recipe(auxk=0))
    trainer = Trainer([plan], toy)
    trainer.begin()
    learner = trainer.learners[plan.name]
    with torch.no_grad():
        learner.dictionary.latent_bias[10:] = -100
    (batch,) = toy.batches()
    told = trainer.step(batch, 0, 1)[plan.name]
    assert 0 < told["L0"] <= 10
    assert learner.parameters["encoder"].grad[:10].any(1).all()
    for name in ("encoder", "latent_bias", "decoder"):
        assert not learner.parameters[name].grad[10:].any(), name


def revived(coefficient):
    """Latents that never fire, and what becomes of them with AuxK and without."""
    toy = Toy(count=96, steps=300, batch=128)
    recipe = Recipe(auxk=coefficient, dead_after=1000, rate=3e-3)
    plan = Plan(SITE, 128, TopK(3), recipe=recipe)
    trainer = Trainer([plan], toy)
    trainer.begin()
    learner = trainer.learners[plan.name]
    with torch.no_grad():
        # too weak ever to be among the k largest
        learner.dictionary.encoder[:64] *= 0.1
    for number, batch in enumerate(toy.batches()):
        told = trainer.step(batch, number, toy.steps)[plan.name]
    return told


def test_auxk_revives_what_topk_alone_leaves_dead():
    without, with_auxk = revived(0.0), revived(1 / 32)
    assert without["dead share"] >= 0.4
    assert with_auxk["dead share"] <= 0.15
    assert with_auxk["normalised MSE"] < 0.85 * without["normalised MSE"]


def test_auxk_gives_the_encoder_of_dead_latents_a_gradient():
    toy = Toy(steps=2)
    plan = Plan(SITE, 96, TopK(3), recipe=Recipe(dead_after=300))
    trainer = Trainer([plan], toy)
    trainer.begin()
    learner = trainer.learners[plan.name]
    with torch.no_grad():
        learner.dictionary.latent_bias[:20] = -1
    for number, batch in enumerate(toy.batches()):
        told = trainer.step(batch, number, 2)[plan.name]
    assert told["dead share"] >= 20 / 96
    assert learner.parameters["encoder"].grad[:20].any(1).sum() > 10


def test_weights_may_be_averaged_and_gradients_shortened():
    toy = Toy(steps=5)
    recipes = [Recipe(), Recipe(average=0.5), Recipe(clip=1e-3), Recipe(schedule=Schedule(decay=1.0))]
    found = []
    for recipe in recipes:
        trainer = Trainer([Plan(SITE, 96, TopK(3), recipe=recipe)], toy, dtype=torch.float64)
        trainer.begin()
        (learner,) = trainer.learners.values()
        path, told = [], []
        for number, batch in enumerate(toy.batches()):
            told.append(trainer.step(batch, number, 5)[learner.plan.name])
            path.append(learner.parameters["encoder"].detach().clone())
        found.append((path, learner, told, trainer.finished()[0]))
    path, learner, _, averaged = found[1]
    # 1/2, 1/4, ... of the last, the one before it, ..., together 1 - 1/32
    expected = sum(one * 0.5 ** (5 - i) for i, one in enumerate(path)) / (1 - 0.5**5)
    torch.testing.assert_close(averaged.encoder.detach(), expected)
    torch.testing.assert_close(averaged.decoder.norm(dim=1), torch.ones(96, dtype=torch.float64))
    _, learner, told, _ = found[2]
    assert told[-1]["gradient norm"] > 1e-3
    assert math.hypot(*(float(value.grad.norm()) for value in learner.parameters.values())) == pytest.approx(1e-3)
    steps = [
        [float((b - a).abs().mean()) for a, b in zip(one[0], one[0][1:], strict=False)] for one in (found[0], found[3])
    ]
    assert steps[1][-1] < 0.5 * steps[0][-1]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rate": 0.0}, "rate=0.0: give a number above 0"),
        ({"rate": math.nan}, "rate=nan"),
        ({"auxk": -1.0}, "auxk=-1.0: give 0 or more"),
        ({"average": 1.0}, "average=1.0"),
        ({"normalization": "whiten"}, "normalization='whiten': choose one of scale, layer, none"),
        ({"dead_after": -1}, "dead_after=-1"),
        ({"k_aux": 0}, "k_aux=0"),
    ],
)
def test_settings_out_of_their_range_are_refused(settings, words):
    with pytest.raises(DepthscopeError, match=words):
        Recipe(**settings)
