"""What packed weights would take, before any is read."""

from typing import Any

from depthscope.errors import DepthscopeError, require
from depthscope.model.quantization.naming import name_of, settings_of

# of each scheme: bits that hold a weight; weights that share what is beside them (0: a row); bytes of that, and how many
# numbers of the network's own precision; bytes of tables beside every matrix
HELD = {
    "nf4": (4, 64, 4.0, 0, 64),
    "fp4": (4, 64, 4.0, 0, 64),
    # scales in a byte each, which have scales of their own, a mean and a table
    "nf4-double": (4, 64, 1 + 4 / 256, 0, 64 + 4 + 1024),
    "int8": (8, 0, 4.0, 0, 0),
    "int8-vectorwise": (8, 0, 4.0, 0, 0),
    "torchao-int8": (8, 0, 5.0, 0, 0),
    "torchao-int8-dynamic": (8, 0, 5.0, 0, 0),
    # in a byte each
    "torchao-int4": (8, 32, 1.0, 1, 0),
    "torchao-float8": (8, 0, 4.0, 0, 0),
    "quanto-int8": (8, 0, 0.0, 1, 0),
    "quanto-float8": (8, 0, 0.0, 1, 0),
    "quanto-int4": (4, 128, 0.0, 2, 0),
    "quanto-int2": (2, 128, 0.0, 2, 0),
}


def packed_bytes(network: Any, chosen: Any, device: str) -> int:
    """Bytes of all parameters and buffers of a network, were it loaded in a scheme.

    Which weights are packed is asked of transformers.

    Parameters
    ----------
    network : PreTrainedModel
        On the device "meta"; its layers are replaced.
    chosen : transformers quantisation config
        From :func:`depthscope.model.quantization.quantization_config`.
    device : str
        Where it is to run.

    Raises
    ------
    DepthscopeError
        A scheme whose scales are not known here, or one that finds nothing to pack.
    """
    name = name_of(settings_of(chosen))
    if name not in HELD:
        raise DepthscopeError(
            f"quantization={name!r}: what it takes is seen only when the model is loaded; leave it out of the estimate, or "
            f"choose one of {', '.join(HELD)}"
        )
    bits, group, fixed, numbers, tables = HELD[name]
    quantizer = require("transformers.quantizers.auto", "models").AutoHfQuantizer.from_config(
        chosen, pre_quantized=False
    )
    precision = network.dtype
    quantizer.preprocess_model(model=network, dtype=precision, device_map={"": device})
    total, packed = 0.0, 0
    for tensor_name, p in network.named_parameters():
        if not quantizer.param_needs_quantization(network, tensor_name):
            total += p.numel() * (p.itemsize if p.is_floating_point() else precision.itemsize)
            continue
        packed += 1
        shared = p.numel() / group if group else p.shape[0]
        total += p.numel() * bits / 8 + shared * (fixed + numbers * precision.itemsize) + tables
    if not packed:
        raise DepthscopeError(
            f"quantization={name!r}: it finds nothing to quantise in {type(network).__name__}; choose another scheme, or "
            "leave it out"
        )
    buffers = {id(b): b for b in network.buffers()}
    return int(total + sum(b.numel() * b.itemsize for b in buffers.values()))
