"""A chain of blocks, and listening to it: hooks that see every state and change nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from operator import mul
from typing import Any

import torch
from torch import nn

from depthscope.model.stream import Layout, stream_in, stream_out, to_stream

Receive = Callable[[int, torch.Tensor], None]


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

    @contextmanager
    def listening(self, network: nn.Module, receive: Receive, *, raw: bool = False) -> Iterator[None]:
        """Call ``receive(0, state)`` with what enters the first block and ``receive(l, state)`` with what leaves block l.

        States are (batch, token, feature), before the final norm; with ``raw`` the very tensors of the forward pass.
        """
        scales = list(accumulate(self.factors, mul))

        def hand_over(number: int, state: torch.Tensor) -> None:
            if not raw:
                state = to_stream(state, self.layout)
                scale = scales[max(number - 1, 0)]
                state = state if scale == 1 else state / scale
            receive(number, state)

        def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            hand_over(0, stream_in(args, kwargs))

        def leave(number: int) -> Callable[[nn.Module, Any, Any], None]:
            def hook(module: nn.Module, args: Any, output: Any) -> None:
                # returns nothing: torch would put what a hook returns in the output's place
                hand_over(number, stream_out(output))

            return hook

        blocks = self.blocks(network)
        handles = [blocks[0].register_forward_pre_hook(enter, with_kwargs=True)]
        handles += [block.register_forward_hook(leave(i)) for i, block in enumerate(blocks, 1)]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
