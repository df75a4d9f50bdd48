"""xarray Datasets on disk: written whole, read back only if unharmed."""

import hashlib
import shutil
import tempfile
from pathlib import Path

import numpy as np
import xarray as xr

from depthscope.errors import DepthscopeError, require
from depthscope.store.files import atomic


def digest(data: xr.Dataset) -> str:
    """SHA-256 of the numbers in the data variables."""
    total = hashlib.sha256()
    for name in sorted(str(n) for n in data.data_vars):
        values = np.ascontiguousarray(data[name].to_numpy())
        total.update(f"{name} {values.shape} {values.dtype}".encode())
        total.update(values.tobytes())
    return total.hexdigest()


def write_zarr(data: xr.Dataset, path: Path) -> None:
    """A Zarr store, in format 2: strings of any length are part of its specification."""
    require("zarr", "models")
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        data.to_zarr(scratch, mode="w", zarr_format=2, consolidated=True)
        scratch.chmod(0o755)
        shutil.rmtree(path, ignore_errors=True)
        scratch.rename(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def read_zarr(path: Path, expected: str | None = None) -> xr.Dataset:
    """Load a store into memory; refuse it if the numbers are not the ones that were written."""
    require("zarr", "models")
    way_out = "delete it and run again: the trajectories are traced anew"
    try:
        with xr.open_zarr(path, consolidated=True) as stored:
            data: xr.Dataset = stored.load()
    except Exception as problem:  # zarr and its codecs raise whatever the damage leads to
        raise DepthscopeError(f"{path}: damaged ({type(problem).__name__}: {problem}); {way_out}") from None
    if expected is not None and digest(data) != expected:
        raise DepthscopeError(f"{path}: damaged (its numbers are not the ones that were written); {way_out}")
    return data


def write_netcdf(data: xr.Dataset | xr.DataArray, path: Path) -> None:
    """NetCDF 3, which every tool reads and SciPy writes."""
    plain = data.to_dataset(name=data.name) if isinstance(data, xr.DataArray) else data
    # the format knows no 64-bit integers and no truth values
    encoded = plain.assign_coords({n: c.astype("int32") for n, c in plain.coords.items() if c.dtype.kind in "biu"})
    with atomic(path) as scratch:
        encoded.to_netcdf(scratch, engine="scipy")
