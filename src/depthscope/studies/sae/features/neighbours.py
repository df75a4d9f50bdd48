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
def neighbours(directions: torch.Tensor, others: torch.Tensor | None = None, count: int = 8) -> Neighbours:
    """Which of ``others`` (m, d) are nearest to each of n directions (n, d), by cosine.

    Parameters
    ----------
    directions : Tensor (n, d)
    others : Tensor (m, d), optional
        Of another dictionary over the same stream; without it each of ``directions`` among all the others.
    count : int
    """
    own = others is None
    mine = torch.nn.functional.normalize(directions.float(), dim=-1)
    theirs = mine if others is None else torch.nn.functional.normalize(others.float().to(mine.device), dim=-1)
    latent = np.full((len(mine), count), -1)
    cosine = np.full((len(mine), count), np.nan)
    kept = min(count, len(theirs) - own)
    if kept < 1:
        return Neighbours(latent, cosine)
    step = max(1, CELLS // len(theirs))
    for first in range(0, len(mine), step):
        near = mine[first : first + step] @ theirs.T
        if own:
            near[torch.arange(len(near)), torch.arange(first, first + len(near))] = -torch.inf
        value, place = near.topk(kept, dim=-1)
        latent[first : first + step, :kept] = place.cpu().numpy()
        cosine[first : first + step, :kept] = value.clamp(-1, 1).cpu().numpy()
    return Neighbours(latent, cosine)
