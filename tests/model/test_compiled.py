"""A compiled network is measured eagerly, on the same weights, and left compiled."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

import depthscope as ds
from tests.conftest import tiny_llama

IDS = torch.arange(9)[None]


class Counting:
    """A backend that runs the graph as it is, and counts."""

    def __init__(self) -> None:
        self.compiled = self.ran = 0

    def __call__(self, graph: Any, examples: Any) -> Any:
        self.compiled += 1

        def run(*args: Any) -> Any:
            self.ran += 1
            return graph(*args)

        return run


def whole(network: Any, backend: Any) -> Any:
    return torch.compile(network, backend=backend)


def in_place(network: Any, backend: Any) -> Any:
    network.compile(backend=backend)
    return network


def blocks(network: Any, backend: Any) -> Any:
    for block in network.model.layers:
        block.compile(backend=backend)
    return network


def blocks_replaced(network: Any, backend: Any) -> Any:
    for i, block in enumerate(network.model.layers):
        network.model.layers[i] = torch.compile(block, backend=backend)
    return network


def forward(network: Any, backend: Any) -> Any:
    network.forward = torch.compile(network.forward, backend=backend)
    return network


def trunk(network: Any, backend: Any) -> Any:
    network.model = torch.compile(network.model, backend=backend)
    return network


WAYS = [whole, in_place, blocks, blocks_replaced, forward, trunk]


def states_of(model: ds.Model) -> list[torch.Tensor]:
    states: list[torch.Tensor] = []
    with model.listening(lambda _, state: states.append(state.clone())):
        model.run_trunk(IDS)
    return states


@pytest.fixture(autouse=True)
def a_fresh_compiler() -> None:
    torch._dynamo.reset()


@pytest.mark.parametrize("used", [False, True], ids=["not run before", "run before"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_states_are_those_of_the_network_before_it_was_compiled(
    tokenizer: Any, tiny: ds.Model, way: Callable[..., Any], used: bool
) -> None:
    backend = Counting()
    given = way(tiny_llama(len(tokenizer)), backend)
    if used:
        with torch.no_grad():
            given(IDS)
        assert backend.ran
    ran = backend.ran
    model = ds.load(given, tokenizer)
    assert [torch.equal(a, b) for a, b in zip(states_of(model), states_of(tiny), strict=True)] == [True] * 7
    assert (type(model.network).__name__, model.name, model.depth) == ("LlamaForCausalLM", "in memory", 6)
    assert set(model.checks) == set(tiny.checks)
    assert backend.ran == ran, "a compiled graph was run"


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_it_is_left_compiled(tokenizer: Any, way: Callable[..., Any]) -> None:
    backend = Counting()
    given = way(tiny_llama(len(tokenizer)), backend)
    with torch.no_grad():
        given(IDS)
        compiled, ran = backend.compiled, backend.ran
        states_of(ds.load(given, tokenizer))
        given(IDS)
    # the very graphs of before ran again, and no new ones were made
    assert backend.compiled == compiled
    assert backend.ran == 2 * ran


def test_inductor_with_its_own_rounding_is_passed_over_too(tokenizer: Any, tiny: ds.Model) -> None:
    given = tiny_llama(len(tokenizer))
    for block in given.model.layers:  # type: ignore[union-attr]
        block.compile()
    with torch.no_grad():
        given(IDS)
    assert all(torch.equal(a, b) for a, b in zip(states_of(ds.load(given, tokenizer)), states_of(tiny), strict=True))


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_text_is_traced_as_before(tokenizer: Any, tiny: ds.Model, way: Callable[..., Any]) -> None:
    model = ds.load(way(tiny_llama(len(tokenizer)), Counting()), tokenizer)
    ours, theirs = (ds.trace_text(one, "A shark swims.", lens=3, progress=False) for one in (model, tiny))
    assert (ours.gram == theirs.gram).all()
    assert (ours.lens_entropy == theirs.lens_entropy).all()
    assert ours.attrs["fingerprint"] == theirs.attrs["fingerprint"]
