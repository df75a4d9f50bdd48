"""Which statements hang on a choice of weights? ``python -m benchmarks.relative DATA [--model M ...] [--sets S ...]``.

For each set of stimuli and each model, sixteen settings: four wavelets, edges masked or not, filters of L2 or L1. Of each of
five quantities, in how many of the settings the difference between the first two conditions is above 0, and the range of its
dz. The layers are chosen once, by default CSE on Cardillo's pairs with the same model, and serve all other sets.
``DATA`` holds others' sets in folders of their names.
"""

import argparse
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import depthscope as ds
from depthscope.stimuli.sample import sample_items

WAVELETS = ("paul(4)", "morlet(6)", "dog(2)", "haar")
SETTINGS = [
    {"wavelet": wavelet, "mask_coi": mask, "energy_norm": norm}
    for wavelet, mask, norm in product(WAVELETS, (True, False), ("L2", "L1"))
]
QUANTITIES = ("CSE", "relative CSE", "slope", "slope of norms", "slope of directions")
CHOSEN_BY = "cardillo"
MOST = {"vua": 200}


def differences(traj: xr.Dataset, a: str, b: str, window: slice) -> dict[str, list[float]]:
    """dz of each quantity, averaged over the layers of ``window``, in every setting."""
    found: dict[str, list[float]] = {name: [] for name in QUANTITIES}
    for choice in SETTINGS:
        options: dict[str, Any] = dict(choice)
        slopes = ds.slope(traj, **options)
        values = (ds.cse(traj, **options), ds.cse(traj, relative=True, **options), *slopes.data_vars.values())
        for name, one in zip(QUANTITIES, values, strict=True):
            paired = (one.sel(condition=a) - one.sel(condition=b)).sel(layer=window).mean("layer", skipna=True)
            by_item = paired.groupby(paired["group"]).mean().values
            by_item = by_item[np.isfinite(by_item)]
            found[name].append(float(by_item.mean() / by_item.std(ddof=1)))
    return found


def chosen(traj: xr.Dataset, a: str, b: str) -> slice:
    """The layers of the largest cluster of default CSE."""
    clusters = ds.contrast(ds.cse(traj), a, b, forming_p=0.1).clusters
    if not clusters:
        raise SystemExit(f"{a} - {b}: no cluster by which layers could be chosen")
    largest = max(clusters, key=lambda one: abs(one.mass))
    return slice(largest.first, largest.last)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--sets", nargs="+", default=["cardillo", "vua", "mohx", "builtin"])
    asked = parser.parse_args()
    print(f"| model | contrast | layers | {' | '.join(QUANTITIES)} |\n|{'---|' * (3 + len(QUANTITIES))}")
    for name in asked.model or ["embedded"]:
        model = ds.load(name)
        window = None
        for stimuli in dict.fromkeys([CHOSEN_BY, *asked.sets]):
            table = ds.read_stimuli(stimuli, **({} if stimuli == "builtin" else {"folder": asked.folder / stimuli}))
            table = sample_items(table, MOST.get(stimuli, table["item"].nunique()))
            traj = ds.trace(model, table)
            a, *others = dict.fromkeys(table["condition"])
            pairs = [(a, b) for b in others] if stimuli == "builtin" else [("metaphor", "literal")]
            for first, second in pairs:
                window = window or chosen(traj, first, second)
                rows = differences(traj, first, second, window)
                cells = [f"{sum(dz > 0 for dz in row)} [{min(row):+.2f}, {max(row):+.2f}]" for row in rows.values()]
                place = f"{window.start} to {window.stop}"
                print(f"| {name} | {stimuli}: {first} - {second} | {place} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
