"""Every activation against its definition, in training and as it is used."""

import math

import pytest
import torch

from depthscope.errors import DepthscopeError
from depthscope.studies.sae.activations.activation import Activation
from depthscope.studies.sae.activations.batch_topk import BatchTopK
from depthscope.studies.sae.activations.gated import Gated
from depthscope.studies.sae.activations.jump_relu import JumpReLU
from depthscope.studies.sae.activations.matryoshka import Matryoshka
from depthscope.studies.sae.activations.names import ACTIVATIONS, activation_of
from depthscope.studies.sae.activations.relu import ReLU
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.forward import Forward
from depthscope.studies.sae.sparse import Sparse
from depthscope.studies.sae.training.beginning import blank
from depthscope.studies.sae.training.plan import Plan
from depthscope.studies.sae.training.recipe import Recipe
from depthscope.studies.sae.training.trainer import Trainer
from tests.studies.sae.toys import SITE, Toy

N, LATENTS, WIDTH = 30, 24, 6
ALL = [
    TopK(3),
    BatchTopK(3),
    ReLU(0.5),
    JumpReLU(0.05),
    Gated(1.0),
    Matryoshka(3),
    Matryoshka(3, (0.5, 1.0), batch=False),
]
NAMES = [repr(one) for one in ALL]


def forward_of(activation, states=None, own=None, **settings):
    """A dictionary of random numbers, in float64, at random states."""
    random = torch.Generator().manual_seed(3)
    like = torch.zeros(0, dtype=torch.float64)
    dictionary = blank(Plan(SITE, LATENTS, activation), WIDTH, like)
    with torch.no_grad():
        for name, parameter in dictionary.named_parameters():
            if name != "latent_bias" or not isinstance(activation, Gated):
                parameter.copy_(torch.randn(parameter.shape, generator=random, dtype=torch.float64))
        for name, value in (own or {}).items():
            dictionary.own[name].copy_(value)
    drawn = torch.randn(N, WIDTH, generator=random, dtype=torch.float64)
    states = drawn if states is None else states
    since = torch.zeros(LATENTS, dtype=torch.int64)
    return Forward(dictionary, states, states, len(states), 1.0, since, Recipe(), **settings)


def dense(code):
    return code.dense() if isinstance(code, Sparse) else code


def test_the_names_are_those_of_the_classes():
    for name in ACTIVATIONS:
        made = activation_of(name, 3)
        assert made.name == name
        assert Activation in type(made).__mro__
        assert type(made).__name__ == ACTIVATIONS[name]
    assert activation_of("matryoshka", 4, batch=False, prefixes=[0.5, 1]) == Matryoshka(4, (0.5, 1.0), False)
    assert activation_of("relu", 32) == ReLU()
    with pytest.raises(DepthscopeError, match="activation='softmax': choose one of topk, batch_topk, relu"):
        activation_of("softmax")
    with pytest.raises(DepthscopeError, match="topk needs k, how many latents fire at a token; give it"):
        activation_of("topk")
    with pytest.raises(DepthscopeError, match="relu has no l2, but l1, warmup"):
        activation_of("relu", l2=3)


@pytest.mark.parametrize("activation", ALL, ids=NAMES)
def test_what_fires_in_training_is_what_fires_in_use(activation):
    """But for the threshold that BatchTopK learns: after one batch it lets through all but the smallest of that batch."""
    forward = forward_of(activation)
    with torch.no_grad():
        before = forward.dictionary.before(forward.states)
        code = dense(activation.learns(forward))
        found = activation.fires(before, activation.finished(forward.own, 1.0)).dense()
    if "threshold" in forward.own:
        smallest = code[code > 0].min()
        code = torch.where(code == smallest, 0, code)
    torch.testing.assert_close(found, code)
    assert 0 < float((code > 0).double().mean()) < 1
    assert not (code < 0).any()


def test_topk_keeps_the_k_largest_of_a_token_and_what_is_above_0_of_them():
    forward = forward_of(TopK(20))
    before = forward.before().detach()
    code = dense(TopK(20).learns(forward)).detach()
    for row, values in zip(code, before, strict=True):
        expected = set(values.topk(20).indices.tolist()) & set((values > 0).nonzero()[:, 0].tolist())
        assert set(row.nonzero()[:, 0].tolist()) == expected


