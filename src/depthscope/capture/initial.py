"""``initial=``: the state before the first update, with its axes and labels brought to those of the updates, or refused."""

import re
from typing import Any

import numpy as np
import xarray as xr

from depthscope.arrays import Float
from depthscope.capture.doubts import Kind
from depthscope.capture.stack import DEPTH, TOKEN, Stack, numbers, stacked, variable
from depthscope.errors import DepthscopeError


def initial_states(initial: Any, kind: Kind | None, updates: Stack, tokens: Any) -> Float | None:
    """``h_0`` of every row (n, feature) in the order of the updates; None if it was not given."""
    if initial is None:
        return None
    if kind != "updates":
        raise DepthscopeError("initial= is the state before the first update: it goes with kind='updates'")
    given = variable(initial) if isinstance(initial, xr.Dataset) else initial
    needed = {name: size for name, size in updates.sizes.items() if name != DEPTH}
    if isinstance(given, xr.DataArray):
        given = _turned(given, needed, updates)
    values = numbers(given)
    if tokens is not None and values.ndim < len(needed):  # of the chosen tokens alone
        needed, tokens = {name: size for name, size in needed.items() if name != TOKEN}, None
    if values.shape != tuple(needed.values()):
        axes = ", ".join(f"{name} {size}" for name, size in needed.items())
        raise DepthscopeError(
            f"initial= has the shape {values.shape}: it needs the axes of the updates but for depth, in their order ({axes})"
        )
    rows = np.concatenate(list(stacked([values], tuple(needed), tokens).chunks()))[:, 0]
    if not np.isfinite(rows).all():
        row, feature = (int(i) for i in np.argwhere(~np.isfinite(rows))[0])
        raise DepthscopeError(
            f"initial= has NaN or infinity in row {row}, feature {feature}: leave the row out or mend it"
        )
    return rows


def _turned(given: xr.DataArray, needed: dict[str, int], updates: Stack) -> xr.DataArray:
    """With its axes in the order of the updates; labels in another order are refused."""
    own = tuple(map(str, given.dims))
    if all(re.fullmatch(r"dim_\d+", name) for name in own):  # xarray's own names, which say nothing
        return given
    rest = [name for name in needed if name in own or name != TOKEN]
    if set(own) != set(rest):
        raise DepthscopeError(
            f"initial= has the axes {own}: the updates have {tuple(needed)} beside depth; call them alike"
        )
    for name, labels in updates.labels.items():
        if name in given.coords and list(given[name].values) != list(labels.values):
            raise DepthscopeError(
                f"initial= has other {name!r} than the updates, or has them in another order: bring both into one order"
            )
    return given.transpose(*rest)
