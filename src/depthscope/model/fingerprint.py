"""A short name for exactly these weights."""

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import torch
from torch import nn

from depthscope.model.footprint import held
from depthscope.model.placed import stored
from depthscope.model.quantization import is_packed

SAMPLES = 1024


def fingerprint(network: nn.Module, code: Mapping[str, str] | None = None) -> str:
    """SHA-256 over the architecture and up to 1,024 evenly spaced values of every parameter and buffer.

    A sample, because hashing tens of gigabytes would take longer than the study; any training step changes it. Of
    quantised weights the codes and the scales are sampled, as they were before a forward pass repacked them (scales of
    bitsandbytes' 4-bit weights to bfloat16, which is what a repacked network has left of them). ``code``, digests of files
    that a model brought and that were run, is part of it.
    """
    digest = hashlib.sha256()
    config = getattr(network, "config", None)
    packed = is_packed(network)
    settings = config.to_dict() if config is not None else {}
    for volatile in ("_name_or_path", "transformers_version", "use_cache", "gguf"):
        settings.pop(volatile, None)
    if packed and isinstance(asked := settings.get("quantization_config"), dict):
        settings["quantization_config"] = {key: value for key, value in asked.items() if key != "gguf_file"}
    digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
    if code:
        digest.update(json.dumps(dict(code), sort_keys=True).encode())
    with torch.inference_mode():
        # not state_dict for packed weights: bitsandbytes changes the network when asked for it
        tensors: dict[str, Any] = dict(_canonical(network)) if packed else network.state_dict()
        # by the name that a weight had before its module was compiled
        for name, path in sorted((path.replace("_orig_mod.", ""), path) for path in tensors):
            tensor = tensors[path]
            if not isinstance(tensor, torch.Tensor):
                continue
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            if tensor.is_meta and (values := stored(network, path)) is not None:
                tensor = values.to(tensor.dtype)
            flat = tensor.detach().reshape(-1)
            step = max(1, -(-flat.numel() // SAMPLES))
            digest.update(flat[::step].double().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _canonical(network: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """What the network holds, 4-bit weights in one layout whether or not a forward pass has repacked them."""
    named = network.named_parameters(remove_duplicate=False)
    four = {name: weight for name, weight in named if getattr(weight, "quant_state", None) is not None}
    for name, tensor in held(network):
        if not any(name == other or name.startswith(f"{other}.") for other in four):
            yield name, tensor
    for name, weight in four.items():
        codes, scales = _unpacked(weight)
        yield name, codes
        yield f"{name}.absmax", scales.to(torch.bfloat16).reshape(-1)


def _unpacked(weight: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes and scales of a 4-bit weight of bitsandbytes, from copies: the network stays as it is."""
    library = import_module("bitsandbytes.functional")
    codes, state = weight.data, weight.quant_state
    if getattr(state, "packing_format_for_cpu", False):
        scales = state.absmax.T  # of the layout (block, row)
        # the inverse writes into the state that it is given
        codes, _ = library._convert_weight_packed_for_cpu_inverse(codes.clone(), copy.deepcopy(state))
        return codes.reshape(-1, 1), scales
    scales = state.absmax
    if state.nested:
        scales = library.dequantize_blockwise(scales, state.state2) + state.offset
    return codes.reshape(-1, 1), scales