@pytest.mark.parametrize("k", [1, 2.5, 6, 24])
@pytest.mark.parametrize("uneven", [False, True])
def test_batch_topk_keeps_the_largest_of_the_batch(k, uneven):
    """Also where a few tokens have most of them, and more are looked at there."""
    states = torch.randn(N, WIDTH, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    if uneven:
        states[:3] *= 50
    forward = forward_of(BatchTopK(k), states)
    before = forward.before().detach().relu()
    code = BatchTopK(k).learns(forward)
    count = min(round(k * N), int((before > 0).sum()))
    limit = before.flatten().sort(descending=True).values[count - 1]
    torch.testing.assert_close(dense(code).detach(), torch.where(before >= limit, before, 0))
    assert code.values.shape[1] == int((before >= limit).sum(1).max())


def test_the_threshold_of_batch_topk_is_a_mean_over_batches_that_were_seen():
    seen, own = [], None
    for step in range(3):
        states = torch.randn(N, WIDTH, generator=torch.Generator().manual_seed(step), dtype=torch.float64)
        forward = forward_of(BatchTopK(2), states, own, step=step)
        code = dense(BatchTopK(2).learns(forward)).detach()
        seen.append(float(code[code > 0].min()))
        own = {name: value.detach() for name, value in forward.own.items()}
    expected = 0.99 * (0.99 * seen[0] + 0.01 * seen[1]) + 0.01 * seen[2]
    torch.testing.assert_close(own["threshold"], torch.full((LATENTS,), expected, dtype=torch.float64))


def test_gradients_of_batch_topk_are_those_of_the_dense_code():
    forward = forward_of(BatchTopK(2))
    weights = torch.randn(N, WIDTH, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    names = ("encoder", "latent_bias", "decoder", "bias")
    parameters = [getattr(forward.dictionary, name) for name in names]
    code = BatchTopK(2).learns(forward)
    found = torch.autograd.grad((forward.decoded(code) * weights).sum(), parameters)
    before = forward.before()
    kept = before * (code.dense().detach() > 0)
    expected = torch.autograd.grad(((kept @ parameters[2] + parameters[3]) * weights).sum(), parameters)
    torch.testing.assert_close(found, expected)


def test_the_loss_of_relu_is_the_published_one():
    activation = ReLU(l1=5.0, warmup=0.5)
    forward = forward_of(activation, step=2, steps=10)
    code = activation.learns(forward)
    given = forward.decoded(code)
    terms = activation.loss(forward, code, given)
    norm = 1.0  # of unit directions
    per_token = (given - forward.states).square().sum(1) + 5 * 2 / 5 * (code.abs() * norm).sum(1)
    torch.testing.assert_close(sum(terms.values()), per_token.mean() / WIDTH)


def test_the_slope_of_jump_relu_at_its_threshold_is_that_of_a_rectangle():
    activation = JumpReLU(l0=0.3, warmup=0, bandwidth=1.0, threshold=0.5)
    forward = forward_of(activation, own={"log_threshold": torch.linspace(-1, 0.5, LATENTS, dtype=torch.float64)})
    code = activation.learns(forward)
    given = forward.decoded(code)
    terms = activation.loss(forward, code, given)
    before, threshold = forward.before().detach(), forward.own["log_threshold"].detach().exp()
    fires = before > threshold
    torch.testing.assert_close(code.detach(), before * fires)
    torch.testing.assert_close(terms["penalty"].detach(), 0.3 * fires.double().sum(1).mean())
    sum(terms.values()).backward()
    slope = forward.dictionary.own["log_threshold"].grad
    kernel = ((before - threshold).abs() < 0.5).double()
    d_code = 2 * (given - forward.states).detach() @ forward.dictionary.decoder.detach().T / (N * WIDTH)
    # equations 11 and 12; the last factor is that of the logarithm
    expected = (-(threshold * kernel * d_code).sum(0) - 0.3 / N * kernel.sum(0)) * threshold
    torch.testing.assert_close(slope, expected)
    # below the threshold no pre-activation learns, and the penalty reaches the thresholds alone
    torch.testing.assert_close(forward.dictionary.latent_bias.grad, (d_code * fires).sum(0))


def test_the_loss_of_gated_is_the_published_one_and_its_auxiliary_decoder_learns_nothing():
    activation = Gated(l1=2.0, warmup=0)
    forward = forward_of(activation)
    own, dictionary = forward.own, forward.dictionary
    code = activation.learns(forward)
    given = forward.decoded(code)
    terms = activation.loss(forward, code, given)
    inside = (forward.states - dictionary.bias) @ dictionary.encoder.T
    gate = inside + own["gate_bias"]
    expected = (gate > 0) * (own["magnitude_scale"].exp() * inside + own["magnitude_bias"]).relu()
    torch.testing.assert_close(code, expected)
    beside = gate.relu() @ dictionary.decoder + dictionary.bias
    squares = [(one - forward.states).square().sum(1).mean() for one in (given, beside)]
    torch.testing.assert_close(sum(terms.values()), (sum(squares) + 2 * gate.relu().sum(1).mean()) / WIDTH)
    (slope,) = torch.autograd.grad(terms["gate error"], [dictionary.decoder], retain_graph=True, allow_unused=True)
    assert slope is None
    assert torch.autograd.grad(terms["gate error"], [own["gate_bias"]], retain_graph=True)[0].any()
    with pytest.raises(RuntimeError, match="unused"):
        torch.autograd.grad(sum(terms.values()), [dictionary.latent_bias])


def test_each_prefix_of_a_matryoshka_gives_back_what_it_can():
    activation = Matryoshka(3, (0.25, 0.5, 1.0))
    assert activation.sizes(LATENTS) == [6, 12, 24]
    forward = forward_of(activation)
    code = activation.learns(forward)
    terms = activation.loss(forward, code, forward.decoded(code))
    whole, decoder, bias = code.dense(), forward.dictionary.decoder, forward.dictionary.bias
    errors = [(whole[:, :n] @ decoder[:n] + bias - forward.states).square().mean() for n in (6, 12, 24)]
    torch.testing.assert_close(terms["error"], sum(errors) / 3)
    parameters = [forward.dictionary.encoder, decoder, bias]
    found = torch.autograd.grad(terms["error"], parameters, retain_graph=True)
    torch.testing.assert_close(found, torch.autograd.grad(sum(errors) / 3, parameters))


@pytest.mark.parametrize("activation", ALL, ids=NAMES)
def test_all_of_them_learn(activation):
    """From the same beginning as ever: the error falls, few fire, and the finished dictionary gives back what it learnt."""
    toy = Toy(steps=200, batch=128)
    plan = Plan(SITE, 96, activation, recipe=Recipe(rate=1e-2))
    trainer = Trainer([plan], toy)
    (finished,) = trainer.train(shown=False)
    curve = [point.metrics[plan.name] for point in trainer.curve]
    assert curve[-1]["explained variance"] > 0.6
    assert curve[-1]["normalised MSE"] < 0.6 * curve[0]["normalised MSE"]
    assert 1 < curve[-1]["L0"] < 12
    states = toy.states(99, 500)[SITE]
    with torch.no_grad():
        given, code = finished.reconstruct(states), finished.encode(states)
    share = 1 - float((given - states).square().sum() / (states - states.mean(0)).square().sum())
    assert share == pytest.approx(curve[-1]["explained variance"], abs=0.1)
    assert float(code.active.double().mean()) == pytest.approx(curve[-1]["L0"], rel=0.25)
    assert set(finished.own) == set(activation.beginning(1))


@pytest.mark.parametrize("activation", ALL, ids=NAMES)
def test_thresholds_and_biases_go_with_the_units(activation):
    """Pre-activations and activations twice as large, and the same latents fire."""
    forward = forward_of(activation)
    own = {name: value.detach() for name, value in forward.own.items()}
    before = forward.dictionary.before(forward.states).detach()
    once = activation.fires(before, activation.finished(own, 1.0)).dense()
    twice = activation.fires(2 * before, activation.finished(own, 2.0)).dense()
    torch.testing.assert_close(twice, 2 * once)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: BatchTopK(0), "k=0: give a number above 0"),
        (lambda: BatchTopK(math.nan), "k=nan: give a number above 0"),
        (lambda: BatchTopK(None), "k=None: give a number above 0"),
        (lambda: ReLU(-1.0), "l1=-1.0: give 0 or more"),
        (lambda: Gated(warmup=2), "warmup=2: give a share of the steps"),
        (lambda: JumpReLU(math.inf), "l0=inf: give 0 or more"),
        (lambda: JumpReLU(threshold=0), "threshold=0: give a number above 0"),
        (lambda: Matryoshka(3, (0.5, 0.25, 1)), "give shares of the latents that rise from above 0 to 1"),
        (lambda: Matryoshka(3, (0.5,)), "give shares of the latents that rise"),
        (lambda: Matryoshka(3, ()), "give shares of the latents that rise"),
        (lambda: Matryoshka(2.5, batch=False), "k=2.5: give a whole number"),
        (lambda: Plan(SITE, 8, BatchTopK(9.5)), "k=9.5: more than the 8 latents there are"),
        (lambda: Plan(SITE, 8, Matryoshka(3, (0.01, 1.0))), "give fewer, or more latents"),
    ],
)
def test_settings_that_make_no_sense_are_refused(made, words):
    with pytest.raises(DepthscopeError, match=words):
        made()


def test_plans_of_other_settings_have_other_names():
    named = [Plan(SITE, 64, one).name for one in (*ALL, ReLU(), ReLU(0.1))]
    assert len(set(named)) == len(named)
    assert named[0] == "layer-3-n64-topk-k3"
    assert named[-2] == "layer-3-n64-relu"
