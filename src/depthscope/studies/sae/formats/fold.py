"""The same dictionary in other terms: what a format writes beside the weights is taken into them, exactly."""

from collections.abc import Mapping
from typing import Any

import torch

from depthscope.studies.sae.dictionary import Dictionary

TINY = 1e-30  # rows of a decoder that are nothing stay nothing


def unit_rows(
    encoder: torch.Tensor, decoder: torch.Tensor, inside: Mapping[str, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    """Activations times the norms of what latents write, whose rows are then unit vectors: the reconstruction stays.

    A latent of z with the direction w is one of ``z |w|`` with ``w / |w|``. Where a peer selects latents by ``z |w|``, this is
    no change of scale but what it computes.

    Parameters
    ----------
    encoder, decoder : Tensor (n, d)
    inside : mapping of str to Tensor (n,)
        Biases and thresholds in the units of activations.
    """
    norms = decoder.norm(dim=1)
    return (
        encoder * norms[:, None],
        decoder / norms.clamp(min=TINY)[:, None],
        {name: value * norms for name, value in inside.items()},
    )


def with_input_bias(dictionary: Dictionary, bias: torch.Tensor) -> Dictionary:
    """One that takes another bias off its input and computes the same: what it takes off less, its latents' biases do."""
    moved = (bias - dictionary.bias) @ dictionary.encoder.T
    own = dict(dictionary.own.items())
    if dictionary.activation.name == "gated":
        own["gate_bias"] = own["gate_bias"] + moved
        own["magnitude_bias"] = own["magnitude_bias"] + own["magnitude_scale"].exp() * moved
        moved = torch.zeros_like(moved)
    out = dictionary.bias if dictionary.output_bias is None else dictionary.output_bias
    return changed(
        dictionary,
        latent_bias=dictionary.latent_bias + moved,
        bias=bias,
        own=own,
        output_bias=None if torch.equal(out, bias) else out,
    )


def changed(dictionary: Dictionary, **values: Any) -> Dictionary:
    """A dictionary with some of its parts in place of others."""
    parts: dict[str, Any] = {
        "encoder": dictionary.encoder,
        "latent_bias": dictionary.latent_bias,
        "decoder": dictionary.decoder,
        "bias": dictionary.bias,
        "activation": dictionary.activation,
        "own": dict(dictionary.own.items()),
        "output_bias": dictionary.output_bias,
        "skip": dictionary.skip,
        "normalization": dictionary.normalization,
        "origin": dictionary.origin,
    } | values
    plain: dict[str, Any] = {
        name: value.detach() if isinstance(value, torch.Tensor) else value for name, value in parts.items()
    }
    plain["own"] = {name: value.detach() for name, value in parts["own"].items()}
    return Dictionary(**plain)
