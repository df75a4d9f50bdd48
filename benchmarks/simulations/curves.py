"""Forty specifications that share their items."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from benchmarks.simulations.study import ITEMS, LAYERS, Row, rate, rough
from depthscope.statistics.curve import joint_curve


def rows() -> Iterator[Row]:
    def study(effect: float):
        def run(generator: np.random.Generator) -> bool:
            shared = rough(generator)
            specifications = []
            for number in range(40):
                values = shared + 0.7 * rough(generator)
                values[:, 8:16] += effect
                labels = {"item": np.arange(ITEMS), "layer": np.arange(1, LAYERS + 1)}
                specifications.append(({"number": str(number)}, xr.DataArray(values, labels, ("item", "layer"))))
            curve = joint_curve(specifications, permutations=200, resamples=10)
            return curve.joint["significant"].p <= 0.05

        return rate(run, 200)

    yield Row("a specification curve (share significant)", "no effect in any of 40 specifications", study(0.0), 0.05)
    yield Row("a specification curve (share significant)", "an effect of 0.6 in all of them", study(0.6), 1.0)
