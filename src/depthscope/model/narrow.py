"""Work of the last block for the tokens that are asked for alone: nothing reads what it makes of the others."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from depthscope.model.hooks import hooks
from depthscope.model.stream import stream_out

WORTH = 0.1  # share of a block's weights from which it pays to hand tokens round
# in these precisions rounding cannot be taken for what other tokens do; relative to the largest element
ROUNDING = {torch.float64: 1e-13, torch.float32: 1e-5}


def tail(network: nn.Module, block: nn.Module, run: Callable[[], None]) -> tuple[nn.Module, ...]:
    """The children of the last block that need not see the tokens that nobody asks for.

    They treat each token by itself: given two tokens alone, they answer as in the whole. And what they make of the others
    is not read: without it, the block gives the same for those two (what is before attention does not pass).

    Parameters
    ----------
    block : Module
        A part of ``network`` that ``run`` runs on at least two texts of at least three tokens. Children that take anything
        but one vector per token, give anything else, or hold little of the block's weights are passed over.
    """
    seen = _calls(network, block, run)
    ((_, whole),) = seen.pop(block)
    weights = _size(block)
    found = []
    for module, calls in seen.items():
        if len(calls) != 1 or _size(module) < WORTH * weights or not _is_tokenwise(module, *calls[0]):
            continue
        rows, positions = _two(stream_out(whole))
        with narrowed(network, (module,), stream_out(whole).shape, rows, positions):
            ((_, alone),) = _calls(network, block, run)[block]
        if _close(stream_out(alone)[rows, positions], stream_out(whole)[rows, positions]):
            found.append(module)
    return tuple(found)


def _calls(network: nn.Module, block: nn.Module, run: Callable[[], None]) -> dict[nn.Module, list[tuple[Any, Any]]]:
    """What a block and its children were given and gave."""
    given: dict[nn.Module, tuple[Any, Any]] = {}
    seen: dict[nn.Module, list[tuple[Any, Any]]] = {}

    def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
        given[module] = args, kwargs

    def leave(module: nn.Module, args: Any, output: Any) -> None:
        seen.setdefault(module, []).append((given[module], output))

    with hooks(network) as placed:
        for module in (block, *block.children()):
            placed.before(module, enter)
            placed.after(module, leave)
        run()
    return seen


def _size(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def _two(state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Two tokens of two texts, in no order."""
    last = state.shape[1] - 1
    return torch.tensor([1, 0]), torch.tensor([last, last // 2])


def _is_tokenwise(module: nn.Module, given: tuple[Any, Any], output: Any) -> bool:
    args, kwargs = given
    if kwargs or len(args) != 1 or not all(isinstance(one, torch.Tensor) and one.ndim == 3 for one in (*args, output)):
        return False
    if args[0].shape[:2] != output.shape[:2]:
        return False
    rows, positions = _two(args[0])
    return _close(module(args[0][rows, positions][None])[0], output[rows, positions])


def _close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and bool((a - b).abs().max() <= ROUNDING.get(b.dtype, -1.0) * b.abs().max())


@contextmanager
def narrowed(
    network: nn.Module, modules: Sequence[nn.Module], shape: Sequence[int], rows: torch.Tensor, positions: torch.Tensor
) -> Iterator[None]:
    """Let ``modules`` (:func:`tail`) work on the tokens at ``rows`` and ``positions`` alone.

    ``shape`` begins with those of the batch: texts, tokens. What they give for the others is 0.
    """
    place = torch.unique(rows * shape[1] + positions)

    def choose(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return (args[0].flatten(0, 1).index_select(0, place.to(args[0].device))[None],), kwargs

    def spread(module: nn.Module, args: Any, output: torch.Tensor) -> torch.Tensor:
        full = output.new_zeros(shape[0] * shape[1], output.shape[-1])
        full.index_copy_(0, place.to(output.device), output[0])
        return full.reshape(shape[0], shape[1], -1)

    with hooks(network) as placed:
        for module in modules:
            placed.before(module, choose)
            placed.after(module, spread)
        yield
