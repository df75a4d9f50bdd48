"""How much of one effect another one has: a ratio of means over the same items, with its interval, and a word for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Literal

import numpy as np

from depthscope.arrays import Float

# a share below the first is too little to matter, one above the second is as good as all
LITTLE, ALL = 0.2, 0.8
# weights that are held at once
BLOCK = 1_000_000

Word = Literal["too little", "a part", "enough", "undecided"]


@dataclass(frozen=True)
class Share:
    """Of an effect: how much of it something else has.

    Attributes
    ----------
    value, low, high : float
        The ratio of the mean differences, and its 95 % interval; below 0 where the other effect goes the other way. Ends are
        infinite where the effect may well be nothing, which then has no share; NaN where it cannot be asked.
    """

    value: float
    low: float
    high: float

    @property
    def word(self) -> Word:
        """What the interval allows to say.

        ``"too little"``: all of it lies below a fifth. ``"enough"``: above four fifths. ``"a part"``: more than nothing and
        less than all. Otherwise ``"undecided"``: nothing depends on which side of a p of .05 either effect lies.
        """
        if self.high < LITTLE:
            return "too little"
        if self.low > ALL:
            return "enough"
        return "a part" if self.low > 0 and self.high < 1 else "undecided"

    def __str__(self) -> str:
        if not isfinite(self.value):
            return "an unknown share"
        ends = (f"{round(100 * end)}" if isfinite(end) else "open" for end in (self.low, self.high))
        return f"{round(100 * self.value)} % [{', '.join(ends)}]"


def share_of(part: Float, whole: Float, *, resamples: int = 2000, confidence: float = 0.95, seed: int = 0) -> Share:
    """The share of the effect ``whole`` that ``part`` has, with a bootstrap interval over items and draws.

    Parameters
    ----------
    part : array (item,) or (draw, item)
        Differences of the same items in another contrast, or in draws from a null, over which they are averaged.
    whole : array (item,)
        Differences whose mean is the effect.
    resamples : int
        Items are drawn with replacement, the same for both, so that what they share does not widen the interval; draws too.

    Returns
    -------
    Share
        NaN with fewer than two items.

    Notes
    -----
    The ends are quantiles of the resampled ratios, widened by ``sqrt(n / (n - 1))`` about the ratio for the spread that a
    bootstrap of few items lacks. A resample in which the whole effect changes its sign counts as a share of infinite size: then
    nothing can be said.
    """
    draws = np.atleast_2d(np.asarray(part, dtype=np.float64))
    whole = np.asarray(whole, dtype=np.float64)
    n = len(whole)
    if n < 2:
        return Share(np.nan, np.nan, np.nan)
    generator = np.random.default_rng(seed)
    items = generator.multinomial(n, np.full(n, 1 / n), resamples) / n
    chosen = generator.multinomial(len(draws), np.full(len(draws), 1 / len(draws)), resamples) / len(draws)
    above = ((chosen @ draws) * items).sum(1)
    return ratio_of(above, items @ whole, float(draws.mean()), float(whole.mean()), n, confidence)


def ratio_of(above: Float, below: Float, part: float, whole: float, n: int, confidence: float = 0.95) -> Share:
    """The share ``part / whole``, with an interval from resamples of both, of ``n`` items."""
    turned = below * whole <= 0
    ratios = np.where(turned, np.inf, above / np.where(turned, 1.0, below))
    outer = (1 - confidence) / 2
    low = float(np.quantile(np.where(turned, -np.inf, ratios), outer, method="lower"))
    high = float(np.quantile(ratios, 1 - outer, method="higher"))
    value = part / whole if whole else float("nan")
    return Share(value, *(widened(value, low, high, n) if whole else (-np.inf, np.inf)))


def widened(value: float, low: float, high: float, n: int) -> tuple[float, float]:
    """The ends of an interval further out, by the spread that a bootstrap of few items lacks."""
    wider = float(np.sqrt(n / (n - 1)))
    return value + wider * (low - value), value + wider * (high - value)


def item_weights(n: int, resamples: int, seed: int) -> Iterator[Float]:
    """Weights of the items (resample, item) in bootstrap resamples, which add up to 1; in blocks, to save memory."""
    generator = np.random.default_rng(seed)
    block = max(1, BLOCK // n)
    for start in range(0, resamples, block):
        yield generator.multinomial(n, np.full(n, 1 / n), min(block, resamples - start)) / n
