"""Settings around our work that would change its numbers: switched off inside, or else written down."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from depthscope.model.turns import Shared

_DEVICES = ("cpu", "cuda", "mps", "xpu", "hpu", "mtia", "ipu", "xla", "maia", "privateuseone")
_EXACT = ("none", "ieee")

# what is no matter of the settings of torch, and what it is where nobody has touched it
_VARIABLES = {"NVIDIA_TF32_OVERRIDE": "0", "ONEDNN_DEFAULT_FPMATH_MODE": "STRICT"}


@contextmanager
def plainly() -> Iterator[None]:
    """While it lasts: no autocast, tensors on the CPU unless asked otherwise, float32 products in float32.

    The first two for this thread. The last (TF32 and bfloat16 in the place of float32: ``set_float32_matmul_precision``,
    ``allow_tf32``, ``fp32_precision``) is a setting of the whole process: all threads have it until the last one is done.
    Where nothing is set, nothing is touched. Works as a decorator too.
    """
    with ExitStack() as stack:
        for device in _DEVICES:
            if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        if _whole.used or _is_reduced():
            stack.enter_context(_whole())
        yield


def settings() -> str:
    """What else is set in this process that may change the last bits, or more, in words; empty if nothing is.

    It is left as it is, since a network may be written for it, or since it only chooses among kernels; so it is for the
    record.
    """
    backends, said = torch.backends, []
    if torch.get_default_dtype() != torch.float32:
        said.append(f"default dtype {str(torch.get_default_dtype()).removeprefix('torch.')}")
    if torch.are_deterministic_algorithms_enabled():
        said.append("deterministic algorithms")
    if not backends.mkldnn.enabled:
        said.append("no oneDNN")
    if float(torch.tensor(1e-39) * 0.5) == 0:
        said.append("denormal numbers flushed to zero")
    said += _kernels()
    said += [f"{name}={value}" for name, plain in _VARIABLES.items() if (value := os.environ.get(name, plain)) != plain]
    return ", ".join(said)


def _kernels() -> list[str]:
    """The switches carry the name of CUDA, and attention on a CPU obeys them as well."""
    cuda: Any = torch.backends.cuda
    kernels = {"flash": "flash_sdp", "memory-efficient": "mem_efficient_sdp", "math": "math_sdp", "cuDNN": "cudnn_sdp"}
    said = [f"no {name} attention" for name, key in kernels.items() if not getattr(cuda, f"{key}_enabled", bool)()]
    for kind in ("fp16", "bf16"):
        if not getattr(cuda.matmul, f"allow_{kind}_reduced_precision_reduction", True):
            said.append(f"{kind} sums in full precision")
    if getattr(cuda.matmul, "allow_fp16_accumulation", False):
        said.append("fp16 sums in fp16")
    return said


def _products() -> list[Any]:
    """Where torch keeps how float32 products are made, by library; none before torch 2.9."""
    places = (getattr(getattr(torch.backends, name), "matmul", None) for name in ("cuda", "mkldnn"))
    return [place for place in places if hasattr(place, "fp32_precision")]


def _is_reduced() -> bool:
    return any(place.fp32_precision not in _EXACT for place in _products()) or _asked() not in ("highest", "")


def _asked() -> str:
    """By the older of two ways to ask, which torch refuses to give once the newer one has been used."""
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return ""


@contextmanager
def _in_full() -> Iterator[None]:
    before, places = _asked(), [(place, place.fp32_precision) for place in _products()]
    try:
        if before:
            torch.set_float32_matmul_precision("highest")
        for place, _ in places:
            if place.fp32_precision not in _EXACT:
                place.fp32_precision = "ieee"
        yield
    finally:
        if before:
            torch.set_float32_matmul_precision(before)
        for place, precision in places:
            if place.fp32_precision != precision:
                place.fp32_precision = precision


_whole = Shared(_in_full)
