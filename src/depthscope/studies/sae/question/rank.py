"""An observed number among numbers that were drawn as if it were nothing special, for several dictionaries at once."""

import numpy as np

from depthscope.arrays import Float


def rank_p(observed: Float, drawn: Float, *, greater: bool = False) -> Float:
    """p of each observed number, corrected for how many there are.

    Numbers of each row are brought to one scale, by mean and spread of the observed and the drawn together, and each observed
    one is compared with the largest of all rows in each draw. Exact if what is observed could as well have been any draw.

    Parameters
    ----------
    observed : array (row,)
    drawn : array (row, draw)
    greater : bool
        Count only what lies above; by default, what lies as far from the mean on either side.

    Returns
    -------
    array (row,)
        ``1 / (draws + 1)`` at least; 1 where neither differs from the other.
    """
    pooled = np.concatenate([observed[:, None], drawn], axis=1)
    spread = pooled.std(1, keepdims=True)
    # equal numbers differ in their last digits
    there = spread > 1e-12 * np.abs(pooled).max(1, keepdims=True)
    scaled = np.where(there, (pooled - pooled.mean(1, keepdims=True)) / np.where(there, spread, 1.0), 0.0)
    scaled = scaled if greater else np.abs(scaled)
    p: Float = (scaled.max(0)[None] >= scaled[:, :1] - 1e-12).mean(1)
    return np.where(there[:, 0], p, 1.0)
