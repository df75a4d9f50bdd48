"""Where attention and MLP take the stream in: behind the norm before them, found by behaviour."""

from typing import Any

import torch
from torch import nn

from depthscope.errors import DepthscopeError
from depthscope.model.accept import probe
from depthscope.model.hooks import hooks
from depthscope.model.model import Model
from depthscope.model.parts import Kind, Parts
from depthscope.model.plain import plainly
from depthscope.model.stream import stream_in
from depthscope.model.summands import first_of


@plainly()
def entrance(model: Model, parts: Parts, number: int, kind: Kind) -> str:
    """Path of the module of block ``number`` that takes in what attention or MLP compute with.

    It is the part itself; but where the part is a norm behind attention or MLP (Gemma), which adds to the stream what it
    makes of their output, it is the module whose very output that norm takes.

    Raises
    ------
    DepthscopeError
        The block has no such part, or several of the kind, each with an input of its own.
    """
    found = [part for part in parts.blocks[number - 1] if part.kind == kind]
    if len(found) != 1:
        raise DepthscopeError(
            f"{model.name}: block {number} has {len(found)} parts of the kind {kind}, so there is no one input of it; "
            f"choose the site {kind!r}, or another layer"
        )
    taken, given = _seen(model, number)
    path = found[0].path
    while not _mixes_features(model.network.get_submodule(path)) and path in taken:
        before = [
            name
            for name, value in given.items()
            if name != path and value.shape == taken[path].shape and torch.equal(value, taken[path])
        ]
        # the outermost of those that hand on one and the same tensor
        before = [name for name in before if _mixes_features(model.network.get_submodule(name))]
        if not before:
            break
        path = min(before, key=lambda name: name.count("."))
    if path not in taken:
        raise DepthscopeError(f"{model.name}: {path} takes in no vector per token; choose the site {kind!r}")
    return path


def _mixes_features(module: nn.Module) -> bool:
    """Whether it multiplies by a matrix, as norms and dropout do not."""
    return any(parameter.ndim > 1 or parameter.is_floating_point() is False for parameter in module.parameters())


def _seen(model: Model, number: int) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """What each module of a block took in and gave, in one pass over a short text."""
    block = model.blocks[number - 1]
    path = next(name for name, module in model.network.named_modules() if module is block)
    taken: dict[str, torch.Tensor] = {}
    given: dict[str, torch.Tensor] = {}
    with hooks(model.network) as placed:
        for name, module in block.named_modules():
            if not name:
                continue

            def enter(module: nn.Module, args: Any, kwargs: Any, name: str = f"{path}.{name}") -> None:
                try:
                    taken[name] = stream_in(args, kwargs).clone()
                except LookupError:
                    return

            def give(module: nn.Module, args: Any, output: Any, name: str = f"{path}.{name}") -> None:
                value = first_of(output)
                if value is not None:
                    given[name] = value.clone()

            placed.before(module, enter)
            placed.after(module, give)
        inputs = probe(model.network, model.tokenizer, 101)
        model.run_trunk(inputs["input_ids"], inputs["attention_mask"])
    return taken, given
