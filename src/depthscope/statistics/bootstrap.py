"""Intervals over items: bootstrap, bias-corrected and accelerated (BCa), of Cohen's dz and of what is made of sums."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import special

from depthscope.arrays import Float
from depthscope.statistics.units import in_own_units

MIN_ITEMS = 6
# with so few, a resample may be the items themselves in another order, whose dz must be the same to the last digit
FEW_ITEMS = 64
BLOCK = 2**18  # draws that are held at a time
CANCELLED = 1e-3  # share of a sum of squares below which the difference of two such sums has lost digits
SAME = 1e-11  # two dz of the same items in another order, or of items that are alike, differ by rounding alone
ROUNDING = 1e-14  # spread, beside the largest difference, that equal numbers have by rounding


def dz_interval(
    differences: Float, *, resamples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> tuple[Float, Float]:
    """Bootstrap interval of Cohen's dz over items (BCa), per cell; time and memory grow linearly with the items.

    The same numbers as ``scipy.stats.bootstrap`` gives with the same seed, whose jackknife takes time by the square of the
    items, and whose count of equal resamples depends on rounding. dz needs only a sum and a sum of squares, so that leaving an
    item out has a closed form, and resamples are products of how often each item was drawn.

    Parameters
    ----------
    differences : array (item, ...)
    resamples : int
        Draws of as many items as there are, with replacement.
    confidence : float
        Of the interval, 0 to 1.
    seed : int
        Of the draws.

    Returns
    -------
    low, high : arrays (...)
        NaN with fewer than six items, whose resamples are too often all the same, where differences have no spread, and
        where ties leave an end open.

    Notes
    -----
    A resample in which all differences are the same has no spread. If they are not 0, its dz is beyond that of every other
    (plus or minus infinity); it counts as that, and an interval that would end there has no end, so that none is given.
    The same holds if leaving one item out leaves no spread. If all are 0, there is no effect, and dz counts as 0. SciPy's
    routine gives NaN for the whole cell as soon as one resample is 0/0.

    References
    ----------
    Efron (1987), JASA 82:171.
    """
    shape = differences.shape[1:]
    if len(differences) < MIN_ITEMS:
        empty = np.full(shape, np.nan)
        return empty, empty.copy()
    # what counts as no spread must not depend on the unit
    values, _ = in_own_units(np.asarray(differences, dtype=np.float64).reshape(len(differences), -1))
    with np.errstate(
        divide="ignore", invalid="ignore"
    ):  # cells without a spread come back as NaN, which is what they are
        drawn = np.concatenate(list(_drawn_dz(values, drawn_items(len(values), resamples, seed))))
        ends = _bca(drawn, _dz(values, axis=0), _left_out_dz(values), confidence)
    spread = values.std(0) > ROUNDING * np.abs(values).max(0)
    low, high = (_quantiles(drawn, end) for end in ends)
    closed = spread & np.isfinite(low) & np.isfinite(high)
    return np.where(closed, low, np.nan).reshape(shape), np.where(closed, high, np.nan).reshape(shape)


def sums_interval(
    sums: Float,
    score: Callable[[Float], Float],
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[Float, Float]:
    """Bootstrap intervals (BCa) of numbers that are made of sums over items: ratios of them, say.

    Parameters
    ----------
    sums : array (item, quantity)
        What each item adds to each quantity.
    score : callable
        From totals (k, quantity) to numbers (k, cell), row by row.
    resamples : int
        Draws of as many items as there are, with replacement.
    confidence : float
        Of the intervals, 0 to 1.
    seed : int
        Of the draws.

    Returns
    -------
    low, high : arrays (cell,)
        NaN with fewer than six items, and where a resample or what is left without an item has no finite number. Both ends
        are the number itself where all give the same.

    References
    ----------
    Efron (1987), JASA 82:171.
    """
    values = np.asarray(sums, dtype=np.float64)
    total = values.sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = score(total[None])
    if len(values) < MIN_ITEMS:
        empty = np.full(observed.shape[-1], np.nan)
        return empty, empty.copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = np.concatenate(
            [
                score(np.stack([np.bincount(one, minlength=len(values)) for one in draws]) @ values)
                for draws in drawn_items(len(values), resamples, seed)
            ]
        )
        left = score(total - values)
        ends = _bca(drawn, observed[0], left, confidence)
        low, high = (_quantiles(drawn, end) for end in ends)
        alike = (np.abs(drawn - observed) <= SAME * np.maximum(np.abs(observed), 1)).all(0)
    known = np.isfinite(drawn).all(0) & np.isfinite(left).all(0)
    low, high = (np.where(alike, observed[0], end) for end in (low, high))
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def drawn_items(n: int, resamples: int, seed: int, numbers: int = BLOCK) -> Iterator[NDArray[np.int64]]:
    """Which items each resample holds, (block, n); a block has about as many ``numbers``."""
    generator = np.random.default_rng(seed)
    block = max(1, numbers // n)
    for start in range(0, resamples, block):
        yield generator.integers(0, n, (min(block, resamples - start), n))


def _dz(values: Float, axis: int) -> Float:
    mean = values.mean(axis)
    return _ratio(mean, values.std(axis, ddof=1))


def _ratio(mean: Float, spread: Float) -> Float:
    """dz, of numbers whose largest is about 1; without a spread but that of rounding its limit, or 0 if all are 0."""
    certain = np.where(np.abs(mean) > ROUNDING, np.copysign(np.inf, mean), 0.0)
    ratio: Float = np.divide(mean, spread, out=certain, where=spread > ROUNDING)
    return ratio


def _drawn_dz(values: Float, blocks: Iterator[NDArray[np.int64]]) -> Iterator[Float]:
    """dz of each resample, (block, cell)."""
    n, cells = values.shape
    if n <= FEW_ITEMS:
        for draws in blocks:
            yield _dz(np.ascontiguousarray(values.T)[:, draws], axis=-1).T
        return
    mean = values.mean(0)
    centred = values - mean  # so that the squares do not cancel
    powers = np.concatenate([centred, centred**2], axis=1).T.copy()
    for draws in blocks:
        counts = np.empty(draws.shape)
        for row, drawn in zip(counts, draws, strict=True):
            row[...] = np.bincount(drawn, minlength=n)
        sums = (powers @ counts.T).T
        total, squares = sums[:, :cells], sums[:, cells:]
        rest = squares - total**2 / n
        result = _ratio(mean + total / n, np.sqrt(np.maximum(rest, 0) / (n - 1)))
        for row, cell in np.argwhere(rest <= CANCELLED * squares):
            result[row, cell] = _dz(values[draws[row], cell], axis=0)
        yield result


def _left_out_dz(values: Float) -> Float:
    """dz without each item, (item, cell)."""
    n = len(values)
    mean = values.mean(0)
    centred = values - mean
    squares = (centred**2).sum(0)
    rest = squares - centred**2 * (n / (n - 1))
    result = _ratio(mean - centred / (n - 1), np.sqrt(np.maximum(rest, 0) / (n - 2)))
    for item, cell in np.argwhere(rest <= CANCELLED * squares):
        result[item, cell] = _dz(np.delete(values[:, cell], item), axis=0)
    return result


def _bca(drawn: Float, observed: Float, left_out: Float, confidence: float) -> tuple[Float, Float]:
    """Of each cell, which quantiles of the resamples are the ends of its interval (Efron's equations 3.8 and 6.6)."""
    same = np.abs(drawn - observed) <= SAME * np.maximum(np.abs(observed), 1)
    below = (((drawn < observed) & ~same).sum(0) + same.sum(0) / 2) / len(drawn)
    bias = special.ndtri(below)
    influence = left_out.mean(0) - left_out
    squares = influence**2
    acceleration = (squares * influence).sum(0) / (6 * squares.sum(0) ** 1.5)
    outer = special.ndtri((1 - confidence) / 2)
    low, high = (special.ndtr(bias + (bias + z) / (1 - acceleration * (bias + z))) for z in (outer, -outer))
    return low, high


def _quantiles(drawn: Float, share: Float) -> Float:
    """Of each cell its own quantile, between the two nearest of its resamples; NaN for a share that is NaN, or beyond all."""
    known = np.isfinite(share)
    place = np.where(known, share, 0.0) * (len(drawn) - 1)
    lower = np.floor(place).astype(np.int64)
    ordered = np.sort(drawn, axis=0)
    below, above = (
        np.take_along_axis(ordered, np.minimum(k, len(drawn) - 1)[None], axis=0)[0] for k in (lower, lower + 1)
    )
    between = place - lower
    with np.errstate(invalid="ignore"):  # of two infinite ones, or of one that has no weight
        found = below * (1 - between) + np.where(between > 0, above * between, 0.0)
    return np.where(known & np.isfinite(found), found, np.nan)
