"""Ground floor: means over items, and how well they are known."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from depthscope.arrays import Float


def mean_interval(values: Float, confidence: float = 0.95) -> tuple[Float, Float]:
    """Student interval of the mean over the first axis; NaN of a single row."""
    n = len(values)
    mean = values.mean(0)
    if n < 2:
        return mean * np.nan, mean * np.nan
    # half a second that a look at a figure need not cost before there is one
    from scipy import stats

    half = stats.t.isf((1 - confidence) / 2, n - 1) * values.std(0, ddof=1) / np.sqrt(n)
    return mean - half, mean + half


def describe_layers(h: xr.DataArray) -> xr.Dataset:
    """``mean``, ``sd``, ``n`` and the 95 % interval ``low``, ``high`` of the mean, over (condition, layer).

    ``h`` is (item, condition, layer); items without any value in a condition do not count there.
    """
    rows = {c: h.sel(condition=c).transpose("item", "layer").values for c in h["condition"].values}
    return describe_rows(rows, {k: v for k, v in h.coords.items() if v.dims in (("condition",), ("layer",))})


def describe_rows(rows: Mapping[Any, Float], coords: Mapping[Any, Any]) -> xr.Dataset:
    """The same of the rows (n, layer) of each condition; ``coords`` of condition and layer."""
    summaries = []
    for every in rows.values():
        values = every[np.isfinite(every).any(1)]
        low, high = mean_interval(values)
        spread = values.std(0, ddof=1) if len(values) > 1 else low
        summaries.append((values.mean(0), spread, low, high, len(values)))
    mean, sd, low, high, n = (np.array(column) for column in zip(*summaries, strict=True))
    dims = ("condition", "layer")
    columns = {"mean": (dims, mean), "sd": (dims, sd), "low": (dims, low), "high": (dims, high)}
    return xr.Dataset({**columns, "n": ("condition", n)}, coords)
