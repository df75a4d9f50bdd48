"""Several threads on one network get what one thread gets, bit for bit."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import depthscope as ds
from depthscope.capture.patching import patch
from depthscope.capture.reading import read_text
from depthscope.capture.windows import Window
from depthscope.model.cost import reading_speed
from depthscope.model.miniature import byte_tokenizer
from depthscope.model.parts import find_parts
from depthscope.scan.job import Asked, Job
from depthscope.scan.worker import Worker
from tests.conftest import tiny_llama

TOKENIZER = byte_tokenizer()
TEXTS = ["The lawyer is a shark.", "His silence became a wall.", "The storm broke over the old town.", "Key."]
ROWS = [
    ("shark", "a", "The lawyer is a shark.", "Sue"),
    ("shark", "b", "The big fish is a shark.", "Swim"),
    ("wall", "a", "His silence became a wall.", "Mute"),
    ("wall", "b", "The hedge became a wall.", "Stone"),
]
TABLE = pd.DataFrame(ROWS, columns=["item", "condition", "text", "probe"]).assign(target=lambda t: t["item"])
Work = Callable[[], Any]


@pytest.fixture(scope="module")
def network() -> Any:
    return tiny_llama(len(TOKENIZER))


@pytest.fixture(scope="module")
def works(network: Any) -> list[Work]:
    """Everything that runs the network, of two models around it and of one around its trunk."""
    model, second = ds.load(network, TOKENIZER), ds.load(network, TOKENIZER)
    headless = ds.load(network.model, TOKENIZER)
    window = _window(TEXTS[2])
    return [
        *(lambda text=text: ds.trace_text(model, text, progress=False) for text in TEXTS[:3]),
        lambda: ds.trace_text(second, TEXTS[3], lens=0, progress=False),
        lambda: ds.cse(ds.trace_text(headless, TEXTS[0], progress=False)),
        lambda: ds.trace(model, TABLE.drop(columns="probe"), parts=True, lens=True, progress=False),
        lambda: ds.cse(ds.trace(second, TABLE.drop(columns="probe"), token_budget=30, progress=False)),
        lambda: patch(second, TABLE, "a", "b", progress=False),
        lambda: read_text(model, " ".join(TEXTS)),
        lambda: Worker(second).measure(Job(0, [window], Asked(("cse", "norm", "surprisal")))),
        lambda: dict(ds.load(network, TOKENIZER).checks),
        lambda: find_parts(second).remainder,
        lambda: reading_speed(model, tokens=64) > 0,
    ]


def _window(text: str) -> Window:
    ids = np.array(TOKENIZER(text)["input_ids"])
    every = np.arange(len(ids))
    return Window("text", 0, ids, (0, len(ids)), every, every + 1)


def same(found: Any, expected: Any) -> bool:
    if isinstance(found, xr.Dataset | xr.DataArray):
        return bool(found.identical(expected))
    if isinstance(found, dict):
        return all(_equal(found[name], value) for name, value in expected.items())
    return bool(found == expected)


def _hooks(network: Any) -> int:
    """Ours, and those that transformers sets once and for all."""
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules())


def _equal(found: Any, expected: Any) -> bool:
    return found == expected if isinstance(expected, str) else np.array_equal(found, expected, equal_nan=True)


def test_a_pool_of_threads(works: list[Work], network: Any) -> None:
    network.train()
    expected = [work() for work in works]
    hooks = _hooks(network)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: works[i % len(works)](), range(2 * len(works))))
    wrong = [i % len(works) for i, one in enumerate(found) if not same(one, expected[i % len(works)])]
    assert wrong == []
    assert all(module.training for module in network.modules())
    assert _hooks(network) == hooks
    network.eval()


def test_asyncio(works: list[Work]) -> None:
    expected = [work() for work in works]

    async def main() -> list[Any]:
        return await asyncio.gather(*(asyncio.to_thread(work) for work in works))

    with ThreadPoolExecutor(1) as apart:  # the browser of other tests keeps a loop running in this thread
        found = apart.submit(asyncio.run, main()).result()
    assert [i for i, one in enumerate(found) if not same(one, expected[i % len(works)])] == []


def test_many_short_passes_of_two_threads(network: Any) -> None:
    """The report's own example: texts of different lengths, so that what is mixed up cannot go unseen."""
    model = ds.load(network, TOKENIZER)

    def one(text: str) -> Any:
        return ds.trace_text(model, text, lens=0, progress=False)["gram"].values

    expected = [one(text) for text in TEXTS]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(one, TEXTS * 8))
    assert [np.array_equal(a, b) for a, b in zip(found, expected * 8, strict=True)] == [True] * 32


def test_threads_of_the_user_beside_ours(network: Any) -> None:
    """What the user runs without us takes no turns: it is neither measured nor changed."""
    model = ds.load(network, TOKENIZER)
    ids = torch.tensor([TOKENIZER(TEXTS[1])["input_ids"]])

    def theirs() -> torch.Tensor:
        with torch.inference_mode():
            return network(ids).logits

    def ours() -> xr.Dataset:
        return ds.trace_text(model, TEXTS[0], progress=False)

    plain, expected = theirs(), ours()
    with ThreadPoolExecutor(2) as pool:
        both = [(pool.submit(ours), pool.submit(theirs)) for _ in range(20)]
        found = [(mine.result(), other.result()) for mine, other in both]
    assert all(mine.identical(expected) and torch.equal(other, plain) for mine, other in found)
