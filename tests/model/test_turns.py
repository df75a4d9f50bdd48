"""Threads wait for each other at a network, at one that shares modules with it, and not at any other."""

import copy
import gc
import io
import re
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import depthscope as ds
from depthscope.model.miniature import byte_tokenizer
from depthscope.model.turns import _TURNS, Shared, alone
from tests.conftest import tiny_llama
from tests.model.toy import Toy

TOKENIZER = byte_tokenizer()
IDS = torch.arange(9)[None] + 20
SOON = 0.2  # seconds in which a thread that need not wait is done by far


def llama() -> Any:
    return tiny_llama(len(TOKENIZER))


def waits(first: nn.Module, second: nn.Module) -> bool:
    """Whether another thread cannot have ``second`` while this one has ``first``; it gets it afterwards."""
    entered = threading.Event()

    def enter() -> None:
        with alone(second):
            entered.set()

    other = threading.Thread(target=enter)
    with alone(first):
        other.start()
        waited = not entered.wait(SOON)
    other.join(30)
    assert entered.is_set()
    return waited


def test_the_same_network_is_waited_for_also_under_another_name() -> None:
    network = llama()
    assert waits(network, network)
    assert waits(network, network.model)  # the trunk, loaded by itself
    assert waits(network.model, network)
    assert waits(network, torch.compile(network, backend="eager"))
    assert waits(network, nn.ModuleList([nn.Linear(2, 2), network.model.layers[3]]))


def test_other_networks_are_not_waited_for() -> None:
    network = llama()
    assert not waits(network, llama())
    assert not waits(network, copy.deepcopy(network))


def test_who_holds_two_that_are_joined_later_takes_both() -> None:
    one, two = llama(), llama()
    for network in (one, two):  # each has its turn before anything joins them
        with alone(network):
            pass
    both = nn.ModuleList([two, one])
    assert waits(both, one)
    assert waits(both, two)
    assert waits(one, both)
    assert not waits(one, two)


def test_threads_that_join_networks_in_either_order_come_to_an_end() -> None:
    one, two = llama(), llama()
    for network in (one, two):
        with alone(network):
            pass
    pairs = [nn.ModuleList([one, two]), nn.ModuleList([two, one])]

    def enter(i: int) -> int:
        with alone(pairs[i % 2]), alone(pairs[i % 2][1]):
            return i

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(enter, range(400), timeout=60)) == list(range(400))


def test_a_thread_may_enter_again_and_leave_in_any_order() -> None:
    network = llama()
    with alone(network), alone(network):
        pass
    first, second = alone(network), alone(network)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert not waits(llama(), network)


def test_an_error_inside_frees_the_network() -> None:
    network = llama()
    with pytest.raises(KeyError), alone(network):
        raise KeyError
    model = ds.load(network, TOKENIZER)
    with pytest.raises(KeyError), model.listening(lambda *_: {}["missing"]):
        model.run_trunk(IDS)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(ds.load, network, TOKENIZER).result(60)


def test_nothing_is_left_on_a_network_which_can_be_copied_saved_and_forgotten() -> None:
    network = Toy()
    ds.load(network, TOKENIZER)
    copy.deepcopy(network)
    torch.save(network, io.BytesIO())
    gone, turns = weakref.ref(network), len(_TURNS)
    del network
    gc.collect()
    assert gone() is None
    assert len(_TURNS) < turns


def states_of(model: ds.Model) -> list[torch.Tensor]:
    states: list[torch.Tensor] = []
    with model.listening(lambda _, state: states.append(state.clone())):
        model.run_trunk(IDS)
    return states


def test_a_pass_that_another_thread_of_the_user_makes_is_neither_heard_nor_changed() -> None:
    """Of the user's own passes nothing is known; they take no turns."""
    model = ds.load(llama(), TOKENIZER)
    network: Any = model.network

    def own() -> torch.Tensor:
        with torch.no_grad():
            return network(IDS.flip(1)).logits

    plain, heard, outputs = own(), [], []
    with model.chain.recording(network, outputs):
        model.run_trunk(IDS)
    with ThreadPoolExecutor(1) as pool:

        def edit(_: int, state: torch.Tensor) -> None:
            state.zero_()

        with (
            model.listening(lambda number, _: heard.append(number)),
            model.editing(edit, range(model.depth + 1)),
            model.chain.standing_in(network, outputs[:3]),
        ):
            torch.testing.assert_close(pool.submit(own).result(60), plain, rtol=0, atol=0)
        assert heard == []
        whole = threading.Event()

        def disturb(_: int, state: torch.Tensor) -> None:
            if not whole.is_set():  # in the middle of a pass of ours
                whole.set()
                torch.testing.assert_close(pool.submit(own).result(60), plain, rtol=0, atol=0)

        undisturbed = states_of(model)
        with model.editing(disturb, (2,)):
            disturbed = states_of(model)
    assert whole.is_set()
    assert [torch.equal(a, b) for a, b in zip(disturbed, undisturbed, strict=True)] == [True] * 7


def test_a_setting_of_all_threads_is_taken_back_by_the_last() -> None:
    made: list[str] = []

    @contextmanager
    def make() -> Iterator[None]:
        made.append("made")
        yield
        made.append("taken back")

    shared = Shared(make)
    first, second = shared(), shared()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert made == ["made"]
    second.__exit__(None, None, None)
    assert made == ["made", "taken back"]


def test_two_compiled_networks_at_a_time_leave_the_compiler_as_it_was() -> None:
    from torch._dynamo import eval_frame

    models = [ds.load(torch.compile(llama(), backend="eager"), TOKENIZER) for _ in range(2)]
    plain = states_of(models[0])
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(states_of, models * 20))
    assert all(torch.equal(a, b) for states in found for a, b in zip(states, plain, strict=True))
    assert eval_frame._stance.stance == "default"


@pytest.mark.parametrize("pattern", [r"\.register_forward", r"\.forward = "])
def test_hooks_are_set_at_one_place_and_forwards_replaced_at_one(pattern: str) -> None:
    source = Path(ds.__file__).parent
    places = [p.name for p in sorted(source.rglob("*.py")) if re.search(pattern, p.read_text())]
    assert len(places) == 1, places


def test_random_networks_of_two_threads_are_those_of_one() -> None:
    model = ds.load(llama(), TOKENIZER)
    build: Callable[[int], str] = lambda seed: ds.untrained(model, seed).fingerprint  # noqa: E731
    plain = [build(seed) for seed in range(3)]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(build, [0, 1, 2] * 4)) == plain * 4
