"""A network in half precision that computes in float32 for a while: what differs then is no rounding."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from depthscope.model.hooks import hooks

HALF = (torch.bfloat16, torch.float16)


@contextmanager
def in_float32(network: nn.Module, blocks: Iterable[nn.Module]) -> Iterator[None]:
    """Weights in half precision are those same numbers in float32 while the context lasts, and then what they were.

    Each of the ``blocks``, which hold most of them, is widened only while it runs, so that little memory is needed.
    """
    blocks = list(blocks)
    inside = {id(tensor) for block in blocks for tensor in _tensors(block)}
    kept: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def widen(tensors: Iterable[torch.Tensor]) -> None:
        for tensor in tensors:
            if tensor.dtype in HALF:
                kept[id(tensor)] = tensor, tensor.data
                tensor.data = tensor.data.float()

    def narrow(tensors: Iterable[torch.Tensor]) -> None:
        for tensor in tensors:
            if id(tensor) in kept:
                tensor.data = kept.pop(id(tensor))[1]

    with hooks(network) as placed:
        for block in blocks:
            placed.before(block, _with(block, widen))
            placed.after(block, _with(block, narrow))
        try:
            widen(tensor for tensor in _tensors(network) if id(tensor) not in inside)
            yield
        finally:
            narrow([tensor for tensor, _ in kept.values()])


def _with(block: nn.Module, change: Callable[[Iterable[torch.Tensor]], None]) -> Callable[..., None]:
    def hook(*_: Any) -> None:
        change(_tensors(block))

    return hook


def _tensors(network: nn.Module) -> list[torch.Tensor]:
    return [*network.parameters(), *network.buffers()]
