"""How alike the values of one family are: the intraclass correlation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from depthscope.arrays import Float


@dataclass(frozen=True)
class Intraclass:
    """The correlation of two values of one family.

    Attributes
    ----------
    value, low, high : float
        ICC(1), at most 1, with its 95 % interval; 0 where families are no more alike than chance.
    p : float
        That it is 0, against its being above 0 (F test).
    families, size : int, float
        How many families there are, and values in one on average (weighted as the variance of a mean is).
    """

    value: float
    low: float
    high: float
    p: float
    families: int
    size: float

    @property
    def design_effect(self) -> float:
        """By how much the variance of the mean is larger than that of as many independent values: ``1 + (size - 1) ICC``."""
        return 1 + (self.size - 1) * max(self.value, 0.0)


def intraclass(values: Sequence[float] | Float, families: Sequence[object]) -> Intraclass:
    """ICC(1) of a one-way random-effects analysis of variance.

    Parameters
    ----------
    values : sequence of n floats
    families : sequence of n labels
        Which family each value belongs to.

    Returns
    -------
    Intraclass
        NaN with fewer than two families, where every family has one value, or where all values are the same.

    References
    ----------
    Shrout & Fleiss (1979), Psychol Bull 86:420. Unequal families: Searle, Casella & McCulloch (1992), Variance Components,
    section 3.6; intervals with their average size are approximate.
    """
    frame = pd.DataFrame({"value": np.asarray(values, dtype=np.float64), "family": list(map(str, families))})
    groups = frame.groupby("family")["value"]
    sizes, means = groups.size().to_numpy(), groups.mean().to_numpy()
    n, count = len(frame), len(sizes)
    if count < 2 or n == count or frame["value"].nunique() == 1:
        return Intraclass(*(np.nan,) * 4, count, 1.0)
    size = float((n - (sizes**2).sum() / n) / (count - 1))
    between = float((sizes * (means - frame["value"].mean()) ** 2).sum() / (count - 1))
    within = float(((frame["value"] - groups.transform("mean")) ** 2).sum() / (n - count))
    if within == 0:
        return Intraclass(1.0, 1.0, 1.0, 0.0, count, size)
    ratio = between / within
    low, high = (ratio / stats.f.ppf(q, count - 1, n - count) for q in (0.975, 0.025))
    value, low, high = ((f - 1) / (f - 1 + size) for f in (ratio, low, high))
    return Intraclass(value, low, high, float(stats.f.sf(ratio, count - 1, n - count)), count, size)
