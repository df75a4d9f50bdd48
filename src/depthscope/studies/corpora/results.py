"""One contrast across sets of stimuli: the rows that are compared."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import pandas as pd

from depthscope.studies.contrast.across import Replication, compare, replication
from depthscope.studies.contrast.results import Compared, Evidence


def compare_sets(runs: Mapping[str, Evidence]) -> list[Compared]:
    """Every set at the layers that the first one chose, plain and adjusted; and each at its own strongest cluster."""
    window = next(iter(runs.values())).window
    return compare(runs, dict.fromkeys(runs, window), "layers {}-{}".format(*window))


def replicated(rows: Sequence[Compared], runs: Mapping[str, Evidence]) -> Replication:
    """In which of the other sets the effect of the first is there."""
    return replication(rows, runs)


def controlled(runs: Mapping[str, Evidence]) -> dict[str, Evidence]:
    """Sets that have controls, and something found to ask them about."""
    return {name: e for name, e in runs.items() if e.controls and e.found}


def sets_table(rows: Sequence[Compared]) -> pd.DataFrame:
    """One row per group of analyses and set: ``sets.csv``."""
    return pd.DataFrame([asdict(row) for row in rows])
