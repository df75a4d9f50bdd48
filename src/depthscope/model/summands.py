"""Which outputs of a block's modules add up to its update: seen in one pass, solved, and held to the rounding of the sum."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import nn

from depthscope.arrays import Float
from depthscope.model.hooks import hooks
from depthscope.model.model import Model
from depthscope.model.stream import stream_in, stream_out, to_stream

MOST = 3  # parts of one block that are looked for: attention beside a state-space mixer, and an MLP
# roundings of the numbers that are added up, in units of the stream's precision
ROUNDINGS = 8.0
UNSEEN = 1e-3  # share of an update's energy that a promising set may leave


@dataclass
class Seen:
    """One block in one pass: what entered, what left, and what each of its modules gave."""

    entered: torch.Tensor
    left: torch.Tensor
    outputs: dict[str, torch.Tensor]

    @property
    def update(self) -> torch.Tensor:
        return self.left.double() - self.entered.double()

    @property
    def blur(self) -> float:
        """Energy of the rounding of the stream, relative to that of the update: how little of a sum can be seen."""
        total = float((self.update**2).sum())
        size = (self.left.double().abs() + self.entered.double().abs()) * torch.finfo(self.left.dtype).eps
        return float((size**2).sum()) / total if total else 0.0


def watch(model: Model, inputs: dict[str, Any]) -> list[Seen]:
    """One pass, and all that every module of every block gave in it."""
    entered: dict[int, torch.Tensor] = {}
    left: dict[int, torch.Tensor] = {}
    given: list[dict[str, list[torch.Tensor]]] = [{} for _ in model.blocks]

    def copied(value: torch.Tensor) -> torch.Tensor:
        return to_stream(value, model.chain.layout).clone()  # a later module may change it in place

    with hooks(model.network) as placed:
        for i, block in enumerate(model.blocks):

            def enter(module: nn.Module, args: Any, kwargs: Any, i: int = i) -> None:
                entered[i] = copied(stream_in(args, kwargs))

            def leave(module: nn.Module, args: Any, output: Any, i: int = i) -> None:
                left[i] = copied(stream_out(output))

            placed.before(block, enter)
            placed.after(block, leave)
            for name, module in block.named_modules():
                if name:

                    def give(module: nn.Module, args: Any, output: Any, i: int = i, name: str = name) -> None:
                        value = first_of(output)
                        if value is not None:
                            given[i].setdefault(name, []).append(value.clone())

                    placed.after(module, give)
        model.run_trunk(inputs["input_ids"], inputs["attention_mask"])
    return [Seen(entered[i], left[i], _once(given[i], entered[i], model)) for i in range(model.depth)]


def _once(given: dict[str, list[torch.Tensor]], state: torch.Tensor, model: Model) -> dict[str, torch.Tensor]:
    """Of modules that ran once and gave a tensor like the state; of equal outputs the outermost module's."""
    kept: dict[str, torch.Tensor] = {}
    for name, values in sorted(given.items(), key=lambda pair: pair[0].count(".")):
        value = as_stream(values[0], state.shape, model) if len(values) == 1 else None
        if value is not None and not any(torch.equal(value, other) for other in kept.values()):
            kept[name] = value
    return kept


def first_of(output: Any) -> torch.Tensor | None:
    value = output[0] if isinstance(output, tuple | list) and output else output
    return value if isinstance(value, torch.Tensor) and value.is_floating_point() else None


def as_stream(value: torch.Tensor, shape: torch.Size, model: Model) -> torch.Tensor | None:
    """(batch, token, feature), also of modules that see all tokens of the batch in one row; None if it is neither."""
    memory = shape if model.chain.layout == "batch token feature" else torch.Size((shape[1], shape[0], shape[2]))
    if value.ndim == 2 and value.shape == (shape[0] * shape[1], shape[2]):
        value = value.reshape(memory)
    return to_stream(value, model.chain.layout) if value.shape == memory else None


def as_memory(stream: torch.Tensor, model: Model) -> torch.Tensor:
    """The inverse, in three dimensions: parts are found only where a state is one vector per token, in either order."""
    return stream.transpose(0, 1) if model.chain.layout == "token batch feature" else stream


def summands(block: Seen, known: list[tuple[str, ...]]) -> tuple[tuple[str, ...], tuple[float, ...]] | None:
    """Paths and weights of the fewest outputs that add up to the update; what served another block is tried first."""
    update = block.update.flatten().cpu().numpy()
    if not update.any():
        return (), ()
    names = list(block.outputs)
    columns = {name: value.double().flatten().cpu().numpy() for name, value in block.outputs.items()}
    tried = [paths for paths in known if all(path in columns for path in paths)]
    for paths in tried:
        weights = _adding_up(block, paths, np.stack([columns[path] for path in paths]), update)
        if weights is not None:
            return paths, weights
    if not names:
        return None
    stacked = np.stack([columns[name] for name in names])
    for size in range(1, MOST + 1):
        for chosen in _promising(stacked, update, size, block.blur):
            paths = tuple(names[i] for i in chosen)
            weights = _adding_up(block, paths, stacked[list(chosen)], update)
            if weights is not None:
                return paths, weights
    return None


def _promising(columns: Float, update: Float, size: int, blur: float) -> list[tuple[int, ...]]:
    """Sets of columns that explain the update but for a thousandth of its energy, or its rounding; the best first."""
    gram, products = columns @ columns.T, columns @ update
    total = float(update @ update)
    sets = list(combinations(range(len(columns)), size))
    index = np.array(sets, dtype=np.intp).reshape(-1, size)
    if not len(index) or not total:
        return []
    inner = gram[index[:, :, None], index[:, None, :]]
    right = products[index]
    weights = (np.linalg.pinv(inner, rcond=1e-10, hermitian=True) @ right[..., None])[..., 0]
    left = 1 - (weights * right).sum(1) / total
    return [sets[i] for i in np.argsort(left, kind="stable") if left[i] < max(UNSEEN, ROUNDINGS**2 * blur)]


def _adding_up(block: Seen, paths: tuple[str, ...], columns: Float, update: Float) -> tuple[float, ...] | None:
    """Positive weights under which the outputs add up to the update, to rounding; exactly 1 where that will do."""
    ones = (1.0,) * len(paths)
    if _remainder(block, dict(zip(paths, ones, strict=True))) <= ROUNDINGS:
        return ones
    solved = np.linalg.lstsq(columns.T, update, rcond=None)[0]
    if not np.all(np.isfinite(solved)) or np.any(solved < 1e-3):
        return None
    fitted = tuple(float(weight) for weight in solved)
    plain = tuple(1.0 if abs(weight - 1) < 1e-2 else weight for weight in fitted)
    for weights in (plain, fitted):  # one part as it is, beside one that is scaled
        if _remainder(block, dict(zip(paths, weights, strict=True))) <= ROUNDINGS:
            return weights
    return None


def _remainder(block: Seen, weights: dict[str, float]) -> float:
    """What is left of the update, element by element, in units of the rounding of the numbers that are added up."""
    given = [weight * block.outputs[path].double() for path, weight in weights.items()]
    return roundings(block.entered, block.left, given)


def roundings(entered: torch.Tensor, left: torch.Tensor, given: list[torch.Tensor]) -> float:
    missing = left.double() - entered.double() - sum(given, torch.zeros_like(left, dtype=torch.float64))
    size = left.double().abs() + entered.double().abs() + sum(part.abs() for part in given)
    unit = torch.finfo(left.dtype).eps * size.clamp(min=torch.finfo(left.dtype).tiny)
    return float((missing.abs() / unit).max())
