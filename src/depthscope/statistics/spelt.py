"""Values spelt in what JSON knows, so that exactly they come back; what would not is refused."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from depthscope.errors import DepthscopeError

# JSON has no word for these
ODD = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
TEXT, OBJECTS = "text", "objects"
# what stands for something else than a mapping, by its keys; a mapping that has these is spelt as pairs
NUMBER, TUPLE, PAIRS = {"number"}, {"tuple"}, {"pairs"}
ARRAY, DATASET = {"array", "coordinates", "name"}, {"data", "coordinates", "attributes"}
TAKEN = (NUMBER, TUPLE, PAIRS, ARRAY, DATASET)
# bits of the largest whole number: readers of JSON do not take numbers of any length
LONGEST = 1024


def kept(value: Any, what: str) -> Any:
    """``value`` in what JSON knows, for :func:`restored`; ``what`` says what it is, in sentences.

    Raises
    ------
    DepthscopeError
        It is, or holds, something other than numbers, text, times, lists, mappings and labelled arrays of them.
    """
    if isinstance(value, xr.DataArray):
        return {
            "array": _variable(value, what),
            "coordinates": _coordinates(value, what),
            "name": kept(value.name, what),
        }
    if isinstance(value, xr.Dataset):
        data = {_name(name, what): _variable(one, f"{name!r} of {what}") for name, one in value.data_vars.items()}
        attributes = kept(dict(value.attrs), f"attributes of {what}")
        return {"data": data, "coordinates": _coordinates(value, what), "attributes": attributes}
    if isinstance(value, Mapping):
        if all(isinstance(name, str) for name in value) and set(value) not in TAKEN:
            return {name: kept(one, f"{name!r} of {what}") for name, one in value.items()}
        return {"pairs": [[kept(part, what) for part in pair] for pair in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [kept(one, what) for one in value]}
    if isinstance(value, list):
        return [kept(one, what) for one in value]
    return _scalar(value, what)


def restored(value: Any) -> Any:
    """What :func:`kept` spelt."""
    if isinstance(value, list):
        return [restored(one) for one in value]
    if not isinstance(value, dict):
        return value
    keys = set(value)
    if keys == NUMBER:
        return ODD[value["number"]]
    if keys == TUPLE:
        return tuple(restored(value["tuple"]))
    if keys == PAIRS:
        return dict(restored(pair) for pair in value["pairs"])
    if keys in (ARRAY, DATASET):
        labels = {name: _array(one) for name, one in value["coordinates"].items()}
        if keys == DATASET:
            data = {name: _array(one) for name, one in value["data"].items()}
            return xr.Dataset(data, labels, restored(value["attributes"]))
        dims, values, attributes = _array(value["array"])
        return xr.DataArray(values, labels, dims, restored(value["name"]), attributes)
    return {name: restored(one) for name, one in value.items()}


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same to the last digit; numbers of NumPy are the numbers they hold."""
    if isinstance(one, xr.DataArray) and isinstance(other, xr.DataArray):
        return same(one.name, other.name) and _same_variable(one, other) and _same_parts(one.coords, other.coords)
    if isinstance(one, xr.Dataset) and isinstance(other, xr.Dataset):
        parts = ((one.data_vars, other.data_vars), (one.coords, other.coords))
        return same(dict(one.attrs), dict(other.attrs)) and all(_same_parts(*pair) for pair in parts)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return same(list(one), list(other)) and same(list(one.values()), list(other.values()))
    if isinstance(one, list | tuple):
        return (
            isinstance(other, list | tuple)
            and isinstance(one, list) == isinstance(other, list)
            and len(one) == len(other)
            and all(map(same, one, other))
        )
    one, other = (value.item() if isinstance(value, np.generic) else value for value in (one, other))
    if isinstance(one, float) and isinstance(other, float):
        return (one != one and other != other) or (one == other and math.copysign(1, one) == math.copysign(1, other))
    return isinstance(one, type(other)) and isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def unsaved(what: str, why: str) -> DepthscopeError:
    return DepthscopeError(f"{what} cannot be saved ({why}): take it out, or make numbers or text of it")


