"""How much of an effect is left with covariates held equal, or among some of its items: a share with its interval."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.statistics.shares import Share, item_weights, ratio_of, widened

# of the scale of the columns: keeps a resample in which some of them are equal from having no answer
RIDGE = 1e-9


@dataclass(frozen=True)
class Left:
    """What is left of an effect: its ``share``, and the ``difference`` itself with its 95 % interval, in the same units."""

    share: Share
    difference: float
    low: float
    high: float


def left_adjusted(
    differences: Float,
    covariates: Float,
    centres: Float | None = None,
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Left:
    """How much of a mean difference is left at equal covariates.

    Parameters
    ----------
    differences : array (item,)
    covariates : array (item, column)
        Differences of the covariates, or of curves of their levels.
    centres : array (item, column), optional
        Whose mean is held at 0, if other than ``covariates`` (:mod:`depthscope.statistics.reliability`).
    resamples : int
        Items are drawn with replacement; in each resample the regression is fitted again (its knots stay), and the share is
        that of its adjusted effect in its own mean.

    Returns
    -------
    Left
        NaN with fewer than two items, or no more items than columns that carry information of their own + 1.

    Notes
    -----
    ``d_i = effect + x_i' g + e_i``; the share is ``effect / mean(d)``. Weighted by how often each item was drawn, all
    resamples are one batch of normal equations: 2,000 of 200 items and 24 columns take a tenth of a second.
    """
    n, nan = len(covariates), float("nan")
    columns, turn = _uncorrelated(covariates)
    if n < max(2, columns.shape[1] + 2):
        return Left(Share(nan, nan, nan), nan, nan, nan)
    top = float(np.abs(differences).max()) or 1.0
    x = np.column_stack([np.ones(n), columns])
    z = (covariates if centres is None else centres) @ turn
    d = differences / top
    size = x.shape[1]
    first, second = np.triu_indices(size)
    sums = np.column_stack([x[:, first] * x[:, second], x * d[:, None], z, d])

    def effects(weights: Float) -> tuple[Float, Float]:
        """Adjusted effect and plain mean for each row of weights (resample, item)."""
        squares, products, at, mean = np.split(weights @ sums, np.cumsum([len(first), size, size - 1]), axis=1)
        normal = np.empty((len(weights), size, size))
        normal[:, first, second] = normal[:, second, first] = squares
        normal[:, np.arange(size), np.arange(size)] += RIDGE
        g = np.linalg.solve(normal, products[..., None])[:, 1:, 0]
        return mean[:, 0] - (g * at).sum(1), mean[:, 0]

    (effect,), (observed,) = effects(np.full((1, n), 1 / n))
    drawn = [effects(weights) for weights in item_weights(n, resamples, seed)]
    above, below = (np.concatenate([one[i] for one in drawn]) for i in (0, 1))
    share = ratio_of(above, below, float(effect), float(observed), n, confidence)
    outer = (1 - confidence) / 2
    low, high = (float(end) for end in np.quantile(above, (outer, 1 - outer)))
    low, high = widened(float(effect), low, high, n)
    return Left(share, *(float(one * top) for one in (effect, low, high)))


def _uncorrelated(covariates: Float) -> tuple[Float, Float]:
    """Columns of mean 0, variance 1 and no correlation, so that normal equations lose no digits; and what turns into them."""
    scale = covariates.std(0)
    scale = np.where(scale > 0, scale, 1.0)
    left, strength, axes = np.linalg.svd((covariates - covariates.mean(0)) / scale, full_matrices=False)
    there = strength > 1e-10 * max(float(strength.max(initial=0.0)), 1.0)
    length = np.sqrt(len(covariates))
    return left[:, there] * length, axes[there].T / strength[there] / scale[:, None] * length


def left_among(
    differences: Float, kept: NDArray[np.bool_], *, resamples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> Share:
    """How much of a mean difference is left among the items that are ``kept``, all of them being drawn with replacement."""
    n = len(differences)
    if n < 2 or not kept.any():
        return Share(*(float("nan"),) * 3)
    above, below = [], []
    for weights in item_weights(n, resamples, seed):
        chosen = weights @ kept
        above.append(np.where(chosen > 0, weights @ (differences * kept), 0.0) / np.where(chosen > 0, chosen, 1.0))
        below.append(weights @ differences)
    observed, effect = float(differences.mean()), float(differences[kept].mean())
    return ratio_of(np.concatenate(above), np.concatenate(below), effect, observed, n, confidence)
