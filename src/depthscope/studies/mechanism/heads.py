"""Which heads a difference comes from: the numbers, and how they are told."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.errors import listed
from depthscope.statistics.effects import Effect
from depthscope.statistics.result import Contrast
from depthscope.words import ALPHA, p_text

TOLD = 3  # heads that are named
COLUMNS = ("difference", "low", "high", "t", "p", "p_holm", "p_bh", "dz", "dz_low", "dz_high")


@dataclass(frozen=True)
class HeadShares:
    """What every head contributes to the difference in CSE, averaged over the window.

    Attributes
    ----------
    contrast : Contrast
        Over ``layer``, the block of a head, and ``attention_head``. Heads have no neighbours, so its clusters mean nothing.
    without : DataArray (layer, attention_head)
        Mean difference in CSE when what the head writes is left out.
    relative : DataArray (layer, attention_head)
        Mean contribution to the difference in CSE relative to norms.
    sums : dict of Effect
        ``heads``, all of them together; ``rest``, of attention, that is of no head; ``mlp``.
    about : str
        Which modules add up the heads.
    """

    contrast: Contrast
    without: xr.DataArray
    relative: xr.DataArray
    sums: dict[str, Effect]
    about: str


def heads_table(h: HeadShares) -> pd.DataFrame:
    """``heads.csv``: one row per head, those with the largest contribution first."""
    table = h.contrast.table[list(COLUMNS)].assign(without=h.without, relative=h.relative)
    frame = table.to_dataframe().reset_index().dropna(subset=["difference"])
    frame = frame[["layer", "attention_head", *COLUMNS, "without", "relative"]].rename(
        columns={"attention_head": "head"}
    )
    frame.insert(2, "n", h.contrast.n)
    order = np.argsort(-frame["difference"].abs().to_numpy(), kind="stable")
    return frame.iloc[order].reset_index(drop=True)


def heads_words(h: HeadShares, whole: Effect) -> list[str]:
    """The heads that carry most of the difference ``whole``, and how many do."""
    frame = heads_table(h)
    sure = frame[frame["p_holm"] <= ALPHA]
    columns = (frame[name].head(TOLD).tolist() for name in ("layer", "head", "difference", "p_holm"))
    named = [
        f"layer {layer} head {head} {difference / whole.difference:+.0%} (corrected {p_text(p)})"
        for layer, head, difference, p in zip(*columns, strict=True)
    ]
    shares = {name: effect.difference / whole.difference for name, effect in h.sums.items()}
    count = f"{len(sure)} of {len(frame)} heads contribute (p <= {ALPHA:g}, corrected after Holm for all of them)"
    head = f"**{count}**" if len(sure) else f"**No single head is shown to contribute**: {count}"
    return [
        f"{head}; the largest contributions are {listed(named)}.",
        f"All heads together make up {shares['heads']:+.0%} of the difference, the MLPs {shares['mlp']:+.0%}, what attention "
        f"writes that is of no head {shares['rest']:+.0%}: each has half of what it has in common with the others.",
    ]
