"""One effect in several models: how large on the whole, how different, and what each answer generalises to."""

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from scipy import special, stats

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError, require
from depthscope.statistics.bootstrap import MIN_ITEMS

# with two items the correction is 0, and with fewer there is no spread
FEWEST = 3
# differences whose spread is below this share of their size are equal but for rounding
EQUAL = 1e-7


@dataclass(frozen=True)
class Pooled:
    """A random-effects meta-analysis of one effect in ``k`` models.

    Attributes
    ----------
    k : int
        Models that were measured.
    estimate, low, high, p : float
        Mean effect over models like these, its 95 % interval and two-sided p. With one model: its effect and the normal
        interval of that.
    tau2, i2 : float
        Variance of the true effects between models, >= 0; the share of the observed variance that it makes up, 0 .. 1.
    q, q_p : float
        Cochran's Q and the p of "all models have the same effect" (chi-square, k - 1 degrees of freedom).
    prediction_low, prediction_high : float
        95 % interval for the effect in a new model like these.

    What so few models do not give is NaN: heterogeneity with one, a prediction with fewer than three.
    """

    k: int
    estimate: float = nan
    low: float = nan
    high: float = nan
    p: float = nan
    tau2: float = nan
    i2: float = nan
    q: float = nan
    q_p: float = nan
    prediction_low: float = nan
    prediction_high: float = nan

    @property
    def tau(self) -> float:
        """Standard deviation of the true effects between models, in units of the effect."""
        return sqrt(self.tau2)


def hedges(dz: Float, n: Float | int, leverage: Float | float | None = None) -> tuple[Float, Float]:
    """Cohen's dz corrected for its bias in small samples, and its sampling variance.

    Parameters
    ----------
    dz : array
        Mean over standard deviation of paired differences.
    n : int or array
        Number of items; with covariates, residual degrees of freedom + 1.
    leverage : float or array, optional
        The standard error of dz at no effect is ``1 / leverage``. Default: ``sqrt(n)``, as without covariates.

    Returns
    -------
    g, variance : arrays
        ``g = J dz`` with ``J = Gamma(m/2) / (sqrt(m/2) Gamma((m-1)/2))``, ``m = n - 1``, and ``variance = 1/n + g^2 / 2n``,
        which holds in large samples. NaN with fewer than three items.

    References
    ----------
    Hedges (1981), J Educ Stat 6:107; for paired differences Gibbons, Hedeker & Davis (1993), J Educ Stat 18:271. The same
    numbers as ``escalc(measure="SMCC")`` of R's metafor (Viechtbauer 2010, J Stat Softw 36:3).

    Examples
    --------
    >>> g, variance = hedges(np.array([0.5]), 20)
    >>> g.round(4), variance.round(4)
    (array([0.48]), array([0.0558]))
    """
    count = np.asarray(n, dtype=np.float64)
    enough = count >= FEWEST
    m = np.where(enough, count - 1, np.nan)
    correction = np.exp(special.gammaln(m / 2) - special.gammaln((m - 1) / 2)) / np.sqrt(m / 2)
    g: Float = np.asarray(dz, dtype=np.float64) * correction
    squared = count if leverage is None else np.asarray(leverage, dtype=np.float64) ** 2
    return g, np.asarray(1 / squared + g**2 / (2 * count))


def pool(effects: Float, variances: Float) -> Pooled:
    """Random-effects meta-analysis: Paule-Mandel variance between models, Hartung-Knapp-Sidik-Jonkman interval.

    Parameters
    ----------
    effects, variances : arrays (model,)
        One effect per model and its sampling variance, > 0. Models in which either is NaN do not count.

    Returns
    -------
    Pooled

    Raises
    ------
    DepthscopeError
        Arrays that do not match; no statsmodels (``pip install 'depthscope[mechanism]'``).

    Notes
    -----
    The interval is ``estimate -+ t(k - 1) se``. Where the models agree better than their sampling errors would let them, the
    Hartung-Knapp factor shrinks the standard error, in the extreme to 0: it is kept at 1 or above (Roever et al.). The
    prediction interval is ``estimate -+ t(k - 2) sqrt(tau2 + se^2)`` (Higgins et al.), the heterogeneity share
    ``max(0, 1 - (k - 1) / Q)``. The errors of the models are taken to be independent of one another; those of models that
    have read the same items are not, for which there is :func:`joint_interval`.

    References
    ----------
    Paule & Mandel (1982), J Res NBS 87:377; DerSimonian & Kacker (2007), Contemp Clin Trials 28:105. Hartung & Knapp (2001),
    Stat Med 20:3875; Sidik & Jonkman (2002), Stat Med 21:3153; Roever, Knapp & Friede (2015), BMC Med Res Methodol 15:99.
    Higgins & Thompson (2002), Stat Med 21:1539; Higgins, Thompson & Spiegelhalter (2009), J R Stat Soc A 172:137.

    Examples
    --------
    >>> found = pool(np.array([0.1, 0.4, 0.9]), np.array([0.01, 0.01, 0.01]))
    >>> found.k, round(found.estimate, 3), round(found.tau2, 3), round(found.i2, 3)
    (3, 0.467, 0.153, 0.939)
    """
    effects, variances = (np.asarray(values, dtype=np.float64) for values in (effects, variances))
    if effects.ndim != 1 or effects.shape != variances.shape:
        raise DepthscopeError("a meta-analysis takes one effect and one variance per model")
    measured = np.isfinite(effects) & np.isfinite(variances) & (variances > 0)
    effects, variances = effects[measured], variances[measured]
    k = len(effects)
    if k == 0:
        return Pooled(0)
    if k == 1:
        return _alone(float(effects[0]), sqrt(variances[0]))
    analysis = require("statsmodels.stats.meta_analysis", "mechanism")
    with np.errstate(divide="ignore", invalid="ignore"):  # equal effects: its share is 0 of 0, and not used here
        found = analysis.combine_effects(effects, variances, method_re="iterated", use_t=True)
    estimate, tau2 = float(found.mean_effect_re), float(found.tau2)
    error = float(found.sd_eff_w_re) * max(1.0, sqrt(found.scale_hksj_re))
    # a difference of two large sums: models that agree exactly leave rounding errors of either sign
    q = max(float(found.q), 0.0)
    half = float(stats.t.isf(0.025, k - 1)) * error
    reach = float(stats.t.isf(0.025, k - 2)) * sqrt(tau2 + error**2) if k > 2 else nan
    return Pooled(
        k,
        estimate,
        estimate - half,
        estimate + half,
        float(2 * stats.t.sf(abs(estimate) / error, k - 1)),
        tau2,
        max(0.0, 1 - (k - 1) / q) if q > 0 else 0.0,
        q,
        float(stats.chi2.sf(q, k - 1)),
        estimate - reach,
        estimate + reach,
    )


