"""Trajectories that are traced once and kept in ``.cache/relative``, so that a table is made again in minutes."""

import hashlib
from functools import cache
from pathlib import Path

import xarray as xr

import depthscope as ds
from benchmarks.relative.sets import stimuli
from depthscope.store.datasets import read_zarr, write_zarr

KEPT = Path(".cache/relative")


def trajectories(model: str, name: str, folder: Path) -> xr.Dataset:
    """The set ``name`` through ``model``; kept by the names of both and by the texts."""
    table = stimuli(name, folder)
    texts = hashlib.sha256(table.to_csv().encode()).hexdigest()[:12]
    path = KEPT / f"{model}-{name}-{texts}.zarr"
    if not path.is_dir():
        KEPT.mkdir(parents=True, exist_ok=True)
        write_zarr(ds.trace(loaded(model), table, progress=False), path)
    return read_zarr(path)


@cache
def loaded(model: str) -> ds.Model:
    return ds.load(model)
