"""What is set around our work does not change its numbers, or is on record."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torch.utils._python_dispatch
import xarray as xr

import depthscope as ds
from depthscope.capture.patching import patch
from depthscope.capture.reading import read_text
from depthscope.model.miniature import byte_tokenizer
from depthscope.model.model import measuring
from depthscope.model.plain import _asked, plainly, settings
from depthscope.run.environment import environment
from tests.conftest import tiny_llama

TOKENIZER = byte_tokenizer()
TABLE = pd.DataFrame(
    [
        ("shark", "a", "The lawyer is a shark.", "shark", "Sue"),
        ("shark", "b", "The big fish is a shark.", "shark", "Swim"),
    ],
    columns=["item", "condition", "text", "target", "probe"],
)
BACKENDS: Any = torch.backends
Setting = Callable[[], AbstractContextManager[Any]]


@contextmanager
def put(name: str, value: Any, read: Callable[[], Any], write: Callable[[Any], Any]) -> Iterator[None]:
    before = read()
    write(value)
    assert read() == value, name
    try:
        yield
    finally:
        write(before)


def default_dtype(dtype: torch.dtype) -> Setting:
    return lambda: put("dtype", dtype, torch.get_default_dtype, torch.set_default_dtype)


def matmul(precision: str) -> Setting:
    return lambda: put("matmul", precision, _asked, torch.set_float32_matmul_precision)


def fp32(place: Any, value: str) -> Setting:
    return lambda: put("fp32", value, lambda: place.fp32_precision, lambda new: setattr(place, "fp32_precision", new))


class Watching(torch.utils._python_dispatch.TorchDispatchMode):
    """Sees every operation and changes none, as profilers and counters do."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


# nothing of it is seen, because it is switched off inside or touches nothing
UNSEEN: dict[str, Setting] = {
    "autocast to bfloat16": lambda: torch.autocast("cpu", torch.bfloat16),
    "autocast to float16": lambda: torch.autocast("cpu", torch.float16),
    "a default device": lambda: torch.device("meta"),
    "matmul precision high": matmul("high"),
    "matmul precision medium": matmul("medium"),
    "no gradients": torch.no_grad,
    "gradients": torch.enable_grad,
    "inference": torch.inference_mode,
    "anomaly detection": lambda: torch.autograd.set_detect_anomaly(True, check_nan=True),
    "a mode that watches": Watching,
    "random state": lambda: torch.random.fork_rng(devices=[]),
    "numpy's warnings off": lambda: np.errstate(all="ignore"),
}
# left as it is, and told
TOLD: dict[str, tuple[Setting, str]] = {
    "default dtype": (default_dtype(torch.float64), "default dtype float64"),
    "half as the default dtype": (default_dtype(torch.bfloat16), "default dtype bfloat16"),
    "one kernel of attention": (
        lambda: torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        "no flash attention, no memory-efficient attention, no cuDNN attention",
    ),
    "deterministic algorithms": (
        lambda: put(
            "deterministic",
            True,
            torch.are_deterministic_algorithms_enabled,
            torch.use_deterministic_algorithms,
        ),
        "deterministic algorithms",
    ),
    "no oneDNN": (lambda: BACKENDS.mkldnn.flags(enabled=False), "no oneDNN"),
    "denormal numbers": (
        lambda: put("denormal", True, lambda: "flushed" in settings(), torch.set_flush_denormal),
        "denormal numbers flushed to zero",
    ),
}


@pytest.fixture(scope="module")
def network() -> Any:
    return tiny_llama(len(TOKENIZER))


@pytest.fixture(scope="module")
def model(network: Any) -> ds.Model:
    return ds.load(network, TOKENIZER)


def everything(model: ds.Model) -> list[Any]:
    return [
        ds.trace(model, TABLE.drop(columns="probe"), lens=True, parts=True, progress=False),
        ds.trace_text(model, "The lawyer is a shark.", progress=False),
        patch(model, TABLE, "a", "b", progress=False),
        read_text(model, "The lawyer is a shark."),
        ds.load(model.network, TOKENIZER).checks,
    ]


