"""Heads of several models: none of one is a head of another, so what is compared is how many carry a difference, and where."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from depthscope.words import ALPHA

# columns of a run's heads.csv that are read
READ = ("layer", "head", "difference", "p_holm")
HALF = 0.5


def heads_summary(table: pd.DataFrame, depth: int) -> dict[str, Any]:
    """One model's ``heads.csv``, by itself; its shares are of the sum of all contributions, signs left out."""
    size = table["difference"].abs().to_numpy(dtype=np.float64)
    whole = float(size.sum())
    order = np.argsort(-size, kind="stable")
    first = table.iloc[order[0]]
    place = table["layer"].to_numpy(dtype=np.float64) / depth
    return {
        "heads": len(table),
        "found": int((table["p_holm"] <= ALPHA).sum()),
        "half": int(np.searchsorted(np.cumsum(size[order]), HALF * whole) + 1) if whole else None,
        "centre": float((place * size).sum() / whole) if whole else None,
        "largest_layer": int(first["layer"]),
        "largest_head": int(first["head"]),
        "largest_depth": float(first["layer"]) / depth,
        "largest_difference": float(first["difference"]),
        "largest_share": float(size[order[0]] / whole) if whole else None,
    }


def heads_compared(tables: Mapping[str, tuple[pd.DataFrame, int]]) -> pd.DataFrame:
    """One row per model that has heads; by its label its table, and the number of its layers."""
    return pd.DataFrame([{"label": label, **heads_summary(*one)} for label, one in tables.items()])
