"""What the weights of a network really take, looked up in the tensors that hold them."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from depthscope.model.quantization import SCHEMES, is_packed, scheme_of


def weight_bytes(network: nn.Module) -> int:
    """Bytes of all parameters and buffers, with the scales and tables of quantised ones.

    Counted by storage, so that what is shared (tied embeddings, one code table for all layers) counts once, and a view
    counts as all that it keeps alive. transformers' ``get_memory_footprint()`` counts quanto's and torchao's weights as if they
    were not quantised, and leaves out the scales of bitsandbytes'.
    """
    storages: dict[tuple[torch.device, int], int] = {}
    for _, tensor in held(network):
        if tensor.is_meta:  # offloaded: it takes no memory here
            continue
        storage = tensor.untyped_storage()
        storages[tensor.device, storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


def describe(network: nn.Module) -> str:
    """How the weights are held and what they take, e.g. ``"nf4 (bitsandbytes), 170 MB"`` or ``"float32, 538 MB"``."""
    name = scheme_of(getattr(network, "config", None))
    # where transformers had to unpack a GGUF file, its config says gguf all the same
    if name is None or (name == "gguf" and not is_packed(network)):
        takes: dict[torch.dtype, int] = {}
        for parameter in network.parameters():
            takes[parameter.dtype] = takes.get(parameter.dtype, 0) + parameter.numel() * parameter.itemsize
        how = str(max(takes, key=lambda dtype: takes[dtype])).removeprefix("torch.") if takes else "no weights"
    else:
        how = f"{name} ({SCHEMES[name].library})" if name in SCHEMES else name
    megabytes = weight_bytes(network) / 1e6
    return f"{how}, {megabytes:.{0 if megabytes >= 10 else 2}f} MB"


def held(network: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Every plain tensor by name: parameters, buffers, and what quantised ones are made of.

    Tied parameters come under each of their names.
    """
    for prefix, module in network.named_modules(remove_duplicate=False):
        own = {**module._parameters, **module._buffers}
        for name, tensor in own.items():
            if tensor is not None:
                yield from _parts(f"{prefix}.{name}" if prefix else name, tensor)
        yield from _companions(prefix, module)


def _parts(name: str, tensor: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """The plain tensors inside of one; torchao and quanto nest them, bitsandbytes hangs a state on it."""
    if is_traceable_wrapper_subclass(tensor):
        for part in tensor.__tensor_flatten__()[0]:
            yield from _parts(f"{name}.{part}", getattr(tensor, part))
        return
    yield name, tensor.detach()
    yield from _state_parts(name, getattr(tensor, "quant_state", None))


def _state_parts(name: str, state: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """bitsandbytes' 4-bit state: scales, code table, offset; the scales may have a state of their own."""
    if state is None:
        return
    for part in ("absmax", "code", "offset"):
        tensor = getattr(state, part, None)
        if isinstance(tensor, torch.Tensor):
            yield f"{name}.{part}", tensor
    yield from _state_parts(f"{name}.state2", getattr(state, "state2", None))


def _companions(prefix: str, module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Scales that no parameter carries."""
    # bitsandbytes int8: on the weight before the first pass, in the module's state after it
    for owner in (module._parameters.get("weight"), getattr(module, "state", None)):
        scales = getattr(owner, "SCB", None)
        if isinstance(scales, torch.Tensor):
            yield f"{prefix}.weight.SCB", scales
    # HQQ: a table beside the packed weight
    meta = getattr(module, "meta", None)
    if hasattr(module, "W_q") and isinstance(meta, dict):
        yield from ((f"{prefix}.{key}", value) for key, value in meta.items() if isinstance(value, torch.Tensor))
