"""Whether the files filled the network: what they lack would be random."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from depthscope.errors import listed
from depthscope.model.fit import Filling, refuse_missing
from depthscope.model.left_over import is_tied, left_over
from depthscope.model.model import Model, inputs_of, measuring


def check_filled(model: Model, found: Filling, probe: Mapping[str, Any]) -> Model:
    """Refuse a model of whose measured part anything is random; put on record what is missing or left over elsewhere.

    What is missing is filled with NaN, so that whatever reads it shows it, then and later: the states of a pass over
    ``probe`` must stay as they are. If logits alone read it, the model predicts nothing.

    Raises
    ------
    DepthscopeError
        Weights of the measured part are missing, or there are some that its blocks should have held.
    """
    left = left_over(model, found.network, found.unexpected, found.files)
    lacking = _unread(model, found, probe)
    said = [found.files]
    if lacking.aside:
        said.append(f"not in it, and read by nothing that is measured: {listed(lacking.aside, 3)}")
    if lacking.head:
        said.append(f"not in it, and set to NaN: {listed(lacking.head, 3)}")
    if not found.missing:
        said[0] = f"all of {type(found.network).__name__} from {found.files}"
    if _untied(found.network):
        said.append("the head is the file's own, though the configuration ties it to the embeddings")
    if left.keys:
        said.append(f"in it, and of no use here: {listed(left.keys, 3)}")
    checks = {**model.checks, "weights": "; ".join(said)}
    if lacking.head:
        checks["head"] = f"no surprisal: {found.files} holds no {listed(lacking.head, 2)}, so the head is untrained"
    elif left.head:
        checks["head"] = (
            f"no surprisal: {found.files} holds {listed(left.head, 2)}, which {type(found.network).__name__} does not read, so "
            "the logits would be others"
        )
    return replace(model, checks=checks, predicts=model.predicts and not lacking.head and not left.head)


def _untied(network: Any) -> bool:
    """transformers ties nothing if the files hold two different matrices."""
    wanted = getattr(network.config.get_text_config(), "tie_word_embeddings", False)
    return bool(wanted) and is_tied(network) is False


@dataclass(frozen=True)
class _Lacking:
    """Missing tensors that nothing measured reads, and those that logits alone do."""

    aside: tuple[str, ...] = ()
    head: tuple[str, ...] = ()


def _unread(model: Model, found: Filling, probe: Mapping[str, Any]) -> _Lacking:
    tensors = _tensors(found.network)
    missing = tuple(key for key in found.missing if not _is_computed(found.network, key))
    if not missing:
        return _Lacking()
    inside = {id(t) for block in model.blocks for t in _tensors(block).values()}
    # in a block, an expert that the probe does not meet is read by other texts
    surely = [
        key
        for key in missing
        if (t := tensors.get(key)) is None or id(t) in inside or t.is_meta or not t.is_floating_point()
    ]
    if surely:
        raise refuse_missing(model.name, surely, found.files)
    trunk = {id(t) for t in _tensors(model.trunk).values()}
    low = tuple(key for key in missing if id(tensors[key]) in trunk)
    high = tuple(key for key in missing if key not in low)
    before = _run(model, model.trunk, probe)
    _spoil(tensors, low)
    if low and not _same(before, _run(model, model.trunk, probe)):
        raise refuse_missing(model.name, low, found.files)
    if not high:
        return _Lacking(low)
    before = _run(model, model.network, probe)
    _spoil(tensors, high)
    if _same(before, _run(model, model.network, probe)):
        return _Lacking((*low, *high))
    return _Lacking(low, high)


def _is_computed(network: Any, key: str) -> bool:
    """Whether a parameter is a table that its class computes, such as sinusoidal positions, which many never save.

    The class makes it twice, from different seeds: what is random differs, and what is merely constant (a norm before
    training) is no table.
    """
    path, _, leaf = key.rpartition(".")
    fill = getattr(network, "_init_weights", None)
    try:
        owner = network.get_submodule(path)
        tensor = getattr(owner, leaf)
        if fill is None or tensor.ndim != 2 or tensor.is_meta or bool((tensor == tensor.flatten()[0]).all()):
            return False
        made = []
        for seed in (1, 2):
            again = copy.copy(owner)
            again._parameters = {leaf: nn.Parameter(torch.full_like(tensor, float("nan"), device="cpu"), False)}
            with torch.random.fork_rng(devices=[]), torch.no_grad():
                torch.default_generator.manual_seed(seed)
                fill(again)
            made.append(getattr(again, leaf).to(tensor))
    except Exception:  # whatever a class does without all that it is used to
        return False
    return torch.equal(made[0], made[1]) and torch.equal(made[0], tensor)


def _spoil(tensors: Mapping[str, torch.Tensor], names: Iterable[str]) -> None:
    for name in names:
        tensors[name].data.fill_(float("nan"))


def _run(model: Model, network: nn.Module, probe: Mapping[str, Any]) -> list[torch.Tensor]:
    """Every state, and what the network makes of the last."""
    states: list[torch.Tensor] = []
    with model.listening(lambda _, state: states.append(state.clone())), measuring(model.network):
        output = network(**inputs_of(network, probe["input_ids"], probe["attention_mask"]))
    last = [getattr(output, name, None) for name in ("last_hidden_state", "logits")]
    return [*states, *(value for value in last if isinstance(value, torch.Tensor))]


def _same(before: list[torch.Tensor], after: list[torch.Tensor]) -> bool:
    # NaN equals nothing, itself included
    return len(before) == len(after) and all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def _tensors(network: nn.Module) -> dict[str, torch.Tensor]:
    return dict((*network.named_parameters(remove_duplicate=False), *network.named_buffers(remove_duplicate=False)))
