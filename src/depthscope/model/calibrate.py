"""How long a network would take, from a few of its blocks with random weights on the very device."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import nn

from depthscope.errors import DepthscopeError, reason, require
from depthscope.model.cost import now
from depthscope.model.hooks import hooks
from depthscope.model.model import inputs_of, measuring
from depthscope.model.paper import block_path, build
from depthscope.model.stacks import Stack
from depthscope.model.turns import BUILDING

LARGEST = 4 * 2**30  # bytes of blocks that are built to be timed
MOST_BLOCKS = 4
PATIENCE = 12.0  # seconds for all passes together, unless one short pass takes longer
SHORT = 64  # tokens of the first pass, which warms up and shows how long others will take


@dataclass(frozen=True)
class Timing:
    """One pass over ``tokens`` tokens, without the head.

    Attributes
    ----------
    fixed, blocks : float
        Seconds outside of the blocks, and of all blocks of the whole network.
    tokens, length : int
        In the timed pass, and in each of its texts.
    timed : int
        Blocks that were timed; each stands for those of its kind.
    kinds : int
        Of blocks that differ in class or in the shapes of their weights.
    """

    fixed: float
    blocks: float
    tokens: int
    length: int
    timed: int
    kinds: int

    @property
    def seconds_per_token(self) -> float:
        return (self.fixed + self.blocks) / self.tokens


def time_blocks(
    config: Any,
    dtype: torch.dtype,
    device: str,
    texts: int,
    length: int,
    stack: Stack | None = None,
    largest: int = LARGEST,
) -> Timing:
    """Time a pass over ``texts`` texts of ``length`` tokens.

    The network is built without memory for its weights; then a few blocks, of every kind at least one, get random ones,
    and all others are left out. What each block takes is counted as often as the network has blocks of its kind. Passes that
    would take too long are made over fewer texts, then over shorter ones; ``Timing`` says so.

    Raises
    ------
    DepthscopeError
        One block of each kind takes more than ``largest`` bytes; or the network does not run with blocks left out.
    """
    network, counts = _few_blocks(config, dtype, device, stack, largest)
    vocabulary = network.get_input_embeddings().weight.shape[0]
    trunk = getattr(network, "base_model", network)
    place = torch.device(device)
    try:
        with measuring(network), _clocked(network, counts, place) as clocks:

            def run(rows: int, columns: int) -> float:
                for clock in clocks:
                    clock.clear()
                ids = torch.arange(rows * columns, device=place).reshape(rows, columns) * 7919 % vocabulary
                inputs = inputs_of(trunk, ids, torch.ones_like(ids))
                start = now(place)
                trunk(**inputs)
                return now(place) - start

            short = min(SHORT, length)
            run(1, short)
            each = run(1, short) / short
            rows, columns = _affordable(each, texts, length)
            passes = max(1, min(5, int(PATIENCE / max(each * rows * columns, 1e-9))))
            totals, inner = [], []
            for _ in range(passes):
                totals.append(run(rows, columns))
                inner.append([sum(clock) for clock in clocks])
    except Exception as problem:  # a class may need the blocks that were left out
        raise DepthscopeError(
            f"{config.model_type}: a few blocks of {type(network).__name__} do not run by themselves, so that no time can be "
            f"told; it says: {reason(problem)}"
        ) from None
    taken = [median(column) for column in zip(*inner, strict=True)]
    fixed = median(total - sum(one) for total, one in zip(totals, inner, strict=True))
    blocks = sum(seconds * count for seconds, (_, count) in zip(taken, counts, strict=True))
    kinds = len({_kind(block) for block, _ in counts})
    return Timing(max(fixed, 0.0), blocks, rows * columns, columns, len(counts), kinds)


def _affordable(each: float, texts: int, length: int) -> tuple[int, int]:
    """Rows and columns of the timed pass: all of them, or what a third of the patience is enough for."""
    most = PATIENCE / 3 / max(each, 1e-9)
    rows = max(1, min(texts, int(most / length)))
    return rows, length if rows * length <= most else max(SHORT, int(most))


def _few_blocks(
    config: Any, dtype: torch.dtype, device: str, stack: Stack | None, largest: int
) -> tuple[Any, list[tuple[nn.Module, float]]]:
    """A network whose list of blocks is cut down, and how many blocks of the whole each that is left stands for."""
    accelerate = require("accelerate", "models")
    with (
        BUILDING,
        accelerate.init_empty_weights(include_buffers=False),
    ):  # rotary tables and the like are made, weights are not
        network = build(config, dtype, stack)
    path = block_path(network, config, stack)
    chosen = _chosen(list(network.get_submodule(path).children()), largest)
    owner, _, name = path.rpartition(".")
    setattr(network.get_submodule(owner), name, nn.ModuleList(block for block, _ in chosen))
    for above in _above(network, owner):
        for part in {id(c): c for c in (above.config, above.config.get_text_config())}.values():
            if isinstance(getattr(part, "num_hidden_layers", None), int):  # some count their layers there
                part.num_hidden_layers = len(chosen)
            part.use_cache = False  # a cache has a place for each layer that is left, and blocks keep their old numbers
    inside = {id(p) for block, _ in chosen for p in block.parameters()}
    _fill(network, inside, torch.device(device))
    return network, chosen


def _above(network: nn.Module, path: str) -> Iterator[Any]:
    """The module at ``path`` and those that hold it, as far as they have a configuration."""
    names = path.split(".") if path else []
    for count in range(len(names) + 1):
        module = network.get_submodule(".".join(names[:count]))
        if hasattr(getattr(module, "config", None), "get_text_config"):
            yield module


def _chosen(blocks: Sequence[nn.Module], largest: int) -> list[tuple[nn.Module, float]]:
    """Of each kind at least one, evenly over depth; in order."""
    kinds: dict[Any, list[int]] = {}
    for i, block in enumerate(blocks):
        kinds.setdefault(_kind(block), []).append(i)
    sizes = {kind: sum(p.numel() * p.itemsize for p in blocks[where[0]].parameters()) for kind, where in kinds.items()}
    if sum(sizes.values()) > largest:
        raise DepthscopeError(
            f"one block of each kind takes {sum(sizes.values()) / 2**30:.1f} GiB, and no more than {largest / 2**30:.1f} GiB "
            "are taken to time them, so that no time can be told"
        )
    each = max(1, min(MOST_BLOCKS // len(kinds), int(largest // sum(sizes.values()))))
    chosen = []
    for where in kinds.values():
        picked = [where[i * len(where) // each] for i in range(min(each, len(where)))]
        chosen += [(i, len(where) / len(picked)) for i in picked]
    return [(blocks[i], count) for i, count in sorted(chosen)]


def _kind(block: nn.Module) -> Any:
    return type(block), tuple((name, tuple(p.shape), p.dtype) for name, p in block.named_parameters())


def _fill(network: nn.Module, inside: set[int], device: torch.device) -> None:
    """Random weights for the blocks; all other matrices are one random row, repeated, which takes no memory."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2**16, generator=generator) * 0.02
    made: dict[int, nn.Parameter] = {}
    for module in network.modules():
        for name, p in module._parameters.items():
            if p is None:
                continue
            if id(p) not in made:
                if p.ndim < 2:
                    values = torch.ones(p.shape, dtype=p.dtype, device=device)
                elif id(p) in inside:
                    values = _tiled(noise, p, device)
                else:
                    row = noise[: p.shape[-1]] if p.shape[-1] <= len(noise) else noise[:1].expand(p.shape[-1])
                    values = row.to(device, p.dtype).expand(p.shape)
                made[id(p)] = nn.Parameter(values, requires_grad=False)
            module._parameters[name] = made[id(p)]
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = buffer.to(device)


def _tiled(noise: torch.Tensor, p: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The same random numbers over and over: drawing them all would take longer than the passes."""
    flat = torch.empty(p.numel(), dtype=p.dtype, device=device)
    noise = noise.to(device, p.dtype)[: 2**16 - 1]  # of a length that no width divides, so that rows differ
    whole = len(flat) // len(noise) * len(noise)
    flat[:whole].view(-1, len(noise))[:] = noise
    flat[whole:] = noise[: len(flat) - whole]
    return flat.reshape(p.shape)


@contextmanager
def _clocked(
    network: nn.Module, counts: Sequence[tuple[nn.Module, float]], device: torch.device
) -> Iterator[list[list[float]]]:
    """Seconds that each block takes, written into one list for each."""
    clocks: list[list[float]] = [[] for _ in counts]
    with hooks(network) as placed:
        for (block, _), clock in zip(counts, clocks, strict=True):
            placed.before(block, lambda *_, clock=clock: clock.append(-now(device)))
            placed.after(block, lambda *_, clock=clock: clock.append(now(device)))
        yield clocks
