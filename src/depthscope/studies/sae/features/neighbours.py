"""Latents whose directions are alike, in one dictionary or in two."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.arrays import Float

# cosines that are there at a time
CELLS = 2**25


class Neighbours(NamedTuple):
    """The nearest latents of n.

    Attributes
    ----------
    latent : int array (n, count)
        The nearest first; -1 where there are no more.
    cosine : float array (n, count)
        -1 to 1; NaN where there are no more.
    """

    latent: NDArray[np.int64]
    cosine: Float


@torch.no_grad()
def neighbours(
    directions: torch.Tensor, others: torch.Tensor, count: int = 8, own: NDArray[np.int64] | None = None
) -> Neighbours:
    """Which of ``others`` (m, d) are nearest to each of n directions (n, d), by cosine.

    Parameters
    ----------
    directions : Tensor (n, d)
    others : Tensor (m, d)
        Over the same stream.
    count : int
    own : int array (n,), optional
        Which of the others each direction is itself: it is no neighbour of its own.
    """
    mine, theirs = (
        torch.nn.functional.normalize(one.float().to(others.device), dim=-1) for one in (directions, others)
    )
    latent = np.full((len(mine), count), -1)
    cosine = np.full((len(mine), count), np.nan)
    kept = min(count, len(theirs) - (own is not None))
    if kept < 1:
        return Neighbours(latent, cosine)
    step = max(1, CELLS // len(theirs))
    for first in range(0, len(mine), step):
        near = mine[first : first + step] @ theirs.T
        if own is not None:
            near[torch.arange(len(near)), torch.as_tensor(own[first : first + step])] = -torch.inf
        value, place = near.topk(kept, dim=-1)
        latent[first : first + step, :kept] = place.cpu().numpy()
        cosine[first : first + step, :kept] = value.clamp(-1, 1).cpu().numpy()
    return Neighbours(latent, cosine)
