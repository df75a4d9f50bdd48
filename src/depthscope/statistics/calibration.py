"""Labels swapped: how often the whole test finds an effect where there is none."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from depthscope.arrays import Float
from depthscope.progress import each
from depthscope.statistics.permutation import Inference, cluster_test


@dataclass(frozen=True)
class Rate:
    """How often something was found in a number of draws, with its 95 % interval (Clopper-Pearson)."""

    found: int
    draws: int

    @property
    def share(self) -> float:
        return self.found / self.draws

    @property
    def interval(self) -> tuple[float, float]:
        both = stats.binomtest(self.found, self.draws).proportion_ci()
        return float(both.low), float(both.high)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.found} of {self.draws} ({100 * self.share:.1f} %, 95 % interval {100 * low:.1f} to {100 * high:.1f} %)"


def false_positive_rate(
    differences: Float,
    *,
    covariates: Float | None = None,
    draws: int = 1000,
    permutations: int = 1000,
    forming_p: float = 0.05,
    tail: int = 0,
    alpha: float = 0.05,
    seed: int = 0,
    progress: bool = False,
    inference: Inference = "flips",
) -> Rate:
    """How often the test finds a cluster when the labels of each item's two texts are swapped by a coin.

    Parameters
    ----------
    differences : array (item, layer)
        Swapping labels is flipping their signs. Covariates swap with them.
    draws, permutations : int
        Labellings, and sign flips of the test on each.
    inference : {"flips", "bootstrap"}
        Of the test.
    alpha : float
        Found means family-wise p <= alpha.

    Returns
    -------
    Rate
        Should be about ``alpha``: a rate well above shows a test that cannot be trusted on such data.
    """
    generator = np.random.default_rng(seed)
    found = 0
    for draw in each(range(draws), "swapping labels", shown=progress):
        signs = generator.choice((-1.0, 1.0), len(differences))
        swapped = None if covariates is None else covariates * signs[:, None]
        test = cluster_test(
            differences * signs.reshape(-1, *(1,) * (differences.ndim - 1)),
            covariates=swapped,
            permutations=permutations,
            forming_p=forming_p,
            tail=tail,
            seed=seed + 1 + draw,
            inference=inference,
        )
        largest = max((abs(c.mass) for c in test.clusters), default=0.0)
        found += bool(test.clusters) and test.p_value(largest)[0] <= alpha
    return Rate(found, draws)
