"""Tidy tables of a run."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.report.evidence import Evidence
from depthscope.statistics.effects import mean_interval
from depthscope.statistics.result import Contrast


def describe_layers(h: xr.DataArray) -> xr.Dataset:
    """``mean``, ``sd``, ``n`` and the 95 % interval ``low``, ``high`` of the mean, over (condition, layer)."""
    summaries = []
    for condition in h["condition"].values:
        values = h.sel(condition=condition).transpose("item", "layer").values
        values = values[np.isfinite(values).any(1)]
        low, high = mean_interval(values) if len(values) > 1 else (values[0] * np.nan, values[0] * np.nan)
        spread = values.std(0, ddof=1) if len(values) > 1 else values[0] * np.nan
        summaries.append((values.mean(0), spread, low, high, len(values)))
    mean, sd, low, high, n = (np.array(column) for column in zip(*summaries, strict=True))
    dims = ("condition", "layer")
    coords = {k: v for k, v in h.coords.items() if v.dims in (("condition",), ("layer",))}
    columns = {"mean": (dims, mean), "sd": (dims, sd), "low": (dims, low), "high": (dims, high)}
    return xr.Dataset({**columns, "n": ("condition", n)}, coords)


def layers_table(h: xr.DataArray) -> pd.DataFrame:
    """One row per condition and layer."""
    return describe_layers(h).to_dataframe().reset_index()


def contrasts_table(contrasts: Sequence[Contrast]) -> pd.DataFrame:
    """One row per contrast and layer."""
    return pd.concat([c.to_dataframe() for c in contrasts], ignore_index=True)


def clusters_table(contrasts: Sequence[Contrast]) -> pd.DataFrame:
    """One row per contrast and cluster."""
    filled = [c.clusters_dataframe() for c in contrasts if c.clusters]
    return pd.concat(filled, ignore_index=True) if filled else contrasts[0].clusters_dataframe()


def evidence_table(e: Evidence) -> pd.DataFrame:
    """One row per analysis, at the layers where all are compared: the fields of :class:`Compared`."""
    return pd.DataFrame([asdict(row) for row in e.compared])


def nulls_table(e: Evidence) -> pd.DataFrame:
    """One row per null and layer: the band of the difference, and per condition that of the measure."""
    frames = []
    for null in e.nulls:
        frame = null.expected.to_dataframe().reset_index()
        frame.insert(0, "null", null.name)
        frame.insert(1, "draws", null.anywhere.draws)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def balance_table(e: Evidence) -> pd.DataFrame:
    """One row per contrast and covariate: how far apart the conditions are, and whether it could be adjusted for."""
    frames = [held.balance.assign(not_adjusted=held.balance["covariate"].map(held.unusable)) for held in e.confounding]
    return pd.concat(frames, ignore_index=True)


def power_table(e: Evidence) -> pd.DataFrame:
    """One row per size of the effect and number of items."""
    assert e.power is not None
    return e.power.to_dataframe().reset_index()
