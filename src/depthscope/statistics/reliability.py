"""Covariates that are measured with error: what their curves are expected to be at the true levels.

Of a covariate only ``W = X + U`` is known. A regression on W removes too little of what X carries. Regression calibration
puts in the place of each column what it is expected to be, ``E[f(X) | W]``: then ``E[d | W]`` has the true coefficients.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial.hermite_e import hermegauss

from depthscope.arrays import Float
from depthscope.statistics.attenuation import Left, left_adjusted
from depthscope.statistics.pairing import Levels
from depthscope.statistics.splines import basis_of

# points of the quadrature over what the true level may be; exact for polynomials of degree 13
POINTS = 7
# of the spread in any direction, at most this share is taken for error: with more, nothing would be left to adjust for
MOST_ERROR = 0.95


@dataclass(frozen=True)
class Calibrated:
    """Differences between the conditions of the expected columns, one row per pair of texts.

    Attributes
    ----------
    columns : array (pair, column)
        Their regression has the coefficients of the true levels.
    centres : array (pair, column)
        Of the same mean, and as uncertain as the mean of what was measured: the effect is ``mean(d) - mean(centres) @ g``.
    """

    columns: Float
    centres: Float


def calibrated(levels: Float, signs: Float, knots: int, reliability: Float) -> Calibrated:
    """What the differences of the curves of covariates are expected to be, given what was measured.

    Parameters
    ----------
    levels : array (pair, condition, covariate)
    signs : array (condition,)
        How often each condition is added, less how often it is taken away: ``[1, -1]`` for ``a - b``.
    knots : int
        Of the natural splines; below 3, straight lines.
    reliability : array (covariate,)
        In (0, 1]: the share of the variance of the *differences* between the conditions that is not error. That is what
        two measures of the same thing correlate by. 1: no error, and the columns are those of the levels.

    Notes
    -----
    Errors are independent of the true levels, of each other and between conditions, and have the same variance in each:
    ``(1 - reliability) var(difference) / sum(signs^2)``. The true levels are taken to be normal around the means of their
    conditions, given what was measured, so that ``X | W`` is normal with mean ``m + L (W - m)``, ``L = I - S_u S_w^-1``; the
    expectation is by Gauss-Hermite quadrature. Along straight lines, and where levels spread alike in the conditions, this is
    the attenuation-corrected estimator of moments, ``(S_w - S_u)^-1 S_wd``: of one covariate, the slope by the reliability.

    References
    ----------
    Fuller (1987), Measurement Error Models, ch. 2; Carroll, Ruppert, Stefanski & Crainiceanu (2006), Measurement Error in
    Nonlinear Models, ch. 4.
    """
    pairs, conditions, covariates = levels.shape
    bases = [basis_of(levels[..., k], knots) for k in range(covariates)]
    gaps = np.einsum("c,pck->pk", signs, levels)
    error = np.tile((1 - reliability) * gaps.var(0, ddof=1) / (signs**2).sum(), conditions)
    flat = levels.reshape(pairs, conditions * covariates)
    means = flat.mean(0)
    kept, variance = _posterior(flat - means, error)
    expected = (means + (flat - means) @ kept.T).reshape(levels.shape)
    moved = ((flat - means) - (flat - means) @ kept.T).reshape(levels.shape)
    spread = np.sqrt(variance).reshape(conditions, covariates)
    nodes, weights = hermegauss(POINTS)
    weights = weights / weights.sum()
    columns, centres = [], []
    for k, basis in enumerate(bases):
        if not error.any():
            column = np.einsum("c,pcj->pj", signs, basis.columns(levels[..., k]))
            columns.append(column)
            centres.append(column)
            continue
        at = expected[..., k, None] + spread[:, k, None] * nodes
        column = np.einsum("c,q,pcqj->pj", signs, weights, basis.columns(at))
        slopes = np.einsum("q,pcqj->cj", weights, basis.slopes(at)) / pairs
        columns.append(column)
        centres.append(column + np.einsum("c,pc,cj->pj", signs, moved[..., k], slopes))
    return Calibrated(np.concatenate(columns, -1), np.concatenate(centres, -1))


def left_at(levels: Levels, differences: Float, reliability: Float, **options: Any) -> Left:
    """What is left of an effect at equal true levels, if covariates are measured with some ``reliability`` (covariate,).

    Parameters
    ----------
    levels : Levels
        Of the covariates of a pairing (:func:`depthscope.statistics.pairing.pair`).
    differences : array (item,)
        Of the same items.
    **options
        Those of :func:`depthscope.statistics.attenuation.left_adjusted`. Calibration is not made again in its resamples, but
        the means of what was measured are.
    """
    found = calibrated(levels.values, levels.signs, levels.knots, reliability)
    return left_adjusted(differences, levels.by_item(found.columns), levels.by_item(found.centres), **options)


def _posterior(deviations: Float, error: Float) -> tuple[Float, Float]:
    """Of levels (pair, level) around their means: the matrix L, and the variance of each true level given all."""
    size = deviations.shape[1]
    if not error.any():
        return np.eye(size), np.zeros(size)
    scale = deviations.std(0, ddof=1)
    scale = np.where(scale > 0, scale, 1.0)
    covariance = np.atleast_2d(np.cov(deviations / scale, rowvar=False))
    strength, axes = np.linalg.eigh(covariance)
    known = strength > 1e-10 * strength[-1]
    root = axes[:, known] * np.sqrt(strength[known])
    back = axes[:, known] / np.sqrt(strength[known])
    wrong, turned = np.linalg.eigh(back.T @ (back * (error / scale**2)[:, None]))
    wrong = np.minimum(wrong, MOST_ERROR)
    right = root @ turned
    kept = (right * (1 - wrong)) @ (back @ turned).T
    variance = ((right**2) * (wrong * (1 - wrong))).sum(1)
    return kept * scale[:, None] / scale, np.maximum(variance, 0.0) * scale**2
