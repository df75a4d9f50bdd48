"""The power that items promise in which an effect was found: of the observed effect (as 0.6.0), and of a smaller one."""

from collections.abc import Iterator

import numpy as np

from benchmarks.simulations.study import LAYERS, Row, rough
from depthscope.statistics.calibration import Rate
from depthscope.statistics.clusters import Cells
from depthscope.statistics.permutation import cluster_test
from depthscope.statistics.power import power_curve

PILOTS, FRESH, DRAWS = 60, 200, 40


def rows() -> Iterator[Row]:
    for items, dz in ((20, 0.5), (40, 0.33), (40, 0.5)):
        truth = dz * np.exp(-0.5 * ((np.arange(LAYERS) - 14) / 3) ** 2)
        fresh = [_found(_study(items, truth, seed + 50_000), seed) for seed in range(FRESH)]
        known, observed, smaller = [], [], []
        for seed in range(10 * PILOTS):
            values = _study(items, truth, seed)
            pilot = max(_found(values, seed), key=lambda k: abs(k.mass), default=None)
            if pilot is None:
                continue
            again = [any((k.where & pilot.where).any() and k.mass * pilot.mass > 0 for k in one) for one in fresh]
            power = power_curve(values, sizes=(items,), shares=(1.0,), draws=DRAWS, permutations=100, seed=seed)
            known.append(np.mean(again))
            observed.append(float(power["rate"][0, 0]))
            smaller.append(float(power["shrunken_rate"][0]))
            if len(known) == PILOTS:
                break
        before, now = (Rate(round(PILOTS * DRAWS * np.mean(one)), PILOTS * DRAWS) for one in (observed, smaller))
        yield Row(
            "power that a study promises in which the effect was found, mean",
            f"a hill of dz {dz:g}, {items} items",
            now,
            float(np.mean(known)),
            before=before,
        )


def _study(items: int, truth: np.ndarray, seed: int) -> np.ndarray:
    return rough(np.random.default_rng(seed), items) + truth


def _found(values: np.ndarray, seed: int) -> list[Cells]:
    test = cluster_test(values, permutations=200, seed=seed + 100_000)
    return [k for k in test.clusters if test.p_value(k.mass)[0] <= 0.05]
