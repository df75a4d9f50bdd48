"""The test that an effect is smaller than a bound, at the bound and far below it."""

from collections.abc import Iterator

import numpy as np

from benchmarks.simulations.study import Row, rate
from depthscope.statistics.effects import equivalence_p


def rows() -> Iterator[Row]:
    def study(effect: float, items: int):
        def run(generator: np.random.Generator) -> bool:
            values = generator.normal(effect, 1.0, size=items)
            t = values.mean() / values.std(ddof=1) * np.sqrt(items)
            return bool(equivalence_p(np.array([t]), items - 1, np.sqrt(items), 0.2)[0] <= 0.05)

        return rate(run, 2000)

    yield Row("equivalence within dz 0.2", "the effect is exactly 0.2, 200 items", study(0.2, 200), 0.05)
    yield Row("equivalence within dz 0.2", "no effect, 400 items", study(0.0, 400), 0.98)
