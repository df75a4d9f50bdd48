"""Are differences symmetric, as sign flips take them to be? The triples test, averaged over layers."""

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from depthscope.arrays import Float
from depthscope.statistics.design import design
from depthscope.statistics.units import in_own_units

# with fewer, the statistic is far from normal, and nothing can be said
MIN_ITEMS = 10
# of more, so many are drawn: time grows by their square, and these are enough
MOST_ITEMS = 300


@dataclass(frozen=True)
class Symmetry:
    """How skewed differences are, and whether chance does that; NaN where it cannot be asked.

    Attributes
    ----------
    skew : float
        The share of triples of items whose middle one is nearer to the lowest, less the share in which it is nearer to the
        highest, mean over cells, -1 to 1. 0: symmetric; above 0: a long tail upwards.
    p : float
        That symmetric differences are as skewed.
    """

    skew: float
    p: float


def symmetry_test(differences: Float, covariates: Float | None = None) -> Symmetry:
    """Test that ``differences`` are symmetric about *some* centre, at each cell its own; an effect does not matter.

    Parameters
    ----------
    differences : array (item, ...)
        Cells with a missing value, or without a spread, take no part. Of more than 300 items, 300 are drawn.
    covariates : array (item, k), optional
        Differences of covariates; residuals of the model with the effect are tested then.

    Returns
    -------
    Symmetry
        NaN with fewer than ten items, and without any cell.

    Notes
    -----
    The triples test needs no moments and no estimated centre, so that heavy tails that are symmetric are hardly taken for
    skewness: rates in docs/simulations.md. The mean of its kernel over the cells is a kernel too, and one test of it needs no
    correction for the number of layers; tails that point up at some layers and down at others cancel. Compared with Student's t
    of n - 3 degrees, more cautious than the normal with few items. That no asymmetry is found is no symmetry.

    References
    ----------
    Randles, Fligner, Policello & Wolfe (1980), J Am Stat Assoc 75:168.
    """
    n = len(differences)
    kept = differences[:, np.isfinite(differences).all(0)]
    values = in_own_units(np.asarray(kept, dtype=np.float64).reshape(n, -1))[0]
    if n >= MIN_ITEMS:
        rest = design(n, covariates).residuals(values)
        if n > MOST_ITEMS:
            n, rest = MOST_ITEMS, np.random.default_rng(0).permutation(rest)[:MOST_ITEMS]
        rest = rest[:, (rest**2).sum(0) > 1e-26 * (values**2).sum(0)]
        if rest.size:
            mean, z = triples(rest)
            return Symmetry(3 * mean, float(2 * stats.t.sf(abs(z), n - 3)))
    return Symmetry(float("nan"), float("nan"))


def triples(x: Float) -> tuple[float, float]:
    """The triples statistic of ``x`` (n, cell), mean over cells, and this by its standard error; time n^2 log n for each cell.

    The kernel of three items is ``(sign(a + b - 2c) + sign(a + c - 2b) + sign(b + c - 2a)) / 3``: 1/3 if the middle one is
    nearer to the lowest, -1/3 if it is nearer to the highest.
    """
    n = len(x)
    pairs = np.mean([_pairs(column) for column in x.T], axis=0)
    mean = float(pairs.sum() / 2 / 9) / comb(n, 3)
    first = pairs.sum(1) / 2 / 3 / comb(n - 1, 2)
    second = pairs[np.triu_indices(n, 1)] / 3 / (n - 2)
    # of the mean over cells, the last is the most that it can be, and weighs little
    parts = (((first - mean) ** 2).mean(), ((second - mean) ** 2).mean(), 1 / 9 - mean**2)
    variance = sum(comb(3, c) * comb(n - 3, 3 - c) * part for c, part in enumerate(parts, 1)) / comb(n, 3)
    return mean, mean / float(np.sqrt(variance)) if variance > 0 else 0.0


def _pairs(x: Float) -> Float:
    """For each pair of items (n, n), the sum of three times the kernel over the third."""
    order = np.argsort(x, kind="stable")
    x = x[order]  # numbers that come in order are found faster
    # the third item as the middle of the sign, or as one of its ends: counts of numbers below another; items of the pair cancel
    middle = _balance(2 * x, x[:, None] + x)
    ends = _balance(x, 2 * x[:, None] - x)
    ordered = middle - ends - ends.T
    np.fill_diagonal(ordered, 0.0)
    pairs = np.empty_like(ordered)
    pairs[np.ix_(order, order)] = ordered
    return pairs


def _balance(ordered: Float, at: Float) -> NDArray[np.float64]:
    """How many of the ``ordered`` numbers lie below each of ``at``, less how many lie above."""
    below = np.searchsorted(ordered, at, side="left") + np.searchsorted(ordered, at, side="right")
    return (below - len(ordered)).astype(np.float64)