def _alone(effect: float, error: float) -> Pooled:
    """One model: its own effect, and nothing that would need another."""
    half = float(stats.norm.isf(0.025)) * error
    return Pooled(1, effect, effect - half, effect + half, float(2 * stats.norm.sf(abs(effect) / error)))


def joint_interval(differences: Float, *, resamples: int = 2000, seed: int = 0) -> tuple[Float, Float, Float]:
    """Mean over these models of their corrected dz, with an interval over items that all of them have read.

    Parameters
    ----------
    differences : array (model, item, cell)
        Paired differences of the same items, in the same order, in every model; a cell that a model lacks is NaN in all its
        items, and the mean is over the other models.
    resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    mean, low, high : arrays (cell,)
        95 % interval (BCa): items are drawn with replacement, the same ones in every model, so that what the models share
        stays shared. NaN with fewer than six items or without a model.

    Notes
    -----
    The models are fixed: the interval is for the mean of *these models* over *new items like these*. :func:`pool` answers for
    new models. Every model counts the same. Efron (1987), JASA 82:171.

    Examples
    --------
    >>> items = np.random.default_rng(0).normal(1.0, 1.0, size=(1, 200, 1)).repeat(3, axis=0)
    >>> mean, low, high = joint_interval(items)      # three models that are one: no narrower than one alone
    >>> bool(high[0] - low[0] > 0.25)
    True
    """
    _, items, cells = differences.shape
    centre = _mean_dz(differences)
    empty = np.full(cells, np.nan)
    usable = np.isfinite(centre)
    if items < MIN_ITEMS or not usable.any():
        return centre, empty, empty.copy()
    kept = np.ascontiguousarray(np.moveaxis(differences[:, :, usable], 1, 0))

    def statistic(drawn: Float, axis: int = -1) -> Float:
        # items in front, then the resamples: (model, item, resample, cell)
        taken = kept[np.moveaxis(drawn.astype(np.int64), axis, 0)]
        return _mean_dz(np.moveaxis(taken, -2, 0)).T

    with np.errstate(divide="ignore", invalid="ignore"):
        result = stats.bootstrap(
            (np.arange(items),),
            statistic,
            n_resamples=resamples,
            batch=max(1, 2**21 // kept.size),
            method="BCa",
            rng=np.random.default_rng(seed),
        )
    low, high = empty.copy(), empty.copy()
    low[usable], high[usable] = result.confidence_interval.low, result.confidence_interval.high
    return centre, low, high


def _mean_dz(differences: Float) -> Float:
    """(model, item, ...) -> (...): the mean over the models measured there."""
    mean, spread = differences.mean(1), differences.std(1, ddof=1)
    flat = ~(spread > EQUAL * np.abs(mean))  # NaN is flat too
    dz = np.where(flat, np.nan, mean / np.where(flat, 1.0, spread))
    g, _ = hedges(dz, differences.shape[1])
    return _mean_of_measured(g)


def mean_of_models(differences: Float) -> Float:
    """One difference per item and cell: each model's in its own units, then averaged over the models.

    Parameters
    ----------
    differences : array (model, item, cell)
        As for :func:`joint_interval`.

    Returns
    -------
    array (item, cell)
        ``mean over models of d / sqrt(mean of d^2 over items)``; NaN where no model is measured.

    Notes
    -----
    The root mean square, not the standard deviation: it stays as it is when items change their signs, so that a test that
    flips the signs of whole items, in all models at once, is exact.
    """
    size = np.sqrt((differences**2).mean(1, keepdims=True))
    return _mean_of_measured(differences / np.where(size > 0, size, np.nan))


def _mean_of_measured(values: Float) -> Float:
    """Mean over the first axis of what is not NaN; NaN where all is."""
    there = np.isfinite(values)
    count = there.sum(0)
    total = np.where(there, values, 0.0).sum(0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def shared_errors(differences: Float) -> float:
    """Mean correlation, over items, between the differences (model, item) of two models: NaN for fewer than two.

    Above 0 the sampling errors of the models go together, because they have read the same items.
    """
    spread = differences.std(1) if differences.size else np.zeros(0)
    usable = differences[np.isfinite(spread) & (spread > 0)]
    if len(usable) < 2 or usable.shape[1] < FEWEST:
        return nan
    table: Float = np.asarray(np.corrcoef(usable))
    return float(table[np.triu_indices(len(table), 1)].mean())
