"""Sign flips: what the differences could have looked like if the labels meant nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from depthscope.arrays import Float
from depthscope.statistics.clusters import Cells, find_clusters, largest_mass

# of the maps that are made at a time: small enough for a processor's own cache
BLOCK_CELLS = 2**16


@dataclass(frozen=True)
class ClusterTest:
    """Observed clusters and the null distribution of the largest mass.

    Attributes
    ----------
    t : array, the shape of one item
    threshold : float
        Forming threshold on t.
    clusters : list of Cells
    null : array (permutations,)
        Largest absolute cluster mass under each flip of signs; the observed labelling is not among random flips, and
        is one of exact ones.
    exact : bool
        All flips were enumerated.
    """

    t: Float
    threshold: float
    clusters: list[Cells]
    null: Float
    exact: bool

    def p_value(self, mass: float, confidence: float = 0.95) -> tuple[float, float, float]:
        """Family-wise p of a mass, and its Monte-Carlo interval (Clopper-Pearson; a point if exact)."""
        # equal masses differ in their last digit according to the order of summation
        beyond = int((self.null >= abs(mass) * (1 - 1e-12)).sum())
        if self.exact:
            p = beyond / len(self.null)
            return p, p, p
        interval = stats.binomtest(beyond, len(self.null)).proportion_ci(confidence)
        return (1 + beyond) / (1 + len(self.null)), float(interval.low), float(interval.high)


def cluster_test(
    differences: Float,
    *,
    permutations: int = 10_000,
    forming_p: float = 0.05,
    tail: int = 0,
    seed: int = 0,
) -> ClusterTest:
    """Cluster-mass test of paired differences against sign flips.

    Parameters
    ----------
    differences : array (item, layer) or (item, scale, layer)
        Cells with any missing value are left out and separate what stands on either side.
    permutations : int
        Random sign flips; all of them are enumerated instead if there are no more than this.
    forming_p : float
        A cell joins a cluster if its t exceeds the t quantile at this p, two-sided if ``tail`` is 0.
    tail : {0, 1, -1}
        Both directions, greater, or less.

    Notes
    -----
    Under the null hypothesis that the differences are symmetric about zero in every item, the probability that any
    cluster is called at p <= alpha is at most alpha. The test speaks of the whole map; it does not locate the effect.

    References
    ----------
    Maris & Oostenveld (2007), J Neurosci Meth 164:177. Sassenhagen & Draschkow (2019), Psychophysiology 56:e13335.
    """
    n = len(differences)
    present = np.isfinite(differences).all(0)
    kept = np.where(present, differences, 0.0)
    threshold = float(stats.t.isf(forming_p / (2 if tail == 0 else 1), n - 1))
    t = t_values(kept)
    cells = kept.reshape(n, -1)
    squares = (cells**2).sum(0)
    null, exact = [], 2.0**n <= permutations
    total, doubled = cells.sum(0), 2 * cells
    for flipped in _flips(n, permutations, exact, cells.shape[1], seed):
        maps = _t_of_sums(total - flipped @ doubled, squares, n).reshape(-1, *t.shape)
        null.append(largest_mass(maps, threshold, tail))
    return ClusterTest(t, threshold, find_clusters(t, threshold, tail), np.concatenate(null), exact)


def t_values(differences: Float) -> Float:
    """One-sample t of each cell; 0 where all differences are 0."""
    return _t_of_sums(differences.sum(0), (differences**2).sum(0), len(differences))


def _t_of_sums(sums: Float, squares: Float, n: int) -> Float:
    """t from the sum and the sum of squares; flipping signs changes the former only."""
    spread = n * squares - sums**2
    # equal differences leave a spread of rounding errors; what is below them is none
    flat = spread <= 1e-13 * n * squares
    with np.errstate(divide="ignore", invalid="ignore"):
        t: Float = sums / np.sqrt(spread / (n - 1))
    # equal, non-zero differences: as certain as can be, and still a number
    return np.where(flat, np.sign(sums) * 1e6, t) if flat.any() else t


def _flips(n: int, permutations: int, exact: bool, cells: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Which items flip their sign, 1 or 0, (block, n), in blocks that bound the memory of the maps."""
    block = max(1, BLOCK_CELLS // cells)
    if exact:
        every = np.arange(2**n, dtype=np.int64)
        for start in range(0, len(every), block):
            yield ((every[start : start + block, None] >> np.arange(n)) & 1).astype(np.float64)
        return
    generator = np.random.default_rng(seed)
    # whole words per row, so that the flips do not depend on the size of the blocks
    width = 8 * -(-n // 64)
    for start in range(0, permutations, block):
        rows = min(block, permutations - start)
        drawn = np.frombuffer(generator.bytes(rows * width), dtype=np.uint8).reshape(rows, width)
        yield np.unpackbits(drawn, axis=1, count=n).astype(np.float64)
