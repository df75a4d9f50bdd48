"""Layers that some items lack: an effect at layers 10 to 20 of 30, by today's rule and where any missing value ends a layer."""

from collections.abc import Callable, Iterator

import numpy as np
import xarray as xr

import depthscope as ds
from benchmarks.simulations.study import ITEMS, LAYERS, PERMUTATIONS, Row, rough
from depthscope.statistics.calibration import Rate
from depthscope.statistics.permutation import cluster_test

EFFECT = slice(9, 20)


def rows() -> Iterator[Row]:
    def cut(values: np.ndarray) -> None:
        values[0, 5:] = np.nan

    def hole(values: np.ndarray) -> None:
        values[0, 14] = np.nan

    cases: tuple[tuple[str, Callable[[np.ndarray], None]], ...] = (
        ("one of 60 items measured at layers 1 to 5 only", cut),
        ("one of 60 items lacks layer 15", hole),
    )
    for words, lose in cases:
        now, then = rates(1.0, lose, 200, one=True)
        yield Row("an effect at layers 10 to 20, as one cluster", words, now, 1.0, "", then)
    now, then = rates(0.0, hole, 1000, one=False)
    yield Row("a difference", "nothing; one of 60 items lacks layer 15", now, 0.05, "", then)


def rates(effect: float, lose: Callable[[np.ndarray], None], draws: int, one: bool) -> tuple[Rate, Rate]:
    """How often there is a cluster, or just one: now, and then."""
    told = np.array([study(np.random.default_rng(seed), effect, lose) for seed in range(draws)])
    now, then = (told == 1 if one else told > 0).sum(0)
    return Rate(int(now), draws), Rate(int(then), draws)


def study(generator: np.random.Generator, effect: float, lose: Callable[[np.ndarray], None]) -> tuple[int, int]:
    """How many significant clusters there are now, and were; of an effect, those that overlap it."""
    differences = rough(generator)
    differences[:, EFFECT] += effect
    lose(differences)
    values = np.stack([differences, np.where(np.isfinite(differences), 0.0, np.nan)], 1)
    coords = {"condition": ["a", "b"], "layer": np.arange(1, LAYERS + 1)}
    h = xr.DataArray(values, coords, ("item", "condition", "layer"), name="cse").assign_coords(item=np.arange(ITEMS))
    result = ds.contrast(h, "a", "b", permutations=PERMUTATIONS, resamples=1)
    now = [c for c in result.significant() if not effect or (c.last > EFFECT.start and c.first <= EFFECT.stop)]
    test = cluster_test(differences, permutations=PERMUTATIONS)
    then = [c for c in test.clusters if test.p_value(c.mass)[0] <= 0.05 and (not effect or c.where[EFFECT].any())]
    return len(now), len(then)
