"""dz of the strongest cluster against the truth at the same layers: of the items that chose them, and of other halves.

``python -m benchmarks.simulations.selection`` prints the mean bias, in dz.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np

from benchmarks.simulations.study import LAYERS, Row, found, rough
from depthscope.statistics.calibration import Rate
from depthscope.statistics.clusters import strongest_runs
from depthscope.statistics.halves import split_half
from depthscope.statistics.permutation import cluster_test

# items, and dz where the effect is largest: it is a hill around layer 15
CASES = ((20, 0.5), (40, 0.4), (80, 0.3), (186, 0.2), (186, 0.4))
STUDIES = 400


def rows() -> Iterator[Row]:
    for items, dz in CASES:
        plain, halves, called = errors(items, dz)
        for column, what in enumerate(("at the peak", "over its window")):
            for words, kept in (("", np.full(STUDIES, True)), (", of studies that found it", called)):
                before, now = (Rate(int((e[kept, column] > 0).sum()), int(kept.sum())) for e in (plain, halves))
                yield Row(
                    f"dz {what} of the strongest cluster is above the truth{words}",
                    f"a hill of dz {dz:g}, {items} items",
                    now,
                    0.5,
                    before=before,
                    drawn="peak" in what and bool(words),
                )


@cache
def errors(items: int, dz: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Error of dz at the peak and over the window, as printed and of split halves (study, 2); and which studies found it."""
    truth = dz * np.exp(-0.5 * ((np.arange(LAYERS) - 14) / 3) ** 2)
    apart = np.abs(np.subtract.outer(np.arange(LAYERS), np.arange(LAYERS)))
    covariance = np.maximum(5 - apart, 0) / 5
    plain, halves, called = [], [], []
    for seed in range(STUDIES):
        values = rough(np.random.default_rng(seed), items) + truth
        test = cluster_test(values, permutations=200, seed=seed + 10_000)
        start, stop, peak, sign = (one[0] for one in strongest_runs(test.t[None], test.threshold, 0))
        window = values[:, start:stop].mean(1)
        real = np.array([truth[peak], truth[start:stop].mean() / np.sqrt(covariance[start:stop, start:stop].mean())])
        own = [values[:, peak].mean() / values[:, peak].std(ddof=1), window.mean() / window.std(ddof=1)]
        other = split_half(values, seed=seed + 20_000)
        plain.append(sign * (np.array(own) - real))
        halves.append([other.peak, other.window] - sign * real)
        called.append(found(test))
    return np.array(plain), np.array(halves), np.array(called)


def main() -> None:
    print("| items | dz | found | peak | halves | window | halves | found: peak | halves | window | halves |")
    print("|" + "---|" * 11)
    for items, dz in CASES:
        plain, halves, called = errors(items, dz)
        told = [f"{e[kept, k].mean():+.2f}" for kept in (slice(None), called) for k in (0, 1) for e in (plain, halves)]
        print(f"| {items} | {dz:g} | {called.mean():.0%} | {' | '.join(told)} |", flush=True)


if __name__ == "__main__":
    main()