@pytest.fixture(scope="module")
def plain(model: ds.Model) -> list[Any]:
    return everything(model)


def same(found: list[Any], expected: list[Any]) -> list[bool]:
    return [a.identical(b) if isinstance(b, xr.Dataset) else a == b for a, b in zip(found, expected, strict=True)]


@pytest.mark.parametrize("name", UNSEEN)
def test_what_is_set_around_us_changes_no_bit(name: str, model: ds.Model, plain: list[Any]) -> None:
    with UNSEEN[name]():
        found = everything(model)
    assert same(found, plain) == [True] * 5


@pytest.mark.parametrize("name", TOLD)
def test_what_may_be_the_networks_own_is_left_and_told(name: str, model: ds.Model, plain: list[Any]) -> None:
    setting, words = TOLD[name]
    with setting():
        found = everything(model)
        recorded = environment("cpu", 1)["settings"]
    assert recorded == found[0].attrs["settings"] == found[1].attrs["settings"] == words
    for one, other in zip(found[:2], plain[:2], strict=True):
        assert set(one.attrs) - set(other.attrs) == {"settings"}
        # this network takes its precision from its weights: only the order of sums may change
        np.testing.assert_allclose(one["gram"], other["gram"], rtol=0, atol=1e-6 * float(other["gram"].max()))


def test_where_nothing_is_set_nothing_is_told(plain: list[Any]) -> None:
    assert settings() == ""
    assert not any("settings" in one.attrs for one in plain[:4])
    assert "settings" not in environment("cpu", 1)


def test_variables_that_reduce_precision_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    assert settings() == "NVIDIA_TF32_OVERRIDE=1"
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    assert settings() == ""


def test_autocast_changes_what_the_user_runs_himself(network: Any) -> None:
    """Else the test above could not fail."""
    ids = torch.arange(9)[None] + 20
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert network(ids).logits.dtype == torch.bfloat16
        with measuring(network):
            assert network(ids).logits.dtype == torch.float32
        assert network(ids).logits.dtype == torch.bfloat16


SHORT = {
    "set_float32_matmul_precision": matmul("medium"),
    "allow_tf32": lambda: put(
        "tf32",
        True,
        lambda: BACKENDS.cuda.matmul.allow_tf32,
        lambda new: setattr(BACKENDS.cuda.matmul, "allow_tf32", new),
    ),
    "of CUDA": fp32(BACKENDS.cuda.matmul, "tf32"),
    "of oneDNN": fp32(getattr(BACKENDS.mkldnn, "matmul", None), "bf16"),
}


@pytest.mark.parametrize("name", SHORT)
def test_products_of_float32_are_made_in_float32_and_the_setting_is_put_back(name: str) -> None:
    if name.startswith("of") and not hasattr(BACKENDS, "fp32_precision"):
        pytest.skip("this torch has only the older way to ask")
    places = [BACKENDS.cuda.matmul, BACKENDS.mkldnn.matmul]

    def state() -> list[str]:
        return [_asked(), *(place.fp32_precision for place in places)]

    start = state()
    with SHORT[name]():
        before = state()
        with plainly():
            inside = state()
            with plainly():
                assert state() == inside
            assert state() == inside
        assert state() == before
        assert set(before) & {"tf32", "bf16"}
        assert inside[0] == "highest"
        assert set(inside[1:]) <= {"ieee", "none"}
    for place, precision in zip(places, start[1:], strict=True):
        place.fp32_precision = precision


@pytest.mark.parametrize("autocast", [torch.bfloat16, torch.float16])
def test_instruments_on_tensors_know_no_autocast(autocast: torch.dtype) -> None:
    updates = torch.randn(3, 12, 8, generator=torch.Generator().manual_seed(0))
    for precision in ("single", "double"):
        plain = ds.cse(updates, precision=precision)
        with torch.autocast("cpu", autocast):
            found = ds.cse(updates, precision=precision)
        torch.testing.assert_close(found, plain, rtol=0, atol=0, equal_nan=True)
