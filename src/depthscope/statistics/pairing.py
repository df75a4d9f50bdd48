"""From (item, condition, ...) to one difference per item."""

from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from depthscope.errors import DepthscopeError, listed


@dataclass(frozen=True)
class Paired:
    """Differences ``a - b`` of the items that have both, and what was left out and why.

    ``differences`` is (item, ...); items with several pairs are averaged, so that items stay independent.
    """

    differences: xr.DataArray
    a: xr.DataArray
    b: xr.DataArray
    incomplete: list[str] = field(default_factory=list)
    same_context: list[str] = field(default_factory=list)


def pair(h: xr.DataArray, a: str, b: str, include_same_context: bool = False) -> Paired:
    """Pair two conditions by item.

    An item is incomplete if a condition is missing. It has the same context if both texts are the same up to and
    including the target, as far as tokens go: a causal model cannot tell them apart there, and the difference is zero
    by construction. Both kinds are left out; the second can be kept.
    """
    if not isinstance(h, xr.DataArray) or not {"item", "condition"} <= set(h.dims):
        raise DepthscopeError(
            "a contrast needs an array with dimensions item and condition: give what depthscope.cse returns for a "
            "traced table with columns item and condition"
        )
    known = [str(c) for c in h["condition"].values]
    for name in (a, b):
        if name not in known:
            raise DepthscopeError(f"unknown condition {name!r}: this table has {listed(known, 12)}")
    if a == b:
        raise DepthscopeError(f"a contrast of {a!r} with itself is empty: name two conditions")
    h = h.transpose("item", "condition", ...)
    left, right = (h.sel(condition=name, drop=True) for name in (a, b))
    labels = np.array([str(v) for v in h["item"].values], dtype=object)

    cells = tuple(range(1, left.ndim))
    there = np.isfinite(left.values).any(cells) & np.isfinite(right.values).any(cells)
    same = np.zeros(len(labels), dtype=bool)
    if "context" in h.coords and "condition" in h["context"].dims:
        contexts = h["context"].transpose("item", "condition").sel(condition=[a, b]).values
        same = there & (contexts[:, 0] == contexts[:, 1]) & (contexts[:, 0] != "")
    used = there if include_same_context else there & ~same
    if used.sum() == 0 and same.any():
        raise DepthscopeError(
            f"{a} - {b}: in all {int(same.sum())} pairs the texts are the same up to the target, where a causal model "
            "cannot tell them apart; put the cue before the target, or ask for include_same_context"
        )
    left, right = (_average_groups(side[used]) for side in (left, right))
    if left.sizes["item"] < 2:
        raise DepthscopeError(
            f"{a} - {b}: {left.sizes['item']} usable pair(s); a paired test needs at least 2 items with both conditions"
        )
    return Paired(left - right, left, right, list(labels[~there]), list(labels[same & there]))


def _average_groups(side: xr.DataArray) -> xr.DataArray:
    names = [str(v) for v in (side["group"] if "group" in side.coords else side["item"]).values]
    plain = side.drop_vars([c for c, v in side.coords.items() if "item" in v.dims])
    if len(set(names)) == len(names):
        return plain.assign_coords(item=names)
    first = list(dict.fromkeys(names))
    rows = np.array([first.index(name) for name in names])
    averaged = np.stack([plain.values[rows == i].mean(0) for i in range(len(first))])
    return plain.isel(item=slice(0, len(first))).copy(data=averaged).assign_coords(item=first)
