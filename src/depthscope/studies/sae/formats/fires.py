"""Activations by their names, as files say them."""

from dataclasses import asdict
from importlib import import_module
from typing import Any, cast

from depthscope.studies.sae.activations.activation import Activation

_HERE = "depthscope.studies.sae.activations"
KNOWN = ("relu", "topk", "batch_topk", "jump_relu", "gated", "matryoshka")


def activation(name: str, **settings: Any) -> Activation:
    """The one activation in the module of that name."""
    found = [one for one in vars(import_module(f"{_HERE}.{name}")).values() if getattr(one, "name", None) == name]
    return cast(Activation, found[0](**settings))


def settings_of(fires: Activation) -> dict[str, Any]:
    """The fields of its dataclass."""
    return asdict(fires)  # type: ignore[call-overload, no-any-return]
