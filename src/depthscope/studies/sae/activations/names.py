"""Activations by their names: a new one is a file, and a line here."""

from dataclasses import fields
from importlib import import_module
from typing import Any

from depthscope.errors import DepthscopeError, check_choice, listed
from depthscope.studies.sae.activations.activation import Activation

ACTIVATIONS = {
    "topk": "TopK",
    "batch_topk": "BatchTopK",
    "relu": "ReLU",
    "jump_relu": "JumpReLU",
    "gated": "Gated",
    "matryoshka": "Matryoshka",
}


def activation_of(name: str, k: float | None = None, **settings: Any) -> Activation:
    """The activation of a name, in the module of that name.

    Parameters
    ----------
    name : str
        In :data:`ACTIVATIONS`.
    k : float, optional
        Latents at a token, of those activations that fix it; the others are without.
    **settings
        What else it has: the fields of its class.

    Raises
    ------
    DepthscopeError
        Another name, a setting that it does not have, or one that it needs.
    """
    check_choice("activation", name, ACTIVATIONS)
    made: Any = getattr(import_module(f"depthscope.studies.sae.activations.{name}"), ACTIVATIONS[name])
    known = [one.name for one in fields(made)]
    strange = [one for one in settings if one not in known]
    if strange:
        raise DepthscopeError(
            f"{name} has no {listed(strange)}, but {listed(known)}; leave it out, or choose another activation"
        )
    if "k" in known:
        if k is None:
            raise DepthscopeError(f"{name} needs k, how many latents fire at a token; give it")
        settings = {"k": k, **settings}
    found: Activation = made(**settings)
    return found
