"""Five quantities in one setting, and the size of a difference between two conditions over fixed layers."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy import stats

import depthscope as ds
from depthscope.statistics.pairing import pair
from depthscope.statistics.terms import Terms

QUANTITIES = ("CSE", "relative CSE", "slope", "slope of norms", "slope of directions")


class Effect(NamedTuple):
    """Of one quantity in one setting: dz of the mean over the layers, p of a t test of it, and how many items."""

    dz: float
    p: float
    n: int


def quantities(traj: xr.Dataset, options: Mapping[str, Any]) -> dict[str, xr.DataArray]:
    slopes = ds.slope(traj, **options).data_vars.values()
    values = (ds.cse(traj, **options), ds.cse(traj, relative=True, **options), *slopes)
    return dict(zip(QUANTITIES, values, strict=True))


def effect(h: xr.DataArray, first: str, second: str, layers: slice) -> Effect:
    """Items are paired, and left out, as :func:`depthscope.contrast` does it."""
    paired = pair(h, Terms((first,), (second,))).differences.sel(layer=layers).mean("layer", skipna=True).values
    found = stats.ttest_1samp(paired, 0.0)
    return Effect(float(paired.mean() / paired.std(ddof=1)), float(found.pvalue), len(paired))


def chosen(traj: xr.Dataset, first: str, second: str) -> slice:
    """The layers of the largest cluster of default CSE; all that are measured where there is none."""
    h = ds.cse(traj)
    clusters = ds.contrast(h, first, second, forming_p=0.1, permutations=100, resamples=1).clusters
    if not clusters:
        measured = h["layer"].values[np.isfinite(h.values).any((0, 1))]
        return slice(int(measured[0]), int(measured[-1]))
    largest = max(clusters, key=lambda one: abs(one.mass))
    return slice(largest.first, largest.last)
