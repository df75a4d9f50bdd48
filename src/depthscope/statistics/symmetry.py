"""Are differences symmetric, as sign flips take them to be? The triples test, at all layers at once."""

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.statistics.design import design
from depthscope.statistics.units import in_own_units

# with fewer, the statistic is far from normal, and nothing can be told
MIN_ITEMS = 10


@dataclass(frozen=True)
class Symmetry:
    """How skewed differences are, and whether chance does that.

    Attributes
    ----------
    skew : array (...)
        Of the differences (of what covariates leave of them) at each cell: the share of triples of items whose middle one is
        nearer to the lowest, less the share in which it is nearer to the highest, -1 to 1. 0: symmetric; above 0: a long tail
        upwards. NaN where values are missing or all the same, or items are too few.
    p : float
        Family-wise, over all cells; NaN if nothing could be tested.
    """

    skew: Float
    p: float


def symmetry_test(
    differences: Float, covariates: Float | None = None, *, draws: int = 2000, seed: int = 0
) -> Symmetry:
    """Test that differences are symmetric about *some* centre, at all cells at once; an effect does not matter.

    Parameters
    ----------
    differences : array (item, ...)
        Cells with any missing value take no part.
    covariates : array (item, k), optional
        Differences of covariates; residuals of the model with the effect are tested then.
    draws : int
        Of the largest statistic under symmetry.

    Returns
    -------
    Symmetry
        Nothing is tested with fewer than ten items.

    Notes
    -----
    The triples test (Randles et al. 1980) needs no moments and no estimated centre, so that heavy tails that are symmetric are
    not taken for skewness. Its statistic is a mean of scores of items, whose correlations between cells the null of the largest
    |statistic| keeps: scores are multiplied by normal numbers, the same for all cells of an item (Chernozhukov et al. 2013).
    That no asymmetry is found is no symmetry: with 20 items even a lognormal is found in a part of all studies
    (docs/simulations.md).

    References
    ----------
    Randles, Fligner, Policello & Wolfe (1980), J Am Stat Assoc 75:168. Chernozhukov, Chetverikov & Kato (2013), Ann Stat 41:2786.
    """
    n = len(differences)
    present = np.isfinite(differences).all(0)
    skew = np.full(present.size, np.nan)
    if n < MIN_ITEMS:
        return Symmetry(skew.reshape(present.shape), float("nan"))
    values = in_own_units(np.where(present, differences, 0.0).reshape(n, -1))[0]
    rest = design(n, covariates).residuals(values)
    tested = np.flatnonzero(present.ravel() & ((rest**2).sum(0) > 1e-26 * (values**2).sum(0)))
    if not tested.size:
        return Symmetry(skew.reshape(present.shape), float("nan"))
    found = [triples(rest[:, cell]) for cell in tested]
    skew[tested] = [3 * one.mean for one in found]
    largest = max(abs(one.z) for one in found)
    scores = np.column_stack([one.scores - one.mean for one in found])
    scores /= np.maximum(np.linalg.norm(scores, axis=0), 1e-300)
    drawn = np.random.default_rng(seed).normal(size=(draws, n)) @ scores
    beyond = int((np.abs(drawn).max(1) >= largest).sum())
    return Symmetry(skew.reshape(present.shape), (1 + beyond) / (1 + draws))


@dataclass(frozen=True)
class Triples:
    """The triples statistic of one sample: the mean of the kernel, in -1/3 .. 1/3; each item's part; and mean / error."""

    mean: float
    scores: Float
    z: float


def triples(x: Float) -> Triples:
    """The triples statistic of ``x`` (n,), in time n^2 log n.

    The kernel of three items is ``(sign(a + b - 2c) + sign(a + c - 2b) + sign(b + c - 2a)) / 3``: 1/3 if the middle one is
    nearer to the lowest, -1/3 if it is nearer to the highest. Sums over the third item are counts of numbers below another.
    """
    n = len(x)
    ordered = np.sort(x)
    sums = x[:, None] + x
    # for each pair, over the third item: it as the middle of the sign, or as one of its ends; items of the pair cancel
    middle = _balance(2 * ordered, sums)
    ends = -_balance(ordered, 2 * x - x[:, None])
    pairs = middle + ends + ends.T
    np.fill_diagonal(pairs, 0.0)
    mean = float(pairs.sum() / 2 / 9) / comb(n, 3)
    scores = pairs.sum(1) / 2 / 3 / comb(n - 1, 2)
    second = pairs[np.triu_indices(n, 1)] / 3 / (n - 2)
    parts = (((scores - mean) ** 2).mean(), ((second - mean) ** 2).mean(), 1 / 9 - mean**2)
    variance = sum(comb(3, c) * comb(n - 3, 3 - c) * part for c, part in enumerate(parts, 1)) / comb(n, 3)
    return Triples(mean, scores, mean / float(np.sqrt(variance)) if variance > 0 else 0.0)


def _balance(ordered: Float, at: Float) -> NDArray[np.float64]:
    """How many of the ``ordered`` numbers lie below each of ``at``, less how many lie above."""
    below = np.searchsorted(ordered, at, side="left") + np.searchsorted(ordered, at, side="right")
    return (below - len(ordered)).astype(np.float64)
