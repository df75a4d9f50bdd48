"""The cluster test: what maps of t could have looked like if the labels meant nothing, by sign flips or by a bootstrap."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from depthscope.arrays import Float
from depthscope.statistics.clusters import Cells, find_clusters, largest_mass
from depthscope.statistics.design import design
from depthscope.statistics.resampling import resampled
from depthscope.statistics.units import in_own_units

# of the maps that are made at a time: small enough for a processor's own cache
BLOCK_CELLS = 2**16
# of the flips that are held at a time as numbers: with many items, room for them costs more than the product
BLOCK_FLIPS = 2**19

Inference = Literal["flips", "bootstrap"]
INFERENCES: tuple[Inference, ...] = ("flips", "bootstrap")

# the alternatives by name, as the direction in which clusters are sought
TAILS = {"two-sided": 0, "greater": 1, "less": -1}


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
        Largest absolute cluster mass under each flip of signs, or in each resample; the observed labelling is not among random
        flips, and is one of exact ones.
    peaks : array (permutations,)
        t at the peak of that cluster, with its sign; without one, the largest t. Empty unless asked for.
    exact : bool
        All flips were enumerated.
    sides : (array, array), optional
        Of a two-sided bootstrap, whose null is not symmetric: the largest mass above and below 0 in each resample. p is then
        twice that of the cluster's own side.
    """

    t: Float
    threshold: float
    clusters: list[Cells]
    null: Float
    peaks: Float
    exact: bool
    sides: tuple[Float, Float] | None = None

    def p_value(self, mass: float, confidence: float = 0.95) -> tuple[float, float, float]:
        """Family-wise p of a mass, and its Monte-Carlo interval (Clopper-Pearson; a point if exact)."""
        null, times = (self.null, 1) if self.sides is None else (self.sides[0 if mass > 0 else 1], 2)
        # equal masses differ in their last digit according to the order of summation
        beyond = int((null >= abs(mass) * (1 - 1e-12)).sum())
        if self.exact:
            p = beyond / len(null)
            return p, p, p
        interval = stats.binomtest(beyond, len(null)).proportion_ci(confidence)
        p, low, high = (
            min(1.0, times * part) for part in ((1 + beyond) / (1 + len(null)), interval.low, interval.high)
        )
        return p, float(low), float(high)


def cluster_test(
    differences: Float,
    *,
    covariates: Float | None = None,
    permutations: int = 10_000,
    forming_p: float = 0.05,
    tail: int = 0,
    seed: int = 0,
    peaks: bool = False,
    inference: Inference = "flips",
) -> ClusterTest:
    """Cluster-mass test of paired differences against sign flips, or against a studentised bootstrap.

    Parameters
    ----------
    differences : array (item, layer) or (item, scale, layer)
        Cells with any missing value are left out and separate what stands on either side.
    covariates : array (item, k), optional
        Differences of covariates between the conditions. The test is then of the effect at equal covariates, after
        Freedman & Lane: the residuals of a model without the effect are flipped, and the whole model is fitted again.
    permutations : int
        Random sign flips; all of them are enumerated instead if there are no more than this.
    forming_p : float
        A cell joins a cluster if its t exceeds the t quantile at this p, two-sided if ``tail`` is 0.
    tail : {0, 1, -1}
        Both directions, greater, or less.
    peaks : bool
        Also keep the peak of the largest cluster under each flip; not of a bootstrap.
    inference : {"flips", "bootstrap"}
        ``"bootstrap"``: ``permutations`` resamples of the items with the effect taken out
        (:func:`depthscope.statistics.resampling.resampled`) instead of flips: for differences that are not symmetric.

    Notes
    -----
    Under the null hypothesis that the differences are symmetric about zero in every item, the probability that any
    cluster is called at p <= alpha is at most alpha; with covariates, asymptotically so. The test is about the whole
    map; it does not locate the effect. The same seed and number of items give the same flips, whatever the maps.

    Flips of differences that are skewed claim too much. The bootstrap takes items to stand for all there are, and holds
    asymptotically, whatever their distribution: with ten items or fewer, and with heavy symmetric tails, it finds less than
    flips do (docs/simulations.md). Two-sided, its p is twice that of the cluster's own side.

    References
    ----------
    Maris & Oostenveld (2007), J Neurosci Meth 164:177. Sassenhagen & Draschkow (2019), Psychophysiology 56:e13335.
    Freedman & Lane (1983), J Bus Econ Stat 1:292; Winkler et al. (2014), NeuroImage 92:381.
    """
    n = len(differences)
    model = design(n, covariates)
    present = np.isfinite(differences).all(0)
    cells = in_own_units(np.where(present, differences, 0.0).reshape(n, -1))[0]  # of t, which has none
    threshold = float(stats.t.isf(forming_p / (2 if tail == 0 else 1), model.degrees))
    # what the covariates explain drops out of the whole model whatever the flips: their residuals are enough
    rest = model.without_covariates(cells)
    squares = (rest**2).sum(0)
    turned = (model.basis[:, :, None] * rest[:, None, :]).reshape(n, -1)
    total, doubled = turned.sum(0), np.ascontiguousarray(2 * turned.T)

    def maps(products: Float) -> Float:
        t = model.t_values(products.reshape(len(products), -1, cells.shape[1]), squares)
        return t.reshape(-1, *present.shape)

    t = maps(total[None])[0]
    clusters = find_clusters(t, threshold, tail)
    if inference == "bootstrap":
        drawn = (one.t.reshape(-1, *present.shape) for one in resampled(model, cells, permutations, seed))
        sides = [[largest_mass(one, threshold, sign)[0] for sign in (1, -1)] for one in drawn]
        up, down = (np.concatenate(column) for column in zip(*sides, strict=True))
        largest = {0: np.maximum(up, down), 1: up, -1: down}[tail]
        return ClusterTest(t, threshold, clusters, largest, np.zeros(0), False, None if tail else (up, down))
    exact = 2**n <= permutations
    null = [
        largest_mass(maps(total - (doubled @ flipped.T).T), threshold, tail, peaks)
        for flipped in flips(n, permutations, turned.shape[1], seed, exact)
    ]
    masses, tops = (np.concatenate(column) for column in zip(*null, strict=True))
    return ClusterTest(t, threshold, clusters, masses, tops, exact)


def flips(n: int, permutations: int, cells: int, seed: int, exact: bool = False) -> Iterator[NDArray[np.float64]]:
    """Which items flip their sign, 1 or 0, (block, n), in blocks that bound the memory of maps of so many ``cells``.

    Each block takes the place of the one before it: fresh room for it would cost more than its numbers.
    """
    block = max(1, min(BLOCK_CELLS // cells, BLOCK_FLIPS // n))
    if exact:
        every = np.arange(2**n, dtype=np.int64)
        for start in range(0, len(every), block):
            yield ((every[start : start + block, None] >> np.arange(n)) & 1).astype(np.float64)
        return
    generator = np.random.default_rng(seed)
    # whole words per row, so that the flips do not depend on the size of the blocks
    width = 8 * -(-n // 64)
    room = np.empty((min(block, permutations), n))
    for start in range(0, permutations, block):
        flipped = room[: permutations - start]
        drawn = np.frombuffer(generator.bytes(len(flipped) * width), dtype=np.uint8).reshape(-1, width)
        flipped[...] = np.unpackbits(drawn, axis=1, count=n)
        yield flipped
