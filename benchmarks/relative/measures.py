"""Five quantities in one setting, and the size of a difference between two conditions over fixed layers."""

from collections.abc import Mapping, Sequence
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


def quantities(traj: xr.Dataset, options: Mapping[str, Any], names: Sequence[str] = QUANTITIES) -> xr.DataArray:
    """The named quantities (quantity, item, condition, layer), in one array so that items are paired once."""
    found = {"CSE": ds.cse(traj, **options)}
    if set(names) != {"CSE"}:
        slopes = ds.slope(traj, **options).data_vars.values()
        values = (found["CSE"], ds.cse(traj, relative=True, **options), *slopes)
        found = dict(zip(QUANTITIES, values, strict=True))
    kept = xr.concat([found[name] for name in names], "quantity", coords="minimal", compat="override")
    return kept.assign_coords(quantity=list(names))


def effects(h: xr.DataArray, first: str, second: str, layers: slice) -> dict[str, Effect]:
    """Of each quantity; items are paired, and left out, as :func:`depthscope.contrast` does it."""
    paired = pair(h, Terms((first,), (second,))).differences.sel(layer=layers)
    columns = paired.transpose("item", "quantity", "layer").values
    columns = columns[..., np.isfinite(columns).all((0, 1))]  # layers that the setting measures
    if columns.shape[-1] == 0:
        return {str(name): Effect(float("nan"), float("nan"), 0) for name in h["quantity"].values}
    columns = columns.mean(-1)
    found = stats.ttest_1samp(columns, 0.0)
    dz = columns.mean(0) / columns.std(0, ddof=1)
    names = [str(name) for name in paired["quantity"].values]
    return {
        name: Effect(float(size), float(p), len(columns)) for name, size, p in zip(names, dz, found.pvalue, strict=True)
    }


def chosen(traj: xr.Dataset, first: str, second: str) -> slice:
    """The layers of the largest cluster of default CSE; all that are measured where there is none."""
    h = ds.cse(traj)
    clusters = ds.contrast(h, first, second, forming_p=0.1, permutations=100, resamples=1).clusters
    if not clusters:
        measured = h["layer"].values[np.isfinite(h.values).any((0, 1))]
        return slice(int(measured[0]), int(measured[-1]))
    largest = max(clusters, key=lambda one: abs(one.mass))
    return slice(largest.first, largest.last)
