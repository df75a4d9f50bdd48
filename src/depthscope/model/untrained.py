"""The control for what training brought: the same architecture with fresh random weights."""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from depthscope.errors import DepthscopeError, listed, reason
from depthscope.model.accept import accept
from depthscope.model.model import Model
from depthscope.model.turns import BUILDING


def untrained(model: Model, seed: int = 0) -> Model:
    """Build the network of ``model`` again from its configuration, as it was before the first training step.

    The weights are those of the class's own initialisation, drawn on the CPU in float32, so that a seed means the same on
    every device; then they take the precision of the original's. The original is left as it is, and so is torch's
    random state.

    Parameters
    ----------
    model : Model
        From :func:`depthscope.load`; it may come from memory or from remote code.
    seed : int
        Of the weights.

    Returns
    -------
    Model
        On the device of ``model``, with its tokenizer, verified as every other; float32 if ``model`` is quantised. Its
        name is ``"<name>, untrained (seed <seed>)"``.

    Raises
    ------
    DepthscopeError
        The class cannot be built from the configuration, or the configuration describes another network than the one
        in memory; or a check of the stream fails.

    Examples
    --------
    >>> control = untrained(ds.load("embedded"), seed=1)      # doctest: +SKIP
    """
    config = copy.deepcopy(model.network.config)
    quantised = _strip_quantisation(config)
    try:
        network = _build(type(model.network), config, seed)
    except Exception as problem:  # a class may need whatever else its author thought of
        raise DepthscopeError(
            f"{model.name}: {type(model.network).__name__} cannot be built from its configuration alone, so it has no "
            f"untrained twin; build one yourself and give it to load. It says: {reason(problem)}"
        ) from None
    if not quantised:
        _match(network, model)
    name = f"{model.name}, untrained (seed {seed})"
    return accept(network.to(model.device), model.tokenizer, name, model.path, causal=model.causal)


def _strip_quantisation(config: Any) -> bool:
    """Take the request for packed weights out, also of a part for text; whether there was one."""
    found = False
    for part in (config, *vars(config).values()):
        inside = getattr(part, "__dict__", None)
        if isinstance(inside, dict):
            found |= inside.pop("quantization_config", None) is not None
    return found


def _build(kind: type[nn.Module], config: Any, seed: int) -> nn.Module:
    # transformers' own way prepares what a bare call of the class does not; other classes have only the call
    build: Any = getattr(kind, "_from_config", None)
    with BUILDING, torch.random.fork_rng(devices=[]), torch.device("cpu"):
        # not torch.manual_seed, which would seed the GPUs too, and those are not set back
        torch.default_generator.manual_seed(seed)
        network: nn.Module = kind(config) if build is None else build(config, dtype=torch.float32)
    return network.eval()


def _match(network: nn.Module, model: Model) -> None:
    """Give each tensor the precision of its namesake; one by one, because some stay in float32 in a narrower model."""
    theirs, ours = model.network.state_dict(), network.state_dict()
    odd = [name for name in {**ours, **theirs} if name not in ours or name not in theirs]
    odd += [name for name in ours if name in theirs and ours[name].shape != theirs[name].shape]
    if odd:
        raise DepthscopeError(
            f"{model.name}: the network in memory is not the one that its configuration describes ({listed(odd)}), so it "
            "has no untrained twin; undo the changes (merge adapters, restore pruned parts), or build one yourself"
        )
    dtypes = {name: tensor.dtype for name, tensor in _tensors(model.network)}
    for name, tensor in _tensors(network):
        # the very object, so that what is tied stays tied
        tensor.data = tensor.data.to(dtypes.get(name, tensor.dtype))


def _tensors(network: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters and buffers, with those that no checkpoint holds (rotary frequencies)."""
    yield from network.named_parameters(remove_duplicate=False)
    yield from network.named_buffers(remove_duplicate=False)
