"""The rules of depthscope 0.6.0 on shares, which followed significance: they stand here to be compared with, and nowhere else.

Over one window, where a cluster test is a test of the mean over it.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from depthscope.arrays import Float
from depthscope.statistics.effects import equivalence_p
from depthscope.statistics.shares import Word


def of_control(control: Float, whole: Float) -> Word:
    """Specific, in part, not specific, undecided, in the words of today; arrays (item,)."""
    excess = whole - control
    alone, exceeds = differs(control), differs(excess)
    if exceeds:
        return "a part" if alone else "too little"
    t = excess.mean() / excess.std(ddof=1) * np.sqrt(len(excess))
    same = equivalence_p(np.array([t]), len(excess) - 1, np.sqrt(len(excess)), 0.2)[0] <= 0.05
    return "enough" if alone or same else "undecided"


def of_null(draws: Float, whole: Float) -> Word:
    """Nothing, a part, enough, undecided, in the words of today; draws (draw, item)."""
    shows = differs(draws).mean() >= 0.5 and draws.mean() > 0
    beyond = differs(whole - draws.mean(0))
    if shows:
        return "a part" if beyond else "enough"
    return "too little" if beyond else "undecided"


def differs(values: Float) -> NDArray[np.bool_]:
    """Whether the mean over the last axis is above 0, two-sided p <= .05."""
    found = stats.ttest_1samp(values, 0.0, axis=-1)
    return np.asarray((found.statistic > 0) & (found.pvalue <= 0.05))
