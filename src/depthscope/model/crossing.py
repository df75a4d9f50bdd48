"""Where a network attends: its attention modules, found by what they give, not by what they are called."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from depthscope.errors import DepthscopeError
from depthscope.model.hooks import Hooks, hooks

ASKED = "output_attentions"
# a row of attention is a distribution
CLOSE = 1e-2


@dataclass(frozen=True)
class Attending:
    """Paths of the attention modules of one stack, the first layer first, and how many heads each has."""

    paths: tuple[str, ...]
    heads: tuple[int, ...]

    def modules(self, network: nn.Module) -> list[nn.Module]:
        return [network.get_submodule(path) for path in self.paths]


@contextmanager
def eager(network: Any) -> Iterator[None]:
    """While it lasts, attention is computed in plain steps, with its weights at hand; then as before.

    Other implementations give the same output, and no weights.
    """
    if not hasattr(network, "set_attn_implementation"):
        yield
        return
    before = {
        id(part): (part, part.config._attn_implementation) for part in network.modules() if hasattr(part, "config")
    }
    network.set_attn_implementation("eager")
    try:
        yield
    finally:
        for part, kind in before.values():
            part.config._attn_implementation = kind


def weights_of(output: Any) -> torch.Tensor | None:
    """The weights (batch, head, query, key) that a module gave beside its output, if it did."""
    if not isinstance(output, tuple) or len(output) < 2:
        return None
    found = [one for one in output[1:] if isinstance(one, torch.Tensor) and one.ndim == 4]
    return next((one for one in found if _are_rows(one)), None)


def _are_rows(tensor: torch.Tensor) -> bool:
    if not tensor.is_floating_point():
        return False
    sums = tensor.detach().float().sum(-1)
    return bool((tensor.detach() >= 0).all()) and bool((sums - 1).abs().max() < CLOSE)


def find_attention(network: nn.Module, run: Callable[[], Any], fits: Callable[[int, int], bool]) -> Attending:
    """Modules that gave attention of a fitting shape while ``run`` ran, in the order in which they did.

    Parameters
    ----------
    run : callable
        One pass.
    fits : callable
        (queries, keys) -> whether that is the attention looked for.
    """
    seen: list[tuple[str, torch.Tensor]] = []

    def leave(path: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            weights = weights_of(output)
            # a module around another may hand on what that gave: the innermost comes first
            if weights is not None and fits(*weights.shape[-2:]) and not any(weights is one for _, one in seen):
                seen.append((path, weights))

        return hook

    with hooks(network) as placed:
        for path, module in network.named_modules():
            if path:
                _ask(placed, module)
                placed.after(module, leave(path))
        run()
    paths = [path for path, _ in seen]
    if len(set(paths)) < len(paths):
        raise DepthscopeError(
            f"{type(network).__name__}: an attention module runs twice in a pass, which is not known here"
        )
    return Attending(tuple(paths), tuple(int(weights.shape[1]) for _, weights in seen))


def _ask(placed: Hooks, module: nn.Module) -> None:
    """Have an attention module give its weights, if it does so only when it is asked to."""

    def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return args, {**kwargs, ASKED: True}

    # the innermost module that can be asked is attention itself; those around it would collect what it gives
    if _can_be_asked(module) and not any(_can_be_asked(part) for part in module.modules() if part is not module):
        placed.before(module, enter)


def _can_be_asked(module: nn.Module) -> bool:
    return ASKED in inspect.signature(module.forward).parameters


Receive = Callable[[int, torch.Tensor], None]


@contextmanager
def attending(network: nn.Module, parts: Sequence[tuple[Attending, Receive]]) -> Iterator[None]:
    """Hand the weights of every layer to ``receive(layer, weights)``, layer = 0 .., while they are there, and keep none.

    Weights are (batch, head, query, key) in the network's precision. Only within :func:`eager`.
    """

    def leave(number: int, receive: Receive) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            weights = output[1] if isinstance(output[1], torch.Tensor) and output[1].ndim == 4 else weights_of(output)
            if weights is None:
                raise DepthscopeError(
                    f"{type(network).__name__}: layer {number + 1} gave no attention; it needs eager attention"
                )
            receive(number, weights)

        return hook

    with hooks(network) as placed:
        for attention, receive in parts:
            for number, module in enumerate(attention.modules(network)):
                _ask(placed, module)
                placed.after(module, leave(number, receive))
        yield
