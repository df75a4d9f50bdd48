"""Curved dependence on a covariate: natural cubic splines of its levels."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from depthscope.arrays import Float

# items for each column that is adjusted for: with fewer, a curve follows the noise
ITEMS_A_COLUMN = 5


@dataclass(frozen=True)
class Basis:
    """Natural cubic splines without their constant, or a straight line where ``spline`` is None.

    Attributes
    ----------
    first, scale : float
        Levels enter as ``(level - first) / scale``: a basis must not depend on the unit.
    """

    first: float
    scale: float
    spline: CubicSpline | None

    def columns(self, levels: Float) -> Float:
        """Values of the curves at some levels (...): (..., columns). Straight beyond the outermost knots."""
        if self.spline is None:
            return levels[..., None]
        place = (levels - self.first) / self.scale
        inside = np.clip(place, 0, 1)
        values: Float = self.spline(inside)[..., 1:]
        if (place != inside).any():
            values = values + self.spline(inside, 1)[..., 1:] * (place - inside)[..., None]
        return values

    def slopes(self, levels: Float) -> Float:
        """By how much each column rises with the level, at some levels (...): (..., columns)."""
        if self.spline is None:
            return np.ones((*levels.shape, 1))
        rises: Float = self.spline(np.clip((levels - self.first) / self.scale, 0, 1), 1)[..., 1:]
        return rises / self.scale


def basis_of(levels: Float, knots: int) -> Basis:
    """The curves for some levels: knots are at equally spaced quantiles of the distinct ones, the outermost at the ends.

    Levels with no more distinct values than knots, such as codes of 0 and 1, have a straight line; so has ``knots`` below 3.
    """
    distinct = np.unique(levels)
    places = np.unique(np.quantile(distinct, np.linspace(0, 1, max(knots, 2))))
    if knots < 3 or len(distinct) <= knots or len(places) < knots:
        return Basis(0.0, 1.0, None)
    scale = float(places[-1] - places[0])
    return Basis(float(places[0]), scale, CubicSpline((places - places[0]) / scale, np.eye(knots), bc_type="natural"))


def natural_splines(levels: Float, knots: int) -> Float:
    """A basis of the natural cubic splines of some levels, without their constant.

    Parameters
    ----------
    levels : array (...)
    knots : int
        At least 3; ``knots - 1`` columns come from them.

    Returns
    -------
    array (..., columns)
        One column for a straight line.
    """
    return basis_of(levels, knots).columns(levels)


def columns_allowed(items: int, covariates: int, knots: int) -> int:
    """With how many knots so many covariates may be followed by so many items; fewer than 3: by straight lines."""
    allowed = items // (ITEMS_A_COLUMN * max(covariates, 1)) + 1
    return min(knots, allowed)
