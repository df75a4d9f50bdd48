"""Covariates that differ between conditions, correlate with each other, and carry all of the effect."""

from collections.abc import Iterator

import numpy as np

from benchmarks.simulations.study import ITEMS, LAYERS, PERMUTATIONS, Row, found, rate, rough
from depthscope.statistics.balance import balanced_subset
from depthscope.statistics.permutation import cluster_test


def rows() -> Iterator[Row]:
    def study(adjust: bool, correlation: float, effect: float = 0.0, skewed: bool = False):
        def run(generator: np.random.Generator) -> bool:
            covariates = generator.multivariate_normal([1.0, 0.5], [[1, correlation], [correlation, 1]], size=ITEMS)
            carried = covariates @ np.array([[0.5], [0.3]]) * np.sin(np.linspace(0, np.pi, LAYERS))
            noise = rough(generator)
            if skewed:
                noise = np.sign(noise) * noise**2
            differences = carried + noise
            differences[:, 10:20] += effect
            return found(
                cluster_test(differences, covariates=covariates if adjust else None, permutations=PERMUTATIONS)
            )

        return rate(run, 1000)

    yield Row("a difference, unadjusted", "a confound carries all of it", study(False, 0.0), 1.0)
    for correlation in (0.0, 0.5, 0.9):
        words = f"the same, covariates correlate at {correlation:g}"
        yield Row("a difference, adjusted (Freedman-Lane)", words, study(True, correlation), 0.05)
    words = "the same, heavy-tailed errors"
    yield Row("a difference, adjusted (Freedman-Lane)", words, study(True, 0.5, skewed=True), 0.05)
    words = "a confound and an effect of 1 sd beside it"
    yield Row("a difference, adjusted (Freedman-Lane)", words, study(True, 0.5, effect=1.0), 1.0)

    def matched(generator: np.random.Generator) -> bool:
        covariate = generator.normal(0.4, 1.0, size=(200, 1))
        differences = 0.5 * covariate + rough(generator, 200)
        return found(cluster_test(differences[balanced_subset(covariate, 0.1)], permutations=PERMUTATIONS))

    words = "a confound of 0.4 sd carries all; matching leaves up to 0.1 sd"
    yield Row("a difference, matched items", words, rate(matched, 1000), 0.05)
