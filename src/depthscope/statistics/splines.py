"""Curved dependence on a covariate: natural cubic splines of its levels."""

import numpy as np
from scipy.interpolate import CubicSpline

from depthscope.arrays import Float

# items for each column that is adjusted for: with fewer, a curve follows the noise
ITEMS_A_COLUMN = 5


def natural_splines(levels: Float, knots: int) -> Float:
    """A basis of the natural cubic splines of some levels, without their constant.

    Knots stand at equally spaced quantiles of the levels, the first at the smallest and the last at the largest. Levels with no
    more distinct values than knots, such as codes of 0 and 1, have a straight line.

    Parameters
    ----------
    levels : array (...)
    knots : int
        At least 3; ``knots - 1`` columns come of them.

    Returns
    -------
    array (..., columns)
        One column for a straight line.
    """
    distinct = np.unique(levels)
    places = np.unique(np.quantile(distinct, np.linspace(0, 1, knots)))
    if len(distinct) <= knots or len(places) < knots:
        return levels[..., None]
    # in units of their own spread: a basis must not depend on the unit
    scale = places[-1] - places[0]
    curves = CubicSpline((places - places[0]) / scale, np.eye(knots), bc_type="natural")
    basis: Float = curves((levels - places[0]) / scale)[..., 1:]
    return basis


def columns_allowed(items: int, covariates: int, knots: int) -> int:
    """With how many knots so many covariates may be followed by so many items; fewer than 3: by straight lines."""
    allowed = items // (ITEMS_A_COLUMN * max(covariates, 1)) + 1
    return min(knots, allowed)
