"""CSE of a run, and what it wrote beside it, read again and checked to be of a run."""

from pathlib import Path

import numpy as np
import xarray as xr

from depthscope.errors import DepthscopeError
from depthscope.store.datasets import read_netcdf, read_netcdf_dataset

MEASURE, BESIDE = "cse.nc", "relative.nc"


def read_measure(path: Path) -> xr.DataArray:
    """What :func:`depthscope.cse` gave and a run wrote, (item, condition, layer)."""
    h = read_netcdf(path, "cse")
    if set(h.dims) != {"item", "condition", "layer"} or "relative_depth" not in h.coords:
        problem = "its dimensions are not those of a run"
    elif not (np.diff(h["relative_depth"].values) > 0).all() or not np.isfinite(h.values).any():
        problem = "its numbers are not those of a run"
    else:
        whole = {n: c.astype(np.int64) for n, c in h.coords.items() if c.dims == ("layer",) and c.dtype.kind == "i"}
        return h.assign_coords(whole).transpose("item", "condition", "layer")
    raise DepthscopeError(f"{path}: damaged ({problem}); delete its folder and run the study again")


def read_beside(path: Path, h: xr.DataArray) -> xr.Dataset:
    """What depends on no weight of the scales, as a run wrote it, with the coordinates of its CSE ``h``."""
    stored = read_netcdf_dataset(path)
    dims = ("item", "condition", "layer")
    whole = all(set(one.dims) == set(dims) for one in stored.data_vars.values()) and set(dims) <= set(stored.coords)
    if not whole or any(list(stored[dim].values) != list(h[dim].values) for dim in dims):
        raise DepthscopeError(
            f"{path}: damaged (it is not of the items, conditions and layers of {MEASURE}); delete its folder and run the "
            "study again"
        )
    values = {name: one.transpose(*dims).values for name, one in stored.data_vars.items()}
    labelled = h.drop_vars("valid_scales", errors="ignore").coords
    return xr.Dataset({name: (dims, one, stored[name].attrs) for name, one in values.items()}, labelled)
