"""Tidy tables of a run."""

from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd
import xarray as xr

from depthscope.report.evidence import Evidence
from depthscope.statistics.result import Contrast
from depthscope.summaries import describe_layers


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


def items_table(contrasts: Sequence[Contrast]) -> pd.DataFrame:
    """One row per contrast, item and layer: the difference that is tested."""
    frames = []
    for c in contrasts:
        plain = c.differences.transpose("item", "layer").reset_coords(drop=True).rename("difference")
        frames.append(plain.to_dataframe().reset_index().dropna(subset=["difference"]).assign(contrast=c.name))
    return pd.concat(frames, ignore_index=True)[["contrast", "item", "layer", "difference"]]


def scalograms_table(share: xr.DataArray) -> pd.DataFrame:
    """One row per condition, scale and layer: the mean share of the energy over items; ``valid``: free of edge effects."""
    mean = share.mean("item").rename("share").transpose("condition", "scale", "layer")
    frame = mean.to_dataframe().reset_index()
    return frame[["condition", "scale", "period", "layer", "valid", "share"]]


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
