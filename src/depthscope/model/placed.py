"""Networks whose parts lie on several devices, or wait on a disk until they run (accelerate's ``device_map``)."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn


def input_device(network: nn.Module) -> torch.device:
    """Where token ids go: to the embeddings, or to the device on which these are put when they run."""
    find: Any = getattr(network, "get_input_embeddings", None)
    module = find() if find is not None else network
    weight = next(module.parameters(), None) if isinstance(module, nn.Module) else None
    if weight is None:  # a network of no kind that load accepts
        weight = next(network.parameters())
    if not weight.is_meta:
        return weight.device
    for hook in _hooks(module):
        if (device := getattr(hook, "execution_device", None)) is not None:
            return torch.device("cuda", device) if isinstance(device, int) else torch.device(device)
    return weight.device


def is_absent(network: nn.Module) -> bool:
    """Whether some weights have no values, here or elsewhere: the network was built on the meta device."""
    return any(tensor.is_meta and stored(network, name) is None for name, tensor in network.named_parameters())


def stored(network: nn.Module, name: str) -> torch.Tensor | None:
    """Values of the offloaded parameter or buffer ``name``, from the memory or the file in which they wait."""
    path, _, leaf = name.rpartition(".")
    for hook in _hooks(network.get_submodule(path)):
        if (waiting := getattr(hook, "weights_map", None)) is not None:
            try:
                return waiting[leaf]  # type: ignore[no-any-return]
            except KeyError:
                continue
    return None


def _hooks(module: Any) -> Iterator[Any]:
    """What accelerate runs before and after a module; several are wrapped in one."""
    waiting = [getattr(module, "_hf_hook", None)]
    while waiting:
        hook = waiting.pop(0)
        if hook is not None:
            yield hook
            waiting += getattr(hook, "hooks", ())
