"""Heads of several models: none of one is a head of another, so what is compared is how many carry a difference, and where."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from depthscope.words import ALPHA

# columns of a run's heads.csv that are read
READ = ("layer", "head", "difference", "p_holm")
HALF = 0.5


def heads_summary(table: pd.DataFrame, depth: int) -> dict[str, Any]:
    """One model's ``heads.csv``, told by itself; its shares are of the sum of all contributions, signs left out."""
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


def heads_told(table: pd.DataFrame, without: Sequence[str]) -> list[str]:
    """In words, if any model has heads."""
    if table.empty:
        return []
    each = [
        f"{row['label']}: {row['found']} of {row['heads']} heads contribute (p <= {ALPHA:g} after Holm), "
        f"{row['half']} make half of all that is contributed, centred at relative depth {row['centre']:.2f}"
        for row in table.to_dict("records")
        if row["half"] is not None
    ]
    missing = f" Without heads: {', '.join(without)}." if without else ""
    rule = "Heads have no counterparts in another model, and are counted, not matched"
    return [f"{rule}: {'; '.join(each) or 'none contributes anything'}.{missing}"]
