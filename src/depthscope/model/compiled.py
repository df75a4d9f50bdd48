"""Networks that torch.compile has been at: measured eagerly, on the same weights, and left compiled."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from depthscope.model.turns import Shared

# the stance of the compiler is one for all threads
_EAGER = Shared(lambda: torch.compiler.set_stance("force_eager"))


def uncompiled(network: Any) -> Any:
    """The network that ``torch.compile`` was given, if ``network`` is what it gave back; else the network itself."""
    while isinstance(inside := getattr(network, "_orig_mod", None), nn.Module):
        network = inside
    return network


def eagerly(network: nn.Module) -> AbstractContextManager[None]:
    """While it lasts, compiled parts of the network run as they were written.

    A graph is compiled with the hooks that were set when it was traced: it may ignore those that are set later, or it is
    compiled again for each, with other rounding. Nothing that is compiled already is lost.
    """
    if not any(map(_is_compiled, network.modules())):
        return nullcontext()  # which spares the import of the compiler
    return _EAGER()


def _is_compiled(module: nn.Module) -> bool:
    """By ``torch.compile(module)``, ``module.compile()``, or ``torch.compile(module.forward)``."""
    return (
        "_orig_mod" in module._modules
        or getattr(module, "_compiled_call_impl", None) is not None
        or hasattr(module.forward, "_torchdynamo_orig_callable")
    )
