"""Sizes of effects and their intervals."""

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from depthscope.arrays import Float
from depthscope.statistics.bootstrap import dz_interval
from depthscope.statistics.design import Design, design
from depthscope.statistics.permutation import Inference, cluster_test
from depthscope.statistics.resampling import resampled_equivalence
from depthscope.words import ALPHA

MAX_T = 1e3


@dataclass(frozen=True)
class Effect:
    """One effect: ``dz`` with its 95 % interval, number of items, p (two-sided), ``p_equivalence`` that |dz| is
    below a bound; and the same effect in the units of the measure, ``difference`` with its 95 % interval (Student).
    """

    n: int
    dz: float
    low: float
    high: float
    p: float
    p_equivalence: float
    difference: float
    difference_low: float
    difference_high: float

    @property
    def found(self) -> bool:
        """p is small enough to call it found."""
        return self.p <= ALPHA

    @property
    def equivalent(self) -> bool:
        """``p_equivalence`` is small enough to call it smaller than the bound."""
        return self.p_equivalence <= ALPHA


def mean_effect(
    values: Float,
    covariates: Float | None = None,
    *,
    permutations: int = 10_000,
    resamples: int = 2000,
    bound: float = 0.2,
    seed: int = 0,
    inference: Inference = "flips",
) -> Effect:
    """The effect in one number per item, ``values`` (item,), at equal ``covariates`` (item, k); p by ``inference``."""
    column = np.asarray(values, dtype=np.float64)[:, None]
    model = design(len(column), covariates)
    # a threshold of 0 makes the one cell a cluster whatever its t: its mass is |t|
    test = cluster_test(
        column,
        covariates=covariates,
        permutations=permutations,
        forming_p=1 - 1e-15,
        seed=seed,
        inference=inference,
    )
    if model.basis.shape[1] == 1:
        low, high = dz_interval(column, resamples=resamples, seed=seed)
    else:
        low, high = noncentral_interval(test.t, model.degrees, model.leverage)
    dz = float(test.t[0] / model.leverage)
    same = float(equivalence(column, test.t, model, bound, inference, resamples=resamples, seed=seed)[0])
    (mean,), (sigma,) = model.fit(column)
    half = float(stats.t.isf(0.025, model.degrees) * sigma / model.leverage)
    mean = float(mean)
    p = test.p_value(float(test.t[0]))[0]
    return Effect(len(column), dz, float(low[0]), float(high[0]), p, same, mean, mean - half, mean + half)


def noncentral_interval(t: Float, degrees: int, leverage: float, confidence: float = 0.95) -> tuple[Float, Float]:
    """Interval of a standardised effect ``t / leverage`` from the noncentral t distribution, per cell.

    Exact where residuals are normal; NaN where they have (next to) no spread. Cumming & Finch (2001), Educ Psychol Meas
    61:532.
    """
    outer = (1 - confidence) / 2
    # SciPy's inversion does not end far out, and no real t comes near a thousand (findings/README.md)
    sound = np.where(np.abs(t) < MAX_T, t, np.nan)
    low = special.nctdtrinc(degrees, 1 - outer, sound) / leverage
    high = special.nctdtrinc(degrees, outer, sound) / leverage
    return low, high


def equivalence(
    values: Float, t: Float, model: Design, bound: float, inference: Inference, *, resamples: int, seed: int
) -> Float:
    """p that the standardised effect of a ``model`` on ``values`` (item, cell), with its ``t`` (cell,), is below the bound."""
    p = equivalence_p(t, model.degrees, model.leverage, bound)
    if inference == "bootstrap":
        drawn = resampled_equivalence(model, values, bound, resamples, seed)
        return np.where(np.isnan(drawn), p, drawn)
    return p


def equivalence_p(t: Float, degrees: int, leverage: float, bound: float) -> Float:
    """Two one-sided tests that a standardised effect lies within ``-bound .. bound``, per cell: the larger p.

    Parameters
    ----------
    t : array
        Of the effect; the standardised effect is ``t / leverage``.
    degrees : int
        Of freedom.
    leverage : float
        ``sqrt(n)`` without covariates.
    bound : float
        The smallest standardised effect (dz) that would matter, > 0.

    Returns
    -------
    array in [0, 1]
        p <= alpha exactly where the 1 - 2 alpha interval of :func:`noncentral_interval` lies within the bounds. A
        claim about several layers at once has the largest of their p (intersection-union: Berger 1982).

    References
    ----------
    Schuirmann (1987), J Pharmacokin Biopharm 15:657; with the noncentral t, because the bound is in units of a standard
    deviation that is itself estimated: Cribbie, Gruman & Arpin-Cribbie (2004), J Clin Psychol 60:1.
    """
    # the two p are P(T <= t | +bound) and P(T >= t | -bound); the nearer bound gives the larger
    p: Float = special.nctdtr(degrees, bound * leverage, np.abs(t))
    # far below a bound of many standard errors, SciPy has NaN for what is next to nothing
    return np.where(np.isnan(p) & np.isfinite(t), 0.0, p)


def holm(p: Float) -> Float:
    """p values (n,) corrected for being n, step down. Holm (1979), Scand J Stat 6:65."""
    # statsmodels has it, but collects garbage at every call, which takes longer than all else in a contrast
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected
