"""Listening to the residual stream: hooks that see every state and change nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

Receive = Callable[[int, torch.Tensor], None]


@contextmanager
def listening(blocks: Sequence[nn.Module], receive: Receive) -> Iterator[None]:
    """Call ``receive(0, state)`` with what enters the first block and ``receive(l, state)`` with what leaves block l.

    States are (batch, token, feature), before the final norm, the very tensors of the forward pass.
    """

    def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        receive(0, stream_in(args, kwargs))

    def leave(number: int) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            # returns nothing: torch would put what a hook returns in the output's place
            receive(number, stream_out(output))

        return hook

    handles = [blocks[0].register_forward_pre_hook(enter, with_kwargs=True)]
    handles += [block.register_forward_hook(leave(i)) for i, block in enumerate(blocks, 1)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def stream_in(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> torch.Tensor:
    """The state among a block's arguments: its ``hidden_states``, else the first (batch, token, feature) tensor."""
    for value in (*args, kwargs.get("hidden_states"), *kwargs.values()):
        if _is_state(value):
            return value  # type: ignore[no-any-return]
    raise LookupError("the block receives no tensor of shape (batch, token, feature)")


def stream_out(output: Any) -> torch.Tensor:
    """The state among a block's outputs: older blocks give a tuple, newer ones the tensor itself."""
    first = output[0] if isinstance(output, tuple | list) and output else output
    if not _is_state(first):
        raise LookupError("the block gives no tensor of shape (batch, token, feature)")
    return first  # type: ignore[no-any-return]


def with_stream_out(output: Any, state: torch.Tensor) -> Any:
    """The same output with another state in it."""
    if isinstance(output, tuple) and hasattr(output, "_replace"):  # a named tuple
        return type(output)(state, *output[1:])
    if isinstance(output, tuple | list):
        return type(output)([state, *output[1:]])
    return state


def _is_state(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.ndim == 3 and value.is_floating_point()
