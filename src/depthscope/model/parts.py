"""Attention and MLP: which module outputs add up to each block's update, found and proven by behaviour."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import nn

from depthscope.errors import DepthscopeError
from depthscope.model.accept import probe
from depthscope.model.hooks import Hooks, hooks
from depthscope.model.model import Model
from depthscope.model.plain import plainly
from depthscope.model.stream import stream_in, to_stream, with_stream_in, with_stream_out
from depthscope.model.summands import MOST, ROUNDINGS, Seen, as_memory, as_stream, first_of, roundings, summands, watch

Kind = Literal["attention", "mlp"]
KINDS: tuple[Kind, ...] = ("attention", "mlp")
Hear = Callable[[Kind, int, torch.Tensor], None]

CLEAR = 1e-6  # rounding of the stream, beside the energy of the update, that hides nothing
MIXED = 1e-4  # relative change from which a part is said to have seen another token


@dataclass(frozen=True)
class Part:
    """A module whose output, times ``weight``, is added to the stream by its block.

    ``kind`` is ``"attention"`` for whatever mixes tokens (attention, a state-space mixer, a convolution) and ``"mlp"`` for
    whatever treats each token by itself.
    """

    path: str
    weight: float
    kind: Kind = "mlp"


@dataclass(frozen=True)
class Parts:
    """The parts of every block, first block first.

    Attributes
    ----------
    blocks : tuple of tuple of Part
    remainder : float
        Largest part of any update that is in none of its parts, in units of the rounding of the numbers added up; at
        most 8.
    """

    blocks: tuple[tuple[Part, ...], ...]
    remainder: float

    @property
    def about(self) -> str:
        """In words: the paths in the first block, and how many blocks are built otherwise."""
        first = self.blocks[0]
        told = ", ".join(f"{part.path} ({part.kind})" for part in first)
        others = sum(len(block) != len(first) for block in self.blocks)
        return told + (f"; {others} of {len(self.blocks)} blocks have other parts" if others else "")

    @contextmanager
    def listening(self, model: Model, hear: Hear) -> Iterator[None]:
        """Call ``hear(kind, l, part)`` with each part of update l, (batch, token, feature), before block l is done.

        Parts of one kind in one block come one by one and are to be added up.
        """
        with hooks(model.network) as placed:
            for number, block in enumerate(self.blocks, 1):
                for part in block:
                    _listen(placed, model, number, part, hear)
            yield


@plainly()
def find_parts(model: Model) -> Parts:
    """Split every update into what mixes tokens and what does not.

    A block's parts are the fewest of its modules (at most 3) whose outputs, each times a positive number, add up to the
    update, element by element, up to the rounding of the sums themselves. They are found on one text and proven on another.
    Which kind a part is shows when other tokens are changed while all else is held: only what mixes tokens notices.

    Raises
    ------
    DepthscopeError
        A block whose update is no such sum, as where a norm or a gate acts on the stream itself.
    """
    inputs = probe(model.network, model.tokenizer, 101)
    seen = watch(model, inputs)
    known: list[tuple[str, ...]] = []
    blocks: list[tuple[Part, ...]] = [()] * len(seen)
    # where the stream drowns the update in its rounding, what served a clearer block is tried first
    for number, block in sorted(enumerate(seen, 1), key=lambda pair: max(pair[1].blur, CLEAR)):
        found = summands(block, known)
        if found is None:
            raise DepthscopeError(
                f"{model.name}: the update of block {number} ({type(model.blocks[number - 1]).__name__}) is no sum of up to "
                f"{MOST} outputs of its modules, as where a norm or a gate acts on the stream itself, so attention and MLP "
                "cannot be told apart; CSE itself can be measured without parts"
            )
        paths, weights = found
        if paths and paths not in known:
            known.append(paths)
        blocks[number - 1] = tuple(Part(path, weight) for path, weight in zip(paths, weights, strict=True))
    parts = _named(model, tuple(blocks), _mixing(model, blocks, seen, inputs))
    return replace(parts, remainder=_prove(model, parts))


def _named(model: Model, blocks: Sequence[tuple[Part, ...]], mixes: set[tuple[int, str]]) -> Parts:
    """Paths in the network, and the kind of every part."""
    paths = {id(module): name for name, module in model.network.named_modules()}
    return Parts(
        tuple(
            tuple(
                Part(
                    f"{paths[id(block)]}.{part.path}",
                    part.weight,
                    "attention" if (i, part.path) in mixes else "mlp",
                )
                for part in parts
            )
            for i, (block, parts) in enumerate(zip(model.blocks, blocks, strict=True))
        ),
        0.0,
    )


def _mixing(
    model: Model, blocks: Sequence[tuple[Part, ...]], seen: Sequence[Seen], inputs: dict[str, Any]
) -> set[tuple[int, str]]:
    """Parts that notice a change of other tokens.

    Every block receives the states of the undisturbed pass that was ``seen``, but for the first half of the tokens, which
    are exchanged; and in the second half every part's output is put back to what it was, so that no part hears of the change
    through another.
    """
    half = inputs["input_ids"].shape[1] // 2
    found: set[tuple[int, str]] = set()
    with hooks(model.network) as placed:
        for i, (block, parts) in enumerate(zip(model.blocks, blocks, strict=True)):

            def enter(module: nn.Module, args: Any, kwargs: Any, i: int = i) -> Any:
                state = seen[i].entered.clone()
                state[:, :half] = state[:, half:].flip(1)[:, :half]
                return with_stream_in(args, kwargs, as_memory(state, model))

            placed.before(block, enter)
            for part in parts:

                def give(module: nn.Module, args: Any, output: Any, i: int = i, path: str = part.path) -> Any:
                    before, value = seen[i].outputs[path], first_of(output)
                    now = as_stream(value, before.shape, model) if value is not None else None
                    if value is None or now is None:
                        return None
                    now = now.clone()
                    apart = (now[:, half:] - before[:, half:]).abs().max()
                    if float(apart) > MIXED * float(before.abs().max()):
                        found.add((i, path))
                    now[:, half:] = before[:, half:]
                    return with_stream_out(output, as_memory(now, model).reshape(value.shape))

                placed.after(block.get_submodule(part.path), give)
        model.run_trunk(inputs["input_ids"], inputs["attention_mask"])
    return found


def _prove(model: Model, parts: Parts) -> float:
    """On a text on which nothing was chosen: the parts, heard as capture hears them, add up to the updates."""
    states: dict[int, torch.Tensor] = {}
    sums: dict[int, list[torch.Tensor]] = {number: [] for number in range(1, model.depth + 1)}
    inputs = probe(model.network, model.tokenizer, 2003)
    with (
        model.listening(lambda number, state: states.update({number: state.clone()})),
        parts.listening(model, lambda _, number, part: sums[number].append(part.double())),
    ):
        model.run_trunk(inputs["input_ids"], inputs["attention_mask"])
    worst = 0.0
    for number, given in sums.items():
        left = roundings(states[number - 1], states[number], given)
        if left > ROUNDINGS:
            raise DepthscopeError(
                f"{model.name}: on another text the parts of block {number} do not add up to its update (off by {left:.3g} "
                "roundings), so attention and MLP cannot be told apart; CSE itself can be measured without parts"
            )
        worst = max(worst, left)
    return worst


def _listen(placed: Hooks, model: Model, number: int, part: Part, hear: Hear) -> None:
    """Set the hooks of one part."""
    shape: list[torch.Size] = []

    def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
        shape[:] = [to_stream(stream_in(args, kwargs), model.chain.layout).shape]

    def give(module: nn.Module, args: Any, output: Any) -> None:
        first = first_of(output)
        value = as_stream(first, shape[0], model) if first is not None else None
        if value is None:
            raise DepthscopeError(f"{model.name}: {part.path} gives no vector per token in this pass")
        value = model.chain.unscaled(number, value)
        hear(part.kind, number, value if part.weight == 1 else value * part.weight)

    placed.before(model.blocks[number - 1], enter)
    placed.after(model.network.get_submodule(part.path), give)
