"""Four controls with nothing in them: nine contrasts of one table, of which some are found by chance."""

from collections.abc import Iterator

import numpy as np

from benchmarks.simulations.study import ITEMS, LAYERS, PERMUTATIONS, Row, rough
from depthscope.statistics.calibration import Rate
from depthscope.statistics.effects import holm
from depthscope.statistics.permutation import cluster_test

CONTROLS, STUDIES = 4, 400


def rows() -> Iterator[Row]:
    p = np.array([smallest(np.random.default_rng(seed)) for seed in range(STUDIES)])
    plain = Rate(int((p.min(1) <= 0.05).sum()), STUDIES)
    corrected = Rate(sum(holm(one).min() <= 0.05 for one in p), STUDIES)
    words = "nothing; a - b, and c - b and a - c for four controls c"
    yield Row("something in a table of contrasts, p (Holm)", words, corrected, 0.05, "at most", plain)


def smallest(generator: np.random.Generator) -> np.ndarray:
    """p of the strongest cluster of each contrast; 1 without a cluster."""
    a, b, *controls = (rough(generator, ITEMS) / np.sqrt(2) for _ in range(2 + CONTROLS))
    contrasts = [a - b, *(one - b for one in controls), *(a - one for one in controls)]
    assert contrasts[0].shape == (ITEMS, LAYERS)
    tests = [cluster_test(one, permutations=PERMUTATIONS) for one in contrasts]
    return np.array([min((test.p_value(c.mass)[0] for c in test.clusters), default=1.0) for test in tests])
