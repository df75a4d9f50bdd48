"""Proof that bitsandbytes unpacks 4-bit weights to what they stand for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from depthscope.errors import DepthscopeError

if TYPE_CHECKING:
    import torch
    from torch import nn


def check_unpacking(network: "nn.Module", name: str) -> None:
    """Refuse a network whose 4-bit weights are unpacked to other numbers than their codes and scales say.

    On processors with AVX512, bitsandbytes 0.50 mixes up the scales of matrices whose rows are no whole number of blocks
    (64 weights): the relative error of nf4 grows from .09 to .25 and more. One matrix of each shape is decoded here by the
    definition and compared.
    """
    seen = set()
    for path, weight in network.named_parameters():
        state = getattr(weight, "quant_state", None)
        # a repacked one is in another layout, and was unpacked before
        if state is None or getattr(state, "packing_format_for_cpu", False) or tuple(state.shape) in seen:
            continue
        seen.add(tuple(state.shape))
        expected = decode(weight)
        found = import_module("bitsandbytes.functional").dequantize_4bit(weight.data, state).float()
        # half a step of the coarsest code is far more than rounding to 16 bits
        if float((found - expected).abs().max()) > 0.02 * float(expected.abs().max()):
            width = state.shape[-1]
            raise DepthscopeError(
                f"{name}: bitsandbytes unpacks the 4-bit weights of {path} ({width} columns) to wrong numbers on this "
                "processor; choose another scheme, such as torchao-int8 or int8"
            )


def decode(weight: Any) -> "torch.Tensor":
    """float32 values of a 4-bit weight, by the definition: two codes a byte, the first in the upper half, a scale per block."""
    import torch

    state = weight.quant_state
    scales = state.absmax
    if state.nested:
        scales = import_module("bitsandbytes.functional").dequantize_blockwise(scales, state.state2) + state.offset
    packed = weight.data.reshape(-1).view(torch.uint8)
    codes = torch.stack([packed >> 4, packed & 15], dim=1).reshape(-1)[: state.shape.numel()].long()
    values: torch.Tensor = state.code.float()[codes] * scales.float().repeat_interleave(state.blocksize)[: len(codes)]
    return values.reshape(*state.shape)
