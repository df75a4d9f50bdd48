"""What a result is of: rows by (item, condition), the model, the settings."""

from typing import Any

import numpy as np
import xarray as xr

from depthscope.entries import entry_names
from depthscope.errors import DepthscopeError

# what a result takes along of the trajectories that it is computed from
ORIGIN = ("model", "model_class", "fingerprint", "quantization", "subtoken")


def by_item(rows: xr.DataArray) -> xr.DataArray:
    """Reshape ``(stimulus, ...)`` into ``(item, condition, ...)``, if the rows say which they are.

    Items and conditions keep the order in which they first appear. An item with several pairs gives one entry per
    pair, labelled ``item/pair`` (as :func:`depthscope.entries.entry_names` says); the coordinate ``group`` keeps the
    item itself, and statistics average over it.
    Combinations that do not occur are NaN. Every per-stimulus coordinate comes along as ``(item, condition)``.
    """
    if "stimulus" not in rows.dims or not {"item", "condition"} <= set(rows.coords):
        return rows
    groups = [str(v) for v in rows["item"].values]
    pairs = [str(v) for v in rows["pair"].values] if "pair" in rows.coords else None
    labels = entry_names(groups, pairs)
    conditions = [str(v) for v in rows["condition"].values]
    entry_of = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    column_of = {name: j for j, name in enumerate(dict.fromkeys(conditions))}
    at = ([entry_of[x] for x in labels], [column_of[c] for c in conditions])
    _check_once(labels, conditions)
    shape = (len(entry_of), len(column_of))

    def spread(values: np.ndarray[Any, Any], empty: Any) -> np.ndarray[Any, Any]:
        table = np.full(shape + values.shape[1:], empty, dtype=values.dtype if empty is not None else object)
        table[at] = values
        return table

    coords: dict[str, Any] = {
        "item": list(entry_of),
        "condition": list(column_of),
        "group": ("item", [dict(zip(labels, groups, strict=True))[x] for x in entry_of]),
    }
    for name, coord in rows.coords.items():
        if "stimulus" not in coord.dims:
            coords[str(name)] = coord
        elif name not in ("item", "condition", "stimulus", "pair"):
            if np.issubdtype(coord.dtype, np.number):
                spread_out = spread(coord.values.astype(np.float64), np.nan)
            elif coord.dtype == np.bool_:
                spread_out = spread(coord.values, False)
            else:
                spread_out = spread(coord.values.astype(object), "")
            coords[str(name)] = (("item", "condition"), spread_out)
    return xr.DataArray(
        spread(rows.transpose("stimulus", ...).values, np.nan),
        dims=("item", "condition", *(str(d) for d in rows.dims if d != "stimulus")),
        coords=coords,
        name=rows.name,
        attrs=rows.attrs,
    )


def _check_once(labels: list[str], conditions: list[str]) -> None:
    """No row may take the place of another."""
    seen: set[tuple[str, str]] = set()
    for key in zip(labels, conditions, strict=True):
        if key in seen:
            raise DepthscopeError(
                f"item {key[0]!r}, condition {key[1]!r}: occurs twice; drop one, or tell the pairs of an item apart in a "
                "coordinate pair"
            )
        seen.add(key)


def origin_of(data: Any) -> dict[str, str]:
    """What ``data`` knows of the model that it comes from."""
    known = getattr(data, "attrs", {})
    return {name: str(known[name]) for name in ORIGIN if known.get(name)}
