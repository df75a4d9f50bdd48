"""xarray Datasets on disk: written whole, read back only if unharmed."""

import json
import secrets
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import xarray as xr

from depthscope.errors import DepthscopeError, reason, require
from depthscope.store.digest import digest as digest_arrays
from depthscope.store.files import atomic


def digest(data: xr.Dataset) -> str:
    """SHA-256 of all variables and attributes, coordinates included: a lost label harms as much as a lost number."""
    arrays = {str(name): variable.to_numpy() for name, variable in data.variables.items()}
    return digest_arrays({**arrays, "(attributes)": np.array(json.dumps(data.attrs, sort_keys=True))})


def write_zarr(data: xr.Dataset, path: Path) -> None:
    """A Zarr store, in format 2: strings of any length are part of its specification."""
    require("zarr", "report")
    for stale in path.parent.glob(f".{path.name}.*"):  # of a run that was killed while it wrote
        shutil.rmtree(stale, ignore_errors=True)
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    scratch.mkdir()
    try:
        with _spaces_allowed():
            data.to_zarr(scratch, mode="w", zarr_format=2, consolidated=True)
        shutil.rmtree(path, ignore_errors=True)
        scratch.rename(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def read_zarr(path: Path, expected: str | None = None) -> xr.Dataset:
    """Load a store into memory; refuse it if the numbers are not the ones that were written."""
    require("zarr", "report")
    way_out = "delete it and run again: the trajectories are traced anew"
    try:
        with xr.open_zarr(path, consolidated=True) as stored:
            # a covariate with a space in its name: see _spaces_allowed
            data: xr.Dataset = stored.load().set_coords([name for name in stored.data_vars if " " in str(name)])
    except Exception as problem:  # zarr and its codecs raise whatever the damage leads to
        what = " ".join(f"{type(problem).__name__}: {problem}".split())
        raise DepthscopeError(f"{path}: damaged ({what}); {way_out}") from None
    if expected is not None and digest(data) != expected:
        raise DepthscopeError(f"{path}: damaged (its numbers are not the ones that were written); {way_out}")
    return data


def write_netcdf(data: xr.Dataset | xr.DataArray, path: Path) -> None:
    """NetCDF 3, which every tool reads and SciPy writes."""
    plain = data.to_dataset(name=data.name) if isinstance(data, xr.DataArray) else data
    # the format knows no 64-bit integers and no truth values
    encoded = plain.assign_coords({n: c.astype("int32") for n, c in plain.coords.items() if c.dtype.kind in "biu"})
    # names are UTF-8 in the format, and SciPy writes and reads their bytes as Latin-1
    encoded = encoded.rename({n: str(n).encode().decode("latin-1") for n in encoded.variables if not str(n).isascii()})
    with atomic(path, sweep=True) as scratch, _spaces_allowed():
        encoded.to_netcdf(scratch, engine="scipy")


def read_netcdf(path: Path, name: str) -> xr.DataArray:
    """The measure ``name`` that :func:`write_netcdf` wrote, with its labels, which NetCDF brings back as objects."""
    data = read_netcdf_dataset(path)
    if name not in data.variables:
        raise DepthscopeError(f"{path}: damaged (there is no {name} in it); delete its folder and run the study again")
    # a covariate with a space in its name comes back as a variable
    return data.set_coords([other for other in data.data_vars if other != name])[name]


def read_netcdf_dataset(path: Path) -> xr.Dataset:
    """Everything that :func:`write_netcdf` wrote."""
    try:
        with xr.open_dataset(path, engine="scipy") as stored:
            data: xr.Dataset = stored.load()
        data = data.rename({n: str(n).encode("latin-1").decode() for n in data.variables if not str(n).isascii()})
    except Exception as problem:  # SciPy and xarray raise whatever the damage leads to
        raise DepthscopeError(
            f"{path}: damaged ({reason(problem, 80)}); delete its folder and run the study again"
        ) from None
    labels = [label for label in ("item", "condition") if label in data.dims and label in data.coords]
    return data.assign_coords({label: [str(v) for v in data[label].values] for label in labels})


@contextmanager
def _spaces_allowed() -> Iterator[None]:
    """xarray cannot mark a coordinate with a space in its name as one: it warns, and writes a plain variable."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*has a space in its name", xr.SerializationWarning)
        yield
