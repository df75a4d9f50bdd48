"""Many paired differences at once: which are larger than the largest would be if the labels meant nothing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from depthscope.arrays import Float
from depthscope.statistics.design import design
from depthscope.statistics.permutation import flips
from depthscope.words import ALPHA

# p, not corrected, of a cell that is counted as weakly different
WEAK = 0.01


@dataclass(frozen=True, eq=False)
class Maxima:
    """t of each cell with p corrected for all cells, and how many cells stand out.

    Attributes
    ----------
    t, p : arrays (cell,)
        p is family-wise, two-sided: how often the largest ``|t|`` of all cells is at least as large under flips of signs.
    count, weak : int
        Cells with p <= .05, and cells whose p by Student's t, not corrected, is at most .01.
    count_null, weak_null : int arrays (flips,)
        The same numbers under each flip.
    """

    t: Float
    p: Float
    count: int
    weak: int
    count_null: NDArray[np.int64]
    weak_null: NDArray[np.int64]
    exact: bool = False

    @property
    def count_p(self) -> float:
        """How often flips leave as many cells with p <= .05."""
        return self._share(self.count_null, self.count)

    @property
    def weak_p(self) -> float:
        """How often they leave as many weak ones."""
        return self._share(self.weak_null, self.weak)

    def _share(self, null: NDArray[np.int64], observed: int) -> float:
        beyond = int((null >= observed).sum())
        return beyond / len(null) if self.exact else (1 + beyond) / (1 + len(null))


def maxima(differences: Float, *, permutations: int = 2000, seed: int = 0) -> Maxima:
    """Max-T test of paired ``differences`` (item, cell) against flips of the signs of whole items.

    Under the null hypothesis that differences are symmetric about 0, those of an item at all cells together, the probability
    that any cell has p <= alpha is at most alpha, however the cells depend on one another. All flips are enumerated if there
    are no more than ``permutations``.

    References
    ----------
    Westfall & Young (1993), Resampling-based multiple testing; Nichols & Holmes (2002), Hum Brain Mapp 15:1.
    """
    n, cells = differences.shape
    model, exact = design(n), 2**n <= permutations
    squares = (differences**2).sum(0)
    column = model.basis[0, 0]
    total, doubled = column * differences.sum(0), np.ascontiguousarray(2 * column * differences)
    weak_t = stats.t.isf(WEAK / 2, model.degrees)

    def maps(flipped: Float) -> Float:
        return np.abs(model.t_values((total - flipped @ doubled)[:, None, :], squares))

    t = model.t_values(total[None, None, :], squares)[0]
    top, weak = [], []
    for flipped in flips(n, permutations, cells, seed, exact):
        one = maps(flipped)
        top.append(one.max(1, initial=0.0))
        weak.append((one >= weak_t).sum(1))
    largest = np.sort(np.concatenate(top))
    # equal t differ in their last digit according to the order of summation
    p = (len(largest) - np.searchsorted(largest, np.abs(t) * (1 - 1e-12)) + (not exact)) / (len(largest) + (not exact))
    # the number of flips that may lie beyond a t with p <= alpha
    allowed = int(ALPHA * (len(largest) + (not exact))) - (not exact)
    critical = largest[-1 - allowed] if 0 <= allowed < len(largest) else np.inf
    count = [(maps(flipped) > critical * (1 + 1e-12)).sum(1) for flipped in flips(n, permutations, cells, seed, exact)]
    return Maxima(
        t,
        p,
        int((p <= ALPHA).sum()),
        int((np.abs(t) >= weak_t).sum()),
        np.concatenate(count),
        np.concatenate(weak),
        exact,
    )
