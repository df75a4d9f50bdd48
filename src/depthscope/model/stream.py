"""The residual stream as a block takes it and gives it back."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

import torch

# XLNet puts the tokens first; models with several residual streams (hyper-connections, AltUp) carry them beside the
# tokens or before the batch.
Layout = Literal[
    "batch token feature", "token batch feature", "batch token stream feature", "stream batch token feature"
]


def layout_of(state: torch.Tensor, batch: int, tokens: int) -> Layout:
    """How a block's state lies in memory, seen from its shape in a pass over ``batch`` texts of ``tokens`` tokens."""
    expected = {"batch": batch, "token": tokens}
    for layout in get_args(Layout):
        names = layout.split()
        if state.ndim == len(names) and all(expected.get(n, k) == k for n, k in zip(names, state.shape, strict=True)):
            return layout  # type: ignore[no-any-return]
    raise LookupError(f"for {batch} texts of {tokens} tokens its state has the shape {tuple(state.shape)}")


def to_stream(state: torch.Tensor, layout: Layout) -> torch.Tensor:
    """(batch, token, feature): the parallel streams of a token, if there are several, as one long vector."""
    if layout == "batch token feature":
        return state
    names = layout.split()
    order = ["batch", "token", *(name for name in names if name not in ("batch", "token"))]
    return state.permute(*(names.index(name) for name in order)).flatten(2)


def from_stream(stream: torch.Tensor, layout: Layout, shape: torch.Size) -> torch.Tensor:
    """The inverse: the state of ``shape`` as it lies in memory."""
    if layout == "batch token feature":
        return stream
    names = layout.split()
    order = ["batch", "token", *(name for name in names if name not in ("batch", "token"))]
    parts = stream.reshape([shape[names.index(name)] for name in order])
    return parts.permute(*(order.index(name) for name in names))


def stream_in(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> torch.Tensor:
    """The state among a block's arguments: its ``hidden_states``, else the first that looks like one."""
    for value in (*args, kwargs.get("hidden_states"), *kwargs.values()):
        if _is_state(value):
            return value  # type: ignore[no-any-return]
    raise LookupError("the block receives no tensor of shape (batch, token, feature)")


def with_stream_in(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], state: torch.Tensor
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The same arguments with another state in them."""
    old = stream_in(args, kwargs)
    return tuple(state if value is old else value for value in args), {
        name: state if value is old else value for name, value in kwargs.items()
    }


def stream_out(output: Any) -> torch.Tensor:
    """The state among a block's outputs: older blocks give a tuple, newer ones the tensor itself."""
    first = output[0] if isinstance(output, tuple | list) and output else output
    if not _is_state(first):
        raise LookupError("the block gives no tensor of shape (batch, token, feature)")
    return first  # type: ignore[no-any-return]


def with_stream_out(output: Any, state: torch.Tensor) -> Any:
    """The same output with another state in it, of the very shape that the block gave."""
    if isinstance(output, tuple) and hasattr(output, "_replace"):  # a named tuple
        return type(output)(state, *output[1:])
    if isinstance(output, tuple | list):
        return type(output)([state, *output[1:]])
    return state


def _is_state(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.ndim in (3, 4) and value.is_floating_point()
