"""The whole pipeline, from trajectories to p, where there is nothing to find."""

from collections.abc import Callable, Iterator

import numpy as np
import xarray as xr

import depthscope as ds
from benchmarks.simulations.study import LAYERS, PERMUTATIONS, Row, rate
from depthscope.instrument.surrogates import surrogate

WIDTH = 64


def rows() -> Iterator[Row]:
    def pipeline(change: Callable[[xr.Dataset, int], xr.Dataset]) -> Callable[[np.random.Generator], bool]:
        def study(generator: np.random.Generator) -> bool:
            traj = change(trajectories(generator), int(generator.integers(2**31)))
            h = ds.cse(traj)
            return bool(ds.contrast(h, "a", "b", permutations=PERMUTATIONS, resamples=1).significant())

        return study

    claim = "a difference, from trajectories to p"
    yield Row(claim, "two conditions from one population", rate(pipeline(lambda traj, _: traj)), 0.05)
    for kind in ("order", "walk", "rotation"):
        yield Row(
            claim, f"the same, surrogate '{kind}'", rate(pipeline(lambda t, s, kind=kind: surrogate(t, kind, s))), 0.05
        )


def trajectories(generator: np.random.Generator, pairs: int = 30) -> xr.Dataset:
    """Updates with a common course along depth; the conditions differ in nothing."""
    course = generator.normal(size=(1, LAYERS, WIDTH)).cumsum(1) / 3
    updates = course + generator.normal(size=(2 * pairs, LAYERS, WIDTH))
    updates *= np.exp(generator.normal(size=(2 * pairs, LAYERS, 1)) / 3)
    gram = updates @ updates.transpose(0, 2, 1)
    start = np.ones(2 * pairs)
    return xr.Dataset(
        {
            "gram": (("stimulus", "layer", "other_layer"), gram),
            "initial_dot": (("stimulus", "layer"), np.zeros((2 * pairs, LAYERS))),
            "state_norm": (("stimulus", "state"), np.tile(start[:, None], (1, LAYERS + 1))),
        },
        {
            "item": ("stimulus", np.repeat([f"i{i}" for i in range(pairs)], 2).astype(object)),
            "condition": ("stimulus", np.tile(np.array(["a", "b"], dtype=object), pairs)),
            "layer": np.arange(1, LAYERS + 1),
        },
        {"width": WIDTH},
    )
