"""A training under way, in one file that is whole or not there: tensors in safetensors, all else as JSON in its header."""

import errno
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from depthscope.errors import DepthscopeError, listed, reason, require
from depthscope.store.files import atomic
from depthscope.words import size_text

HEADER = "depthscope"  # the key of the header under which the JSON is
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class State:
    """All that decides how a training goes on.

    Attributes
    ----------
    tensors : dict of str to Tensor
    facts : dict
        Counters and settings, in what JSON knows: numbers come back to the bit.
    """

    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def under(self, name: str) -> "State":
        """With a name before each tensor, to be one of several in a file; :meth:`of` takes it out again."""
        return State({f"{name}/{key}": value for key, value in self.tensors.items()}, {name: self.facts})

    def of(self, name: str) -> "State":
        """What :meth:`under` put there.

        Raises
        ------
        DepthscopeError
            Nothing of that name.
        """
        if name not in self.facts:
            raise DepthscopeError(
                f"the checkpoint holds no {name}, but {listed(self.facts)}: it is of another training"
            )
        begin = f"{name}/"
        held = {key.removeprefix(begin): value for key, value in self.tensors.items() if key.startswith(begin)}
        return State(held, self.facts[name])


def together(states: Mapping[str, State]) -> State:
    """Several states in one, each under its name."""
    parts = [state.under(name) for name, state in states.items()]
    return State(
        {key: value for part in parts for key, value in part.tensors.items()},
        {key: value for part in parts for key, value in part.facts.items()},
    )


def save(path: Path, state: State) -> None:
    """Write a state; what was there before stays until the new file is whole, and if it cannot be written.

    Raises
    ------
    DepthscopeError
        No space left.
    """
    tensors = {name: tensor.detach().contiguous() for name, tensor in state.tensors.items()}
    safetensors = require("safetensors.torch", "models")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path, sweep=True) as scratch:
            safetensors.save_file(tensors, scratch, metadata={HEADER: json.dumps(state.facts)})
    except Exception as problem:  # safetensors tells what the system said in words of its own
        if not _full(problem):
            raise
        size = size_text(sum(map(_bytes, tensors.values())))
        kept = "; the one before is still whole" if path.exists() else ""
        raise DepthscopeError(
            f"{path}: no space left to write a checkpoint of {size}{kept}: make room and run again"
        ) from None


def load(path: Path, device: torch.device | str = "cpu") -> State:
    """Read what :func:`save` wrote. Nothing in the file is ever run.

    Raises
    ------
    DepthscopeError
        No such file, a damaged one, or one that something else wrote.
    """
    safetensors = require("safetensors", "models")
    if not path.is_file():
        raise DepthscopeError(f"{path}: there is no checkpoint")
    try:
        with safetensors.safe_open(path, framework="pt", device=str(device)) as stored:
            header = (stored.metadata() or {}).get(HEADER)
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - it is no dict
        facts = None if header is None else json.loads(header)
    except Exception as problem:
        raise DepthscopeError(f"{path}: damaged ({reason(problem)}); delete it, and training begins anew") from None
    if not isinstance(facts, dict):
        raise DepthscopeError(f"{path}: weights, but no checkpoint of a training; give another file")
    return State(tensors, facts)


def restore(targets: Mapping[str, torch.Tensor], state: State) -> None:
    """Copy tensors of a state into those that are there, in place.

    Raises
    ------
    DepthscopeError
        One is missing, or has another shape or kind of numbers.
    """
    missing = [name for name in targets if name not in state.tensors]
    if missing:
        raise DepthscopeError(
            f"the checkpoint lacks {listed(missing)}: it is of another training; delete it, or choose another"
        )
    for name, target in targets.items():
        held = state.tensors[name]
        if held.shape != target.shape or held.dtype != target.dtype:
            raise DepthscopeError(
                f"the checkpoint's {name} is {_told(held)}, not {_told(target)}: it is of another training; delete it, or "
                "choose another"
            )
        with torch.no_grad():
            target.copy_(held)


def optimizer_state(optimizer: torch.optim.Optimizer) -> State:
    """Of any optimiser of torch: its tensors by parameter and name, and what is a plain number in it."""
    tensors, facts = {}, {}
    held = optimizer.state_dict()["state"]
    for number, values in held.items():
        for name, value in values.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{number}.{name}"] = value
            else:
                facts[f"{number}.{name}"] = value
    return State(tensors, facts)


def restore_optimizer(optimizer: torch.optim.Optimizer, state: State) -> None:
    """Give an optimiser over the same parameters what :func:`optimizer_state` took from one."""
    held: dict[int, dict[str, Any]] = {}
    for key, value in [*state.tensors.items(), *state.facts.items()]:
        number, _, name = key.partition(".")
        held.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({"state": held, "param_groups": optimizer.state_dict()["param_groups"]})


def _full(problem: BaseException) -> bool:
    return getattr(problem, "errno", None) in FULL or any(f"os error {code})" in str(problem) for code in FULL)


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _told(tensor: torch.Tensor) -> str:
    return f"{tuple(tensor.shape)} of {str(tensor.dtype).removeprefix('torch.')}"


def plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as they come back from a file: what was a tuple is a list."""
    read: dict[str, Any] = json.loads(json.dumps(dict(facts)))
    return read
