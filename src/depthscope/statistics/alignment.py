"""Curves of networks of different depth, put on one grid of relative depth."""

import numpy as np

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError

# two relative depths nearer than this are the same: 0.6 is 18 / 30, but not to the last digit
SAME = 1e-9


# "early to mid": the centre of a cluster lies below this relative depth
EARLY = 0.6


def depth_grid(points: int = 20) -> Float:
    """Relative depths ``1 / points .. 1``, as those of the layers of a network that has so many: (points,).

    Raises
    ------
    DepthscopeError
        Fewer than two points.
    """
    if points < 2:
        raise DepthscopeError(f"points={points}: a grid of relative depth needs at least 2, e.g. 20")
    return np.arange(1, points + 1, dtype=np.float64) / points


def align(values: Float, depths: Float, grid: Float) -> Float:
    """Values at the layers of one network, linearly interpolated at the relative depths of a grid.

    Parameters
    ----------
    values : array (item, layer)
        One curve per item; NaN where nothing was measured.
    depths : array (layer,)
        Relative depth of the layers, layer / number of layers, increasing.
    grid : array (points,)
        Relative depths asked for, in any order.

    Returns
    -------
    array (item, points)
        The value of a layer where a point meets one; between two neighbouring layers that were both measured, the straight
        line; NaN elsewhere: before the first, after the last, and across a gap. Nothing is extrapolated.

    Raises
    ------
    DepthscopeError
        Depths that do not increase, or are not as many as the layers.

    Examples
    --------
    >>> align(np.array([[0.0, 1.0, np.nan, 3.0]]), np.array([0.25, 0.5, 0.75, 1.0]), np.array([0.1, 0.3, 0.5, 0.6, 1.0]))
    array([[nan, 0.2, 1. , nan, 3. ]])
    """
    depths = np.asarray(depths, dtype=np.float64)
    if depths.shape != values.shape[1:] or not (np.diff(depths) > 0).all():
        raise DepthscopeError("relative depth must increase from layer to layer, one value for each")
    aligned = np.full((len(values), len(grid)), np.nan)
    for i, point in enumerate(np.asarray(grid, dtype=np.float64)):
        right = int(np.searchsorted(depths, point - SAME))
        if right < len(depths) and abs(depths[right] - point) <= SAME:
            aligned[:, i] = values[:, right]
        elif 0 < right < len(depths):
            share = (point - depths[right - 1]) / (depths[right] - depths[right - 1])
            aligned[:, i] = (1 - share) * values[:, right - 1] + share * values[:, right]
    return aligned


def layers_between(depth: int, low: float, high: float) -> tuple[int, int]:
    """First and last of ``depth`` layers whose relative depth lies from ``low`` to ``high``, ends included.

    Last < first if none does.
    """
    return max(1, int(np.ceil(low * depth - SAME * depth))), min(depth, int(np.floor(high * depth + SAME * depth)))
