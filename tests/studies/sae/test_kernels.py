"""Sparse products against dense ones, in value and gradient."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from depthscope.studies.sae import forward
from depthscope.studies.sae.activations.batch_topk import BatchTopK
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.kernels import decode, largest, selected, transposed
from depthscope.studies.sae.sparse import Sparse
from depthscope.studies.sae.training.plan import Plan
from depthscope.studies.sae.training.recipe import Recipe
from depthscope.studies.sae.training.trainer import Trainer
from tests.studies.sae.toys import SITE, Toy

N, LATENTS, WIDTH, K = 7, 20, 5, 3


@pytest.fixture
def random():
    return torch.Generator().manual_seed(0)


def chosen(random, k=K):
    return torch.stack([torch.randperm(LATENTS, generator=random)[:k] for _ in range(N)])


def drawn(random, *shape):
    return torch.randn(*shape, generator=random, dtype=torch.float64)


@pytest.mark.parametrize("some_empty", [False, True])
def test_the_sparse_decoder_and_its_gradient_are_those_of_the_dense_product(random, some_empty):
    indices, values = chosen(random), drawn(random, N, K).abs() + 0.1
    if some_empty:
        values[0], values[2, 1], values[-1, -1] = 0, 0, 0
    decoder = drawn(random, LATENTS, WIDTH).requires_grad_()
    values.requires_grad_()
    weights = drawn(random, N, WIDTH)
    given = decode(Sparse(values, indices, LATENTS), decoder)
    found = torch.autograd.grad((given * weights).sum(), [values, decoder])
    dense = Sparse(values, indices, LATENTS).dense() @ decoder
    expected = torch.autograd.grad((dense * weights).sum(), [values, decoder])
    torch.testing.assert_close(given, dense)
    # an entry of value 0 is none
    torch.testing.assert_close(found[0], expected[0] * (values != 0))
    torch.testing.assert_close(found[1], expected[1])
    with torch.no_grad():
        torch.testing.assert_close(decode(Sparse(values, indices, LATENTS), decoder), dense)


def test_gradients_are_right_by_finite_differences(random):
    indices, values = chosen(random), (drawn(random, N, K).abs() + 0.1).requires_grad_()
    decoder = drawn(random, LATENTS, WIDTH).requires_grad_()
    assert gradcheck(lambda v, d: decode(Sparse(v, indices, LATENTS), d), (values, decoder))
    empty = values.detach().clone()
    empty[1] = 0
    assert gradcheck(lambda d: decode(Sparse(empty, indices, LATENTS), d), (decoder,))

    states, indices = drawn(random, N, WIDTH), chosen(random)
    bias, encoder, latent_bias = (
        drawn(random, *shape).requires_grad_() for shape in ((WIDTH,), (LATENTS, WIDTH), (LATENTS,))
    )

    def at(bias, encoder, latent_bias):
        dense = torch.nn.functional.linear(states - bias, encoder, latent_bias)
        return selected(dense.detach().gather(1, indices), indices, states, bias, encoder, latent_bias)

    assert gradcheck(at, (bias, encoder, latent_bias))


def test_the_encoder_learns_through_the_chosen_latents_alone(random):
    indices, states = chosen(random), drawn(random, N, WIDTH)
    parameters = [drawn(random, *shape).requires_grad_() for shape in ((WIDTH,), (LATENTS, WIDTH), (LATENTS,))]
    bias, encoder, latent_bias = parameters
    dense = torch.nn.functional.linear(states - bias, encoder, latent_bias)
    values = selected(dense.detach().gather(1, indices), indices, states, *parameters)
    torch.testing.assert_close(values, dense.gather(1, indices))
    weights = drawn(random, N, K)
    found = torch.autograd.grad((values.relu() * weights).sum(), parameters)
    expected = torch.autograd.grad((dense.gather(1, indices).relu() * weights).sum(), parameters)
    torch.testing.assert_close(found, expected)


def test_a_transposed_product_of_entries_in_any_order(random):
    values, indices, states = drawn(random, N, K), chosen(random), drawn(random, N, WIDTH)
    dense = Sparse(values, indices, LATENTS).dense().T @ states
    torch.testing.assert_close(transposed(values, indices, states, LATENTS), dense)
    mixed = torch.randperm(N * K, generator=random)
    rows = torch.arange(N).repeat_interleave(K)[mixed]
    found = transposed(values.flatten()[mixed], indices.flatten()[mixed], states, LATENTS, rows)
    torch.testing.assert_close(found, dense)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float32])
def test_narrower_numbers_work(random, kind):
    values, indices = drawn(random, N, K).abs().to(kind).requires_grad_(), chosen(random)
    decoder = drawn(random, LATENTS, WIDTH).to(kind).requires_grad_()
    given = decode(Sparse(values, indices, LATENTS), decoder)
    given.sum().backward()
    exact = Sparse(values.double(), indices, LATENTS).dense() @ decoder.double()
    torch.testing.assert_close(given.double(), exact, atol=0.05, rtol=0.05)
    assert given.dtype == decoder.grad.dtype == values.grad.dtype == kind


@given(st.integers(1, 700), st.integers(1, 9), st.integers(0, 3), st.booleans())
def test_the_largest_of_a_row_are_the_largest(latents, rows, seed, ties):
    before = torch.randn(rows, latents, generator=torch.Generator().manual_seed(seed))
    before = before.round() if ties else before
    k = 1 + (seed * 7) % min(latents, 12)
    values, indices = largest(before, k)
    assert torch.equal(values.sort(descending=True).values, before.topk(k).values)
    assert torch.equal(before.gather(1, indices), values)
    assert all(len(set(row)) == k for row in indices.tolist())


class Largest(TorchDispatchMode):
    """Numbers of the largest tensor that any operation gives."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        self.numbers = max(
            self.numbers, *(one.numel() for one in tree_leaves(found) if isinstance(one, torch.Tensor)), 0
        )
        return found


@pytest.mark.parametrize("activation", [TopK(4), BatchTopK(4)])
def test_no_step_holds_all_pre_activations_nor_a_dense_code(activation, monkeypatch):
    monkeypatch.setattr(forward, "CELLS", 2**14)
    toy = Toy(batch=1024, steps=3)
    trainer = Trainer([Plan(SITE, 512, activation, recipe=Recipe(dead_after=1000))], toy)
    trainer.begin()
    with Largest() as seen:
        for number, batch in enumerate(toy.batches()):
            told = trainer.step(batch, number, 3)
    assert next(iter(told.values()))["dead share"] > 0  # AuxK does no other
    assert 1024 * 24 <= seen.numbers < 1024 * 512 / 2
