"""What every contrast takes in: numbers over items and conditions, whose names and layers leave no doubt."""

from typing import Any

import numpy as np
import xarray as xr

from depthscope.errors import DepthscopeError, listed, reason

# half of what a double holds, so that two numbers can be subtracted
LARGEST = 2.0**1022


def as_measure(h: Any) -> xr.DataArray:
    """``h`` as (item, condition, ...), float64, conditions named by text, layers numbered.

    Raises
    ------
    DepthscopeError
        Other dimensions, conditions of one name, layers that are no whole numbers in ascending order, no real numbers.
    """
    if not isinstance(h, xr.DataArray) or not {"item", "condition"} <= set(h.dims):
        raise DepthscopeError(
            "a contrast needs an array with dimensions item and condition: give what depthscope.cse returns for a "
            "traced table with columns item and condition"
        )
    h = h.transpose("item", "condition", ...)
    names = [str(name) for name in h["condition"].values]
    twice = list(dict.fromkeys(name for name in names if names.count(name) > 1))
    if twice:
        raise DepthscopeError(
            f"condition {twice[0]!r} occurs {names.count(twice[0])} times in the array (it has {listed(names, 12)}): give each "
            "condition a name of its own, or leave one out"
        )
    h = h.assign_coords(condition=names)
    if "layer" in h.dims:
        h = _numbered(h)
    numbers: xr.DataArray = h.copy(deep=False, data=_numbers(h.values))
    return numbers


def _numbered(h: xr.DataArray) -> xr.DataArray:
    if "layer" not in h.coords:
        return h.assign_coords(layer=np.arange(1, h.sizes["layer"] + 1))
    layers = h["layer"].values
    if layers.dtype.kind not in "iuf" or not (layers % 1 == 0).all() or not (np.diff(layers) > 0).all():
        raise DepthscopeError(
            f"the coordinate layer of the array is {listed(layers, 8)}: number the layers with whole numbers in ascending "
            "order, or leave the coordinate out"
        )
    return h


def _numbers(values: Any) -> Any:
    if values.dtype.kind not in "biufO":
        raise DepthscopeError(f"the array holds {values.dtype}, no real numbers: give what depthscope.cse returns")
    try:
        numbers = values.astype(np.float64)
    except (TypeError, ValueError) as problem:
        raise DepthscopeError(f"the array holds no real numbers ({reason(problem, 80)}): give floats") from None
    if (np.abs(numbers[np.isfinite(numbers)]) > LARGEST).any():
        raise DepthscopeError(
            "the array holds numbers of 1e307 and more, too large to be subtracted: divide them by one factor"
        )
    return numbers
