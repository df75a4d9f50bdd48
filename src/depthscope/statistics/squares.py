"""Many small problems of nonlinear least squares at once, as a bootstrap has them (Levenberg and Marquardt)."""

from collections.abc import Callable

import numpy as np

from depthscope.arrays import Float

STEPS = 300
# of the largest curvature: keeps directions still in which nothing changes
STILL = 1e-12
MOST_DAMPED = 1e12

Model = Callable[[Float], tuple[Float, Float]]


def least_squares(model: Model, values: Float, starts: Float, gain: float = 1e-12) -> tuple[Float, Float]:
    """Parameters that bring a model nearest to the values of each problem.

    Parameters
    ----------
    model : function of (problem, parameter)
        Gives what it says of the values, (problem, point), and its derivatives, (problem, point, parameter).
    values : array (problem, point)
    starts : array (problem, parameter)
    gain : float
        Of a sum of squares: a step that lowers it by a smaller share is the last one.

    Returns
    -------
    parameters : array (problem, parameter)
        A minimum near each start; whether there is a lower one elsewhere, other starts tell.
    squares : array (problem,)
        Sums of squares that are left.

    References
    ----------
    Marquardt (1963), J. SIAM 11:431.
    """
    now = np.array(starts, dtype=np.float64)
    given, first = model(now)
    slopes = np.array(first)
    left = values - given
    squares = (left**2).sum(1)
    damping = np.full(len(now), 1e-2)
    at = np.arange(len(now))  # problems that are not solved yet
    for _ in range(STEPS):
        step = _step(slopes[at], left[at], damping[at])
        tried = now[at] + step
        there, steepness = model(tried)
        beyond = values[at] - there
        sums = (beyond**2).sum(1)
        better = np.isfinite(sums) & (sums < squares[at])
        last = better & (squares[at] - sums <= gain * squares[at])
        won = at[better]
        now[won], left[won], slopes[won], squares[won] = tried[better], beyond[better], steepness[better], sums[better]
        damping[at] = np.where(better, damping[at] / 5, damping[at] * 4)
        at = at[~last & (damping[at] < MOST_DAMPED)]
        if not at.size:
            break
    return now, squares


def _step(slopes: Float, left: Float, damping: Float) -> Float:
    curvature = np.einsum("rmp,rmq->rpq", slopes, slopes, optimize=True)
    diagonal = np.einsum("rpp->rp", curvature)
    raised = damping[:, None] * diagonal + STILL * diagonal.max(1, keepdims=True) + np.finfo(np.float64).tiny
    pull = np.einsum("rmp,rm->rp", slopes, left)
    found = np.linalg.solve(curvature + raised[:, :, None] * np.eye(slopes.shape[2]), pull[:, :, None])
    return found[:, :, 0]
