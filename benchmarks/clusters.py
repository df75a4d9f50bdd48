"""Cluster permutation: one matrix product and a running sum against MNE."""

import mne
import numpy as np

from benchmarks.measure import Row, cpu_seconds
from depthscope.statistics.permutation import cluster_test

ITEMS, LAYERS, PERMUTATIONS = 200, 32, 10_000


def run() -> list[Row]:
    mne.set_log_level("ERROR")
    differences = np.random.default_rng(0).normal(size=(ITEMS, LAYERS))
    differences[:, 10:20] += 0.2
    threshold = cluster_test(differences, permutations=10).threshold

    def ours() -> None:
        cluster_test(differences, permutations=PERMUTATIONS)

    def theirs() -> None:
        mne.stats.permutation_cluster_1samp_test(
            differences, threshold=threshold, n_permutations=PERMUTATIONS, seed=0, n_jobs=1
        )

    theirs()  # MNE compiles and imports on its first call
    ours()
    slow, fast = cpu_seconds(theirs, repeats=3), cpu_seconds(ours, repeats=9)
    work = f"cluster test, {ITEMS} pairs x {LAYERS} layers, {PERMUTATIONS:,} permutations"
    ratio = slow / fast
    return [Row(work, "MNE, CPU time", f"{fast * 1000:.0f} ms", f"{slow:.2f} s", ratio, ">= 50", ratio >= 50)]
