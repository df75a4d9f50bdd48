"""What has to be seen to in a network whose weights are packed."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from depthscope.errors import DepthscopeError, require
from depthscope.model.quantization.naming import name_of, scheme_of, settings_of

if TYPE_CHECKING:
    from torch import nn


def settle(network: "nn.Module") -> None:
    """Keep bitsandbytes' 4-bit weights as they were loaded; to be called before the first forward pass.

    On processors with AVX512-BF16 the first pass repacks them, rounds their scales to bfloat16 and computes in it, so
    that results depend on the processor; widths that are no multiple of 64 fail; and ``state_dict()`` after it destroys the
    weights (0.50). Without the repacking the layers unpack and compute in their input's precision, as elsewhere.
    """
    for module in network.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False  # type: ignore[assignment]


@contextmanager
def without_outliers(network: "nn.Module") -> Iterator[None]:
    """LLM.int8() rounds its outliers like all other features while the context lasts, so that tokens are independent."""
    found: list[Any] = [getattr(module, "state", None) for module in network.modules()]
    states = [state for state in found if hasattr(state, "threshold")]
    before = [state.threshold for state in states]
    try:
        for state in states:
            state.threshold = 0.0
        yield
    finally:
        for state, threshold in zip(states, before, strict=True):
            state.threshold = threshold


def gradless(network: "nn.Module") -> AbstractContextManager[None]:
    """No gradients, in the strictest way that the weights stand.

    quanto's packed weights (int4, int2) cannot be used in torch's inference mode.
    """
    torch = require("torch", "models")
    name = scheme_of(getattr(network, "config", None)) or ""
    context: AbstractContextManager[None] = torch.no_grad() if name.startswith("quanto") else torch.inference_mode()
    return context


def confirm(network: "nn.Module", scheme: Any, name: str) -> None:
    """Refuse a network whose weights are as they were although ``scheme`` was asked for.

    transformers only warns when it finds no layer to quantise (quanto and torchao take ``nn.Linear`` alone, which GPT-2
    has not), and unpacks a GGUF file where there is no kernel for it.
    """
    if not is_packed(network):
        asked = scheme if isinstance(scheme, str) else name_of(settings_of(scheme))
        raise DepthscopeError(
            f"{name}: transformers quantised nothing of {type(network).__name__} with {asked}; choose another scheme "
            "(nf4 and int8 know more kinds of layers), or leave quantization= out"
        )


def is_packed(network: "nn.Module") -> bool:
    """Whether any weight is held in another way than as a plain tensor of 16 bits or more."""
    return any(_packed(parameter) for parameter in network.parameters())


def _packed(parameter: "nn.Parameter") -> bool:
    from torch.utils._python_dispatch import is_traceable_wrapper_subclass

    # bitsandbytes may store its codes under a wider type (bnb_4bit_quant_storage), so its state is asked for
    state = getattr(parameter, "quant_state", None)
    return state is not None or parameter.itemsize == 1 or is_traceable_wrapper_subclass(parameter)