def _scalar(value: Any, what: str) -> Any:
    if isinstance(value, np.generic) and value.dtype.kind in "biufU":
        value = value.item()
    if isinstance(value, int) and value.bit_length() > LONGEST:
        raise unsaved(what, "a whole number of more than 300 digits")
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": next(word for word, number in ODD.items() if same(float(value), number))}
    if value is None or (isinstance(value, bool | int | float | str) and not isinstance(value, np.generic)):
        return value
    raise unsaved(what, f"a {type(value).__name__}")


def _name(name: Any, what: str) -> str:
    if isinstance(name, str):
        return name
    raise unsaved(f"{name!r} of {what}", "its name is no text")


def _coordinates(value: xr.DataArray | xr.Dataset, what: str) -> dict[str, Any]:
    return {_name(name, what): _variable(one, f"coordinate {name!r} of {what}") for name, one in value.coords.items()}


def _variable(one: xr.DataArray, what: str) -> dict[str, Any]:
    values = one.values
    plain: list[Any] = values.ravel().tolist()
    kind = {"U": TEXT, "O": OBJECTS}.get(values.dtype.kind, str(values.dtype))
    if values.dtype.kind in "Mm":
        plain = values.ravel().astype(np.int64).tolist()
    elif values.dtype.kind == "f" and values.dtype.itemsize <= 8:
        plain = plain if np.isfinite(values).all() else [_scalar(number, what) for number in plain]
    elif values.dtype.kind == "O":
        plain = [_scalar(one, what) for one in plain]
    elif values.dtype.kind not in "biuU":
        raise unsaved(what, f"it holds {values.dtype}")
    return {
        "dims": [_name(dim, what) for dim in one.dims],
        "shape": list(values.shape),
        "dtype": kind,
        "values": plain,
        "attributes": kept(dict(one.attrs), f"attributes of {what}"),
    }


def _array(one: Mapping[str, Any]) -> tuple[list[str], np.ndarray[Any, Any], dict[str, Any]]:
    kind, plain = one["dtype"], restored(one["values"])
    if kind == TEXT:
        # as wide as its longest: a width that the file names could ask for any amount of memory
        values = np.array([str(text) for text in plain], dtype=np.str_)
    elif kind == OBJECTS:
        values = np.empty(len(plain), dtype=object)
        values[:] = plain
    else:
        if np.dtype(kind).kind not in "fiubMm":
            raise TypeError(f"{kind} is no kind of number")
        times = np.dtype(kind).kind in "Mm"
        values = np.array(plain, dtype=np.int64 if times else kind)
        values = values.astype(kind) if times else values
    return one["dims"], values.reshape(one["shape"]), restored(one["attributes"])


def _same_parts(some: Mapping[Any, xr.DataArray], others: Mapping[Any, xr.DataArray]) -> bool:
    return set(some) == set(others) and all(_same_variable(some[name], others[name]) for name in some)


def _same_variable(one: xr.DataArray, other: xr.DataArray) -> bool:
    mine, theirs = one.values, other.values
    if mine.dtype != theirs.dtype and not mine.dtype.kind == theirs.dtype.kind == "U":
        return False
    if one.dims != other.dims or mine.shape != theirs.shape or not same(dict(one.attrs), dict(other.attrs)):
        return False
    if mine.dtype.kind in "OU":
        return all(map(same, mine.ravel().tolist(), theirs.ravel().tolist()))
    if mine.dtype.kind == "f":
        return np.array_equal(mine, theirs, equal_nan=True) and np.array_equal(np.signbit(mine), np.signbit(theirs))
    return np.array_equal(mine, theirs, equal_nan=mine.dtype.kind in "Mm")
