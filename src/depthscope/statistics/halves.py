"""How large is the strongest effect where it was not chosen? Layers from one half of the items, dz from the other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from depthscope.arrays import Float
from depthscope.statistics.clusters import strongest_runs
from depthscope.statistics.meta import hedges
from depthscope.statistics.units import in_own_units

# of items in a half: with fewer, standard deviations are worth nothing
MIN_HALF = 6
# of values whose largest is about 1: what rounding makes of no spread at all, where a sum is taken from another
NONE = 1e-7


@dataclass(frozen=True)
class Halves:
    """dz of the strongest cluster in items that did not choose it, mean over splits; NaN where it cannot be asked.

    Attributes
    ----------
    peak, window : float
        At the peak of the strongest cluster, and of the mean over its layers; above 0 in the direction in which the other half
        chose them to be largest.
    """

    peak: float
    window: float


def split_half(
    differences: Float, *, forming_p: float = 0.05, tail: int = 0, splits: int = 200, seed: int = 0
) -> Halves:
    """dz at the peak and over the layers of the strongest cluster, chosen in one half of the items and measured in the other.

    Parameters
    ----------
    differences : array (item, layer)
        Layers with any missing value take no part.
    forming_p, tail
        Of the clusters, as in the test.
    splits : int
        Random splits; in each, both halves choose for one another.

    Returns
    -------
    Halves
        NaN with fewer than twelve items, without any layer, and where a half has an effect without a spread.

    Notes
    -----
    The effect at a peak, or over a cluster, is too large where the same items say where it is. A half that did not choose the
    layers has no such bias. But half of the items choose worse than all of them do, so that the value is rather too small where
    the effect is narrow; and where a study is reported because it found something, all values are too large, this one least
    (docs/simulations.md has the bias of each). dz of few items is too large by itself: what the halves show has Hedges'
    correction. Without a layer beyond the threshold a half chooses the layer of its largest t.

    References
    ----------
    Kriegeskorte, Simmons, Bellgowan & Baker (2009), Nat Neurosci 12:535 (circular analysis).
    """
    n = len(differences)
    present = np.isfinite(differences).all(0)
    if n < 2 * MIN_HALF or not present.any():
        return Halves(float("nan"), float("nan"))
    values = in_own_units(np.where(present, differences, 0.0))[0]
    order = np.random.default_rng(seed).random((splits, n)).argsort(1)
    first = (order < n // 2).astype(np.float64)
    chosen, measured = np.concatenate([first, 1 - first]), np.concatenate([1 - first, first])
    size = chosen.sum(1)[:, None]
    t = _dz(chosen @ values, chosen @ values**2, size) * np.sqrt(size)
    # a threshold for each half: of an odd number of items one is larger
    threshold = stats.t.isf(forming_p / (2 if tail == 0 else 1), size - 1)
    start, stop, peak, sign = strongest_runs(t / threshold, 1.0, tail)
    size = measured.sum(1)[:, None]
    every = _dz(measured @ values, measured @ values**2, size)
    at_peak = np.take_along_axis(every, peak[:, None], 1)[:, 0]
    # in the units of the measure, for layers are averaged: sums of layers up to each, whose differences are windows
    raw = in_own_units(np.where(present, differences, 0.0).reshape(-1, 1))[0].reshape(differences.shape)
    above = np.concatenate([np.zeros((n, 1)), raw.cumsum(1)], axis=1)
    means = in_own_units((above[:, stop] - above[:, start]) / (stop - start))[0].T
    over = _dz((measured * means).sum(1)[:, None], (measured * means**2).sum(1)[:, None], size)[:, 0]
    means_of_splits = [float(one.mean()) if np.isfinite(one).all() else np.nan for one in (sign * at_peak, sign * over)]
    peak_dz, window_dz = hedges(np.array(means_of_splits), n // 2)[0]
    return Halves(float(peak_dz), float(window_dz))


def _dz(total: Float, squares: Float, size: NDArray[np.float64]) -> Float:
    """Of values whose largest is about 1; infinite without a spread, 0 if there is no mean either."""
    mean = total / size
    spread = np.sqrt(np.maximum(squares - size * mean**2, 0.0) / (size - 1))
    certain = np.where(np.abs(mean) > NONE, np.copysign(np.inf, mean), 0.0)
    return np.divide(mean, spread, out=certain, where=spread > NONE)
