"""Fifty families of four items whose differences correlate at .3 within a family."""

from collections.abc import Iterator

import numpy as np

from benchmarks.simulations.study import LAYERS, PERMUTATIONS, Row, found, rate, rough
from depthscope.statistics.permutation import cluster_test


def rows() -> Iterator[Row]:
    def study(averaged: bool):
        def run(generator: np.random.Generator) -> bool:
            shared = np.sqrt(0.3) * generator.normal(size=(50, 1, 1))
            differences = shared + np.sqrt(0.7) * rough(generator, 200).reshape(50, 4, LAYERS)
            values = differences.mean(1) if averaged else differences.reshape(200, LAYERS)
            return found(cluster_test(values, permutations=PERMUTATIONS))

        return rate(run)

    words = "nothing; 50 families of 4 items, intraclass correlation .3"
    yield Row("a difference, items tested", words, study(False), 0.05)
    yield Row("a difference, families tested (--cluster-by)", words, study(True), 0.05)
