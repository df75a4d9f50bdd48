"""Settings that several activations have."""

import math

from depthscope.errors import DepthscopeError


def check_k(k: float, latents: int) -> None:
    """Refuse more latents at a token than there are."""
    if k > latents:
        raise DepthscopeError(f"k={k:g}: more than the {latents} latents there are; give a smaller k, or more latents")


def check_penalty(name: str, weight: float, warmup: float) -> None:
    """Refuse a weight or a share that is none."""
    if not 0 <= weight < math.inf:
        raise DepthscopeError(f"{name}={weight}: give 0 or more")
    if not 0 <= warmup <= 1:
        raise DepthscopeError(f"warmup={warmup}: give a share of the steps, between 0 and 1")
