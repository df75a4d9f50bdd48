"""A covariate that carries all of a difference through a curve, and whose conditions differ in spread too."""

from collections.abc import Callable, Iterator

import numpy as np
import xarray as xr

import depthscope as ds
from benchmarks.simulations.study import Row, rate


def rows() -> Iterator[Row]:
    shapes = {
        "U-shaped": lambda x: 0.4 * x**2,
        "a step": lambda x: 1.5 * (x > 1),
        "exponential": lambda x: 0.4 * np.exp(0.6 * x),
    }

    def study(shape: Callable[[np.ndarray], np.ndarray], splines: int, items: int = 200):
        def run(generator: np.random.Generator) -> bool:
            levels = generator.normal(size=(items, 2)) * np.array([1.6, 0.7]) + np.array([0.4, 0.0])
            values = shape(levels)[:, :, None] + generator.normal(size=(items, 2, 6))
            coords = {"condition": ["a", "b"], "x": (("item", "condition"), levels)}
            h = xr.DataArray(values, coords, ("item", "condition", "layer"), name="cse")
            options = {"permutations": 200, "resamples": 1, "splines": splines}
            return bool(ds.contrast(h, "a", "b", adjust=["x"], **options).significant())

        return rate(run)

    for name, shape in shapes.items():
        for words, splines in (("a line", 0), ("natural splines", 5)):
            claim = f"a difference, adjusted along {words}"
            yield Row(
                claim, f"{name} dependence on a confound carries all of it, 200 items", study(shape, splines), 0.05
            )
