"""A bootstrap of t: what it could have been without an effect, if the items stand for all there are, skewed as they may be."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from depthscope.arrays import Float
from depthscope.statistics.bootstrap import drawn_items
from depthscope.statistics.design import FREE, Design
from depthscope.statistics.units import in_own_units

# of numbers that are held at a time
BLOCK = 2**18


@dataclass(frozen=True)
class Resample:
    """A block of resamples in which there is no effect.

    Attributes
    ----------
    t : array (block, cell)
        t of the effect in each, with the resample's own spread.
    sigma : array (block, cell)
        That spread, the residual standard deviation, in units of the observed one; NaN where there is none.
    """

    t: Float
    sigma: Float


def resampled(model: Design, values: Float, draws: int, seed: int) -> Iterator[Resample]:
    """Studentised bootstrap of the effect of a ``model`` on ``values`` (item, cell), the effect taken out.

    Residuals of the whole model are drawn with replacement, those of an item at all cells together, and the model is fitted
    anew. Without covariates these are the items, centred at their mean.

    Parameters
    ----------
    values : array (item, cell)
        In units of their own, so that squares are neither too large nor too small.
    draws : int
        Resamples.

    Notes
    -----
    A residual with leverage ``h`` has too little spread, and is divided by ``sqrt(1 - h)`` (Davison & Hinkley 1997,
    section 6.3). With covariates it takes the spread of the residuals to be the same whatever the covariates.

    References
    ----------
    Efron & Tibshirani (1993), An Introduction to the Bootstrap, section 16.4. Freedman (1981), Ann Stat 9:1218.
    """
    n = len(values)
    residuals = _residuals(model, values)
    squares, observed = residuals**2, np.sqrt((residuals**2).sum(0) / n)
    columns = np.ascontiguousarray(model.basis.T)
    for drawn in drawn_items(n, draws, seed, BLOCK // len(columns)):
        # how often each residual was drawn, and what it then adds to each column of the model
        place = (drawn + n * np.arange(len(drawn))[:, None]).ravel()
        counts = np.bincount(place, minlength=drawn.size).reshape(drawn.shape).astype(np.float64)
        weights = (
            [counts * columns[0, 0]]
            if len(columns) == 1
            else [np.bincount(place, np.tile(one, len(drawn)), drawn.size).reshape(drawn.shape) for one in columns]
        )
        products = np.stack([one @ residuals for one in weights], axis=1)
        total = counts @ squares
        rest = np.maximum(total - (products**2).sum(1), 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            sigma = np.sqrt(rest / model.degrees) / observed
        yield Resample(model.t_values(products, total), sigma)


def resampled_equivalence(model: Design, values: Float, bound: float, draws: int, seed: int) -> Float:
    """Two one-sided tests that a standardised effect lies within ``-bound .. bound``, by resamples: the larger p of each cell.

    What :func:`depthscope.statistics.effects.equivalence_p` asks of the noncentral t, that of normal residuals, is asked of
    resamples to which an effect of just the ``bound`` was added: how often is their t as near to 0 as the observed one?

    Parameters
    ----------
    values : array (item, cell)
    bound : float
        The smallest standardised effect (dz) that would matter, > 0.

    Returns
    -------
    array (cell,)
        NaN without a spread, of which nothing can be drawn.
    """
    effect, sigma = model.fit(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = effect / sigma * model.leverage
    beyond = np.zeros((2, values.shape[1]))
    for one in resampled(model, in_own_units(values)[0], draws, seed):
        with np.errstate(invalid="ignore", divide="ignore"):
            shift = bound * model.leverage / one.sigma
        beyond += [(one.t + shift <= observed).sum(0), (one.t - shift >= observed).sum(0)]
    p: Float = (1 + beyond.max(0)) / (1 + draws)
    return np.where(sigma > 1e-13 * np.abs(effect), p, np.nan)


def _residuals(model: Design, values: Float) -> Float:
    rest = model.residuals(values)
    free = 1 - (model.basis**2).sum(1)
    rest = rest / np.sqrt(np.where(free > FREE, free, 1.0))[:, None]  # what is fitted exactly has no residual
    centred: Float = rest - rest.mean(0)
    # what is fitted to the last digit leaves rounding errors, which are no residuals
    exact = (centred**2).sum(0) <= 1e-26 * (values**2).sum(0)
    return np.where(exact, 0.0, centred)
