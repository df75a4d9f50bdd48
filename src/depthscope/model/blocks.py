"""Finding the blocks of a network by what they do, not by what they are called."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from depthscope.errors import DepthscopeError
from depthscope.model.stream import stream_in, stream_out

OVERRIDE = 'name the list of blocks yourself with blocks=, e.g. blocks="model.layers" (--blocks on the command line)'


@dataclass
class Candidate:
    """A list of modules, and what one forward pass showed of it."""

    path: str
    size: int
    order: list[int] = field(default_factory=list)
    entered: dict[int, torch.Tensor] = field(default_factory=dict)
    left: dict[int, torch.Tensor] = field(default_factory=dict)
    flaw: str = ""

    def broken(self) -> str:
        """Why this is not a chain of blocks; empty if it is one."""
        if self.flaw:
            return self.flaw
        if not self.order:
            return "it does not run when text alone is given"
        if self.order != list(range(self.size)):
            return f"its {self.size} modules do not run once each, in order"
        for i in range(self.size - 1):
            if not _same(self.left[i], self.entered[i + 1]):
                return f"block {i + 2} receives something else than block {i + 1} gives"
        return ""


def find_blocks(network: nn.Module, inputs: dict[str, Any], path: str | None = None) -> str:
    """Path of the list of blocks that carries the residual stream.

    Runs ``network(**inputs)`` once. A list qualifies if its elements run once each, in order, and each receives what
    the one before it gave, as (batch, token, feature). Of several the longest is taken.
    """
    candidates = _candidates(network, path)
    handles = [handle for candidate in candidates for handle in _watch(network, candidate)]
    try:
        with torch.inference_mode():
            network(**inputs)
    finally:
        for handle in handles:
            handle.remove()
    chains = [c for c in candidates if not c.broken()]
    if chains:
        return max(chains, key=lambda c: c.size).path
    if path is not None:
        raise DepthscopeError(f"blocks={path!r} is not a chain of blocks: {candidates[0].broken()}")
    reasons = [f"{c.path} ({c.broken()})" for c in sorted(candidates, key=lambda c: -c.size)[:2]]
    found = "; ".join(reasons) or "it has no list of modules"
    raise DepthscopeError(f"no chain of blocks found in {type(network).__name__}: {found}; {OVERRIDE}")


def _candidates(network: nn.Module, path: str | None) -> list[Candidate]:
    if path is not None:
        try:
            chosen = network.get_submodule(path)
        except AttributeError:
            raise DepthscopeError(f"blocks={path!r}: {type(network).__name__} has no such module") from None
        return [Candidate(path, len(list(chosen.children())))]
    lists = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.ModuleList | nn.Sequential) and len(module) > 1
    }
    # lists inside the elements of another list (experts, heads) are parts of a block
    outer = [name for name in lists if not any(name.startswith(f"{other}.") for other in lists if other != name)]
    return [Candidate(name, len(lists[name])) for name in outer]


def _watch(network: nn.Module, candidate: Candidate) -> list[Any]:
    handles = []
    for i, module in enumerate(network.get_submodule(candidate.path).children()):

        def enter(module: nn.Module, args: Any, kwargs: Any, i: int = i) -> None:
            candidate.order.append(i)
            try:
                candidate.entered[i] = stream_in(args, kwargs).clone()  # it may be changed in place later
            except LookupError as problem:
                candidate.flaw = str(problem)

        def leave(module: nn.Module, args: Any, output: Any, i: int = i) -> None:
            try:
                candidate.left[i] = stream_out(output).clone()
            except LookupError as problem:
                candidate.flaw = str(problem)

        handles.append(module.register_forward_pre_hook(enter, with_kwargs=True))
        handles.append(module.register_forward_hook(leave))
    return handles


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b.to(a.device), rtol=0, atol=0, equal_nan=True)
