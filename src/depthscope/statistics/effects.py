"""Sizes of effects and their intervals."""

import warnings

import numpy as np
from scipy import stats

from depthscope.arrays import Float

MIN_ITEMS = 6


def cohens_dz(differences: Float) -> Float:
    """Mean over standard deviation of the paired differences, per cell; 0 where all are 0."""
    return _dz(differences, axis=0)


def _dz(differences: Float, axis: int) -> Float:
    mean = differences.mean(axis)
    spread = differences.std(axis, ddof=1)
    ratio: Float = np.divide(mean, spread, out=np.zeros_like(mean), where=spread > 0)
    return ratio


def dz_interval(
    differences: Float, *, resamples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> tuple[Float, Float]:
    """Bootstrap interval of Cohen's dz over items (BCa), per cell.

    Efron (1987), JASA 82:171. NaN with fewer than six items, whose resamples are too often all the same, and where
    differences have no spread.
    """
    if len(differences) < MIN_ITEMS:
        empty = np.full(differences.shape[1:], np.nan)
        return empty, empty.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # degenerate cells come back as NaN, which is what they are
        result = stats.bootstrap(
            (differences,),
            _dz,
            axis=0,
            n_resamples=resamples,
            batch=max(1, 2**23 // differences.size),
            confidence_level=confidence,
            method="BCa",
            rng=np.random.default_rng(seed),
        )
    return result.confidence_interval.low, result.confidence_interval.high


def mean_interval(values: Float, confidence: float = 0.95) -> tuple[Float, Float]:
    """Student interval of the mean over the first axis."""
    n = len(values)
    half = stats.t.isf((1 - confidence) / 2, n - 1) * values.std(0, ddof=1) / np.sqrt(n)
    mean = values.mean(0)
    return mean - half, mean + half
