"""The fit between a network and the files from which it was filled: what they lack, and for what it has no place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from depthscope.errors import DepthscopeError, listed

MEMORY = "load it with transformers yourself and give depthscope.load(network, tokenizer)"


@dataclass(frozen=True)
class Filling:
    """What transformers says of the fit between a network and the files from which it was filled.

    Attributes
    ----------
    network : Module
        All of it, also where only one of its stacks is measured.
    missing, unexpected : tuple of str
        Tensors that the files lack, by their names in the network; tensors for which it has no place.
    files : str
        Where the weights came from.
    """

    network: nn.Module
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    files: str


def filling(network: nn.Module, info: Mapping[str, Any], name: str, files: str) -> Filling:
    """What ``from_pretrained(output_loading_info=True)`` said beside the network.

    Raises
    ------
    DepthscopeError
        Tensors of another shape than the configuration says.
    """
    mismatched = sorted(info.get("mismatched_keys") or ())
    if mismatched:
        key, theirs, ours = mismatched[0]
        more = f" and {len(mismatched) - 1} more" if len(mismatched) > 1 else ""
        raise DepthscopeError(
            f"{name}: its weights have other shapes than its configuration says ({key} is {shown(theirs)}, not {shown(ours)}"
            f"{more}), so one of the two belongs to another model; fetch or save the model again"
        )
    missing, unexpected = (tuple(sorted(info.get(f"{kind}_keys") or ())) for kind in ("missing", "unexpected"))
    return Filling(network, missing, unexpected, files)


def whole(network: nn.Module, info: Mapping[str, Any], name: str) -> nn.Module:
    """The network, if its files hold every weight of it.

    Raises
    ------
    DepthscopeError
        They do not.
    """
    found = filling(network, info, name, "the file")
    if found.missing:
        raise refuse_missing(name, found.missing, found.files)
    return network


def refuse_missing(name: str, missing: Iterable[str], files: str) -> DepthscopeError:
    """The sentence on weights that would be random."""
    return DepthscopeError(
        f"{name}: {files} lacks weights that the configuration asks for ({listed(missing, 3)}), and they would be random; "
        f"fetch or save the model again, or, if that is what you want, {MEMORY}"
    )


def shown(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "a single number"
