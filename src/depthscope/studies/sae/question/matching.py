"""Latents that fire as often and as strongly as some others, and tell the conditions apart no better than chance."""

import numpy as np
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError

# of the nearest latents that are left, one is drawn
NEAREST = 10

Numbers = NDArray[np.int64]


def matched(rate: Float, level: Float, chosen: Numbers, pool: Numbers, draws: int, seed: int) -> Numbers:
    """Sets of latents of the ``pool``, one for each of the ``chosen`` and like it.

    Parameters
    ----------
    rate : array (latent,)
        Share of tokens on which each fires, above 0.
    level : array (latent,)
        Mean activation where it does, above 0.
    chosen, pool : int arrays
        Numbers of latents, none of them in both.
    draws : int
        Sets. Within a set no latent comes twice.

    Returns
    -------
    int array (draws, chosen)

    Raises
    ------
    DepthscopeError
        A pool with fewer latents than are to be matched.
    """
    if len(pool) < len(chosen):
        raise DepthscopeError(
            f"{len(chosen)} latents are to be matched, and only {len(pool)} others fire on the targets without telling the "
            "conditions apart: give a dictionary with more latents"
        )
    places = np.log(np.stack([rate, level], axis=1))
    spread = places[np.concatenate([chosen, pool])].std(0)
    places = places / np.where(spread > 0, spread, 1.0)
    far = np.linalg.norm(places[chosen][:, None] - places[pool][None], axis=-1)
    rng = np.random.default_rng(seed)
    found = np.empty((draws, len(chosen)), dtype=np.int64)
    for row in found:
        free = np.ones(len(pool), dtype=bool)
        # in an order of its own each time, so that no latent is always the last to choose
        for i in rng.permutation(len(chosen)):
            left = np.flatnonzero(free)
            near = left[np.argsort(far[i, left], kind="stable")[:NEAREST]]
            taken = rng.choice(near)
            free[taken], row[i] = False, pool[taken]
    return found
