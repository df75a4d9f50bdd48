"""Finding the blocks of a network by what they do, not by what they are called."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import Any

import torch
from torch import nn

from depthscope.errors import DepthscopeError
from depthscope.model.chain import Chain
from depthscope.model.hooks import Hooks, hooks
from depthscope.model.quantization import gradless
from depthscope.model.stream import layout_of, stream_in, stream_out

OVERRIDE = 'name the list of blocks yourself with blocks=, e.g. blocks="model.layers" (--blocks on the command line)'


@dataclass
class Candidate:
    """A list of modules, and what one forward pass showed of it."""

    path: str
    size: int
    order: list[int] = field(default_factory=list)
    entered: dict[int, torch.Tensor] = field(default_factory=dict)
    left: dict[int, torch.Tensor] = field(default_factory=dict)
    turns: list[int] = field(default_factory=list)  # when its modules began, counted over those of all lists
    flaw: str = ""

    def chain(self, batch: int, tokens: int) -> Chain:
        """The chain seen in a pass over ``batch`` texts of ``tokens`` tokens; LookupError says why there is none."""
        factors = self.factors()
        layout = layout_of(self.left[self.order[-1]], batch, tokens)
        return Chain(self.path, self.size, tuple(self.order), factors, layout)

    def factors(self) -> tuple[float, ...]:
        """What each module multiplied the state of the one before by; LookupError if it was handed something else."""
        if self.flaw:
            raise LookupError(self.flaw)
        if not self.order:
            raise LookupError("it does not run when text alone is given")
        if any(after <= before for before, after in pairwise(self.order)):
            raise LookupError(f"its {self.size} modules do not run once each, in order")
        factors = [1.0]
        for before, after in pairwise(self.order):
            factors.append(_factor(self.left[before], self.entered[after]))
            if not factors[-1]:
                raise LookupError(f"block {after + 1} receives something else than block {before + 1} gives")
        return tuple(factors)


def find_blocks(network: nn.Module, inputs: dict[str, Any], path: str | None = None) -> Chain:
    """The list of blocks that carries the residual stream.

    Runs ``network(**inputs)`` once. A list qualifies if those of its elements that run do so once each, in order, and each
    receives what the one before it gave, or a power of two times that. Of several the longest is taken. One that is followed by
    another as long, of tokens or of anything else, only prepares it and does not qualify.
    """
    candidates = _candidates(network, path)
    turns = count()
    with hooks(network) as placed, gradless(network):
        for candidate in candidates:
            _watch(placed, network, candidate, turns)
        network(**inputs)
    chains, reasons = [], {}
    for candidate in sorted(candidates, key=lambda c: -c.size):
        try:
            chain = candidate.chain(*inputs["input_ids"].shape)
            _check_end(chain, candidate, candidates)
            chains.append(chain)
        except LookupError as problem:
            reasons[candidate.path] = str(problem)
    if chains:
        return max(chains, key=lambda chain: len(chain.members))
    if path is not None:
        raise DepthscopeError(f"blocks={path!r} is not a chain of blocks: {reasons[path]}")
    found = "; ".join(f"{name} ({reason})" for name, reason in list(reasons.items())[:2]) or "it has no list of modules"
    raise DepthscopeError(f"no chain of blocks found in {type(network).__name__}: {found}; {OVERRIDE}")


def _check_end(chain: Chain, own: Candidate, candidates: list[Candidate]) -> None:
    """LookupError if, when the chain is done, another as long begins: then its end is not the network's."""
    for other in candidates:
        if len(other.order) < len(chain.members) or other.turns[0] <= own.turns[-1]:
            continue
        try:
            other.factors()
        except LookupError:  # heads side by side, say
            continue
        raise LookupError(f"followed by {other.path}, no shorter")


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


def _watch(placed: Hooks, network: nn.Module, candidate: Candidate, turns: Iterator[int]) -> None:
    for i, module in enumerate(network.get_submodule(candidate.path).children()):

        def enter(module: nn.Module, args: Any, kwargs: Any, i: int = i) -> None:
            candidate.order.append(i)
            candidate.turns.append(next(turns))
            try:
                candidate.entered[i] = stream_in(args, kwargs).clone()  # it may be changed in place later
            except LookupError as problem:
                candidate.flaw = str(problem)

        def leave(module: nn.Module, args: Any, output: Any, i: int = i) -> None:
            try:
                candidate.left[i] = stream_out(output).clone()
            except LookupError as problem:
                candidate.flaw = str(problem)

        placed.before(module, enter)
        placed.after(module, leave)


def _factor(given: torch.Tensor, received: torch.Tensor) -> float:
    """The power of two by which a state was multiplied on its way to the next block, mostly 1; 0 if it is another state."""
    if given.shape != received.shape:
        return 0.0
    given = given.to(received.device)
    if _same(given, received):
        return 1.0
    largest = given.abs().argmax()
    ratio = float(received.reshape(-1)[largest]) / (float(given.reshape(-1)[largest]) or math.inf)
    # a power of two changes no digit, so that the product must be the same to the last one
    exact = math.frexp(ratio)[0] == 0.5 and _same(given * ratio, received)
    return ratio if exact else 0.0


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)
