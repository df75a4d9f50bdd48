"""A chain of blocks: listening to it with hooks that change nothing, and editing the states on their way."""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from depthscope.model.hooks import here, hooks
from depthscope.model.stream import (
    Layout,
    from_stream,
    stream_in,
    stream_out,
    to_stream,
    with_stream_in,
    with_stream_out,
)
from depthscope.model.turns import alone

Receive = Callable[[int, torch.Tensor], None]
Edit = Callable[[int, torch.Tensor], None]


@dataclass(frozen=True)
class Chain:
    """Which modules carry the residual stream, and how it is read off them.

    Attributes
    ----------
    path : str
        Of the list of modules.
    size : int
        Its length.
    members : tuple of int
        Those of its modules that run when text alone is given: all, but for cross-attention to absent images.
    factors : tuple of float
        What the network multiplies its stream by before each block: 1, but for networks that halve it now and then to
        stay in range (RWKV).
    layout : Layout
        Of a state in memory.
    """

    path: str
    size: int
    members: tuple[int, ...]
    factors: tuple[float, ...]
    layout: Layout = "batch token feature"

    def blocks(self, network: nn.Module) -> list[nn.Module]:
        """The modules themselves, in order."""
        modules = list(network.get_submodule(self.path).children())
        return [modules[i] for i in self.members]

    @property
    def peculiarities(self) -> str:
        """What is out of the ordinary, in words, for the record; empty if nothing is."""
        said = []
        if len(self.members) < self.size:
            said.append(f"{self.size - len(self.members)} of {self.size} modules do not run on text alone, passed over")
        scaled = [f"{i + 1} (x {factor:g})" for i, factor in enumerate(self.factors) if factor != 1]
        if scaled:
            said.append(f"the network rescales its stream before blocks {', '.join(scaled)}, undone")
        if "stream" in self.layout:
            said.append("parallel streams, taken as one vector")
        return "; ".join(said)

    def scale(self, number: int) -> float:
        """What the network has multiplied its stream by when state ``number`` stands."""
        return math.prod(self.factors[: max(number, 1)])

    def unscaled(self, number: int, stream: torch.Tensor) -> torch.Tensor:
        """A stream at state ``number``, or a part of the update that leads to it, without the network's own rescaling."""
        scale = self.scale(number)
        return stream if scale == 1 else stream / scale

    @contextmanager
    def listening(self, network: nn.Module, receive: Receive, *, raw: bool = False) -> Iterator[None]:
        """Call ``receive(0, state)`` with what enters the first block and ``receive(l, state)`` with what leaves block l.

        States are (batch, token, feature), before the final norm; with ``raw`` the very tensors of the forward pass.
        """

        def hand_over(number: int, state: torch.Tensor) -> None:
            receive(number, state if raw else self.unscaled(number, to_stream(state, self.layout)))

        def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            hand_over(0, stream_in(args, kwargs))

        def leave(number: int) -> Callable[[nn.Module, Any, Any], None]:
            def hook(module: nn.Module, args: Any, output: Any) -> None:
                # returns nothing: torch would put what a hook returns in the output's place
                hand_over(number, stream_out(output))

            return hook

        blocks = self.blocks(network)
        with hooks(network) as placed:
            placed.before(blocks[0], enter)
            for i, block in enumerate(blocks, 1):
                placed.after(block, leave(i))
            yield

    @contextmanager
    def editing(self, network: nn.Module, edit: Edit, numbers: Collection[int]) -> Iterator[None]:
        """Call ``edit(l, state)`` with a copy of state l, (batch, token, feature), for each l of ``numbers``.

        What it writes into the copy, in place, is what the next block (after the last: the final norm) receives. Hooks of
        :meth:`listening` that are set inside this context see the edited states.
        """

        def edited(number: int, state: torch.Tensor) -> torch.Tensor:
            scale = self.scale(number)
            stream = to_stream(state, self.layout) / scale if scale != 1 else to_stream(state, self.layout).clone()
            edit(number, stream)
            return from_stream(stream * scale if scale != 1 else stream, self.layout, state.shape)

        def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return with_stream_in(args, kwargs, edited(0, stream_in(args, kwargs)))

        def leave(number: int) -> Callable[[nn.Module, Any, Any], Any]:
            return lambda module, args, output: with_stream_out(output, edited(number, stream_out(output)))

        blocks = self.blocks(network)
        with hooks(network) as placed:
            if 0 in numbers:
                placed.before(blocks[0], enter)
            for i in numbers:
                if i > 0:
                    placed.after(blocks[i - 1], leave(i))
            yield

    @contextmanager
    def recording(self, network: nn.Module, outputs: list[Any]) -> Iterator[None]:
        """Append what each block gives, whole, to ``outputs``, first block first."""

        def leave(module: nn.Module, args: Any, output: Any) -> None:
            # a copy, because the next block may change its state in place
            outputs.append(with_stream_out(output, stream_out(output).clone()))

        with hooks(network) as placed:
            for block in self.blocks(network):
                placed.after(block, leave)
            yield

    @contextmanager
    def standing_in(self, network: nn.Module, outputs: Sequence[Any]) -> Iterator[None]:
        """The first blocks do not compute: block l gives ``outputs[l - 1]``, as :meth:`recording` wrote it down.

        For what is done to later blocks only. Right where blocks hand on nothing but their outputs, which is to be checked.
        """
        blocks = self.blocks(network)[: len(outputs)]
        with alone(network):
            own = [block.__dict__.get("forward") for block in blocks]  # set on the module itself by accelerate, say
            try:
                for block, output in zip(blocks, outputs, strict=True):
                    block.forward = _giving(output, block.forward)
                yield
            finally:
                for block, before in zip(blocks, own, strict=True):
                    block.__dict__.pop("forward", None)
                    if before is not None:
                        block.forward = before


def _giving(output: Any, forward: Callable[..., Any]) -> Callable[..., Any]:
    ours = here()

    def give(*args: Any, **kwargs: Any) -> Any:
        # a pass of another thread is not ours to shorten
        return with_stream_out(output, stream_out(output).clone()) if ours() else forward(*args, **kwargs)

    return give
