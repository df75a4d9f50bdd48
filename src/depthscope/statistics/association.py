"""Whether measures of the same texts go together."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError
from depthscope.statistics.pairing import pair
from depthscope.statistics.terms import Terms

# resamples are ranked so many values at a time
BLOCK_VALUES = 2**21


def correlations(
    measures: Mapping[str, xr.DataArray],
    terms: Terms,
    window: tuple[int, int],
    *,
    include_same_context: bool = False,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Spearman's rho of every pair of measures, each averaged over a window of layers.

    Parameters
    ----------
    measures : name -> DataArray (item, condition, layer)
        On the same texts.
    terms : Terms
        The contrast.
    window : (first, last)
        Layers, both included. Layers at which a measure is missing for any text are left out of its mean.
    include_same_context : bool
        As in :func:`depthscope.contrast`.
    resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame, one row per pair of measures and ``over``
        ``a``, ``b``; ``over``: ``"differences"`` (the paired differences of items: do they change together from one condition
        to the other?) or ``"texts"`` (all texts, the mean of their condition removed: are they high for the same texts?);
        ``rho`` in [-1, 1]; ``low``, ``high`` its 95 % percentile interval over resampled items, which keeps the texts of an
        item together; ``n`` values, ``items``. NaN for a measure without spread or not measured in the window.

    Raises
    ------
    DepthscopeError
        No measures, or measures on different items.

    References
    ----------
    Bootstrap of rho: Bishara & Hittner (2017), Behav Res Meth 49:294.
    """
    if not measures:
        raise DepthscopeError("correlations need at least one measure")
    names = list(measures)
    rows: list[dict[str, object]] = []
    kept = [kept_texts(h, terms, include_same_context) for h in measures.values()]
    for h in kept[1:]:
        if list(h["item"].values) != list(kept[0]["item"].values):
            raise DepthscopeError("the measures are known for different items: give measures of the same trace")
    texts = np.stack([over_window(by_condition(h, terms), window) for h in kept], axis=-1)
    differences = [pair(h, terms, include_same_context).differences for h in kept]
    gaps = np.stack([over_window(h, window) for h in differences], axis=-1)
    centred = texts - texts.mean(0)
    for over, values in (("differences", gaps[:, None]), ("texts", centred)):
        rho, low, high = _bootstrap(values, resamples, seed)
        items, per_item = values.shape[:2]
        for i, j in combinations(range(len(names)), 2):
            estimate = {"rho": rho[i, j], "low": low[i, j], "high": high[i, j]}
            rows.append({"a": names[i], "b": names[j], "over": over, **estimate, "n": items * per_item, "items": items})
    return pd.DataFrame(rows, columns=["a", "b", "over", "rho", "low", "high", "n", "items"])


def kept_texts(h: xr.DataArray, terms: Terms, include_same_context: bool = False) -> xr.DataArray:
    """The texts that a contrast compares: its conditions, and the entries that :func:`pair` does not leave out."""
    paired = pair(h, terms, include_same_context)
    out = {*paired.incomplete, *(() if include_same_context else paired.same_context)}
    h = h.transpose("item", "condition", ...).sel(condition=terms.conditions)
    return h[[str(label) not in out for label in h["item"].values]]


def by_condition(h: xr.DataArray, terms: Terms) -> xr.DataArray:
    """Kept texts, the pairs of an item averaged: (item, condition, ...), with the items of :func:`pair`."""
    names = terms.conditions
    # whom a condition is paired with makes no difference to it: every kept text has all the others
    facing = zip(names, [*names[1:], names[0]], strict=True)
    sides = [pair(h, Terms((a,), (b,)), include_same_context=True).left for a, b in facing]
    together = xr.concat([side.assign_coords(condition=a) for a, side in zip(names, sides, strict=True)], "condition")
    return together.transpose("item", "condition", ...)


def over_window(h: xr.DataArray, window: tuple[int, int]) -> Float:
    """Mean over the layers of the window at which everything is measured: (item, ...); NaN if there is none."""
    layers = h["layer"].values
    values = np.moveaxis(h.values, h.dims.index("layer"), -1)[..., (layers >= window[0]) & (layers <= window[1])]
    present = np.isfinite(values).all(tuple(range(values.ndim - 1)))
    if not present.any():
        return np.full(values.shape[:-1], np.nan)
    means: Float = values[..., present].mean(-1)
    return means


def spearman(values: Float) -> Float:
    """Spearman's rho between all columns of ``values`` (..., n, k): (..., k, k); NaN for a column without spread."""
    ranks = stats.rankdata(values, axis=-2)
    ranks = np.where(np.isnan(values).any(-2, keepdims=True), 0.0, ranks)
    ranks = ranks - ranks.mean(-2, keepdims=True)
    length = np.sqrt((ranks**2).sum(-2, keepdims=True))
    unit = np.divide(ranks, length, out=np.full_like(ranks, np.nan), where=length > 0)
    rho: Float = (np.swapaxes(unit, -1, -2) @ unit).clip(-1, 1)
    return rho


def _bootstrap(values: Float, resamples: int, seed: int) -> tuple[Float, Float, Float]:
    """rho and its interval (k, k), from ``values`` (item, texts of an item, k); items are drawn whole."""
    items, _, k = values.shape
    observed = spearman(values.reshape(-1, k))
    generator = np.random.default_rng(seed)
    block = max(1, BLOCK_VALUES // values.size)
    drawn = []
    for start in range(0, resamples, block):
        rows = generator.integers(items, size=(min(block, resamples - start), items))
        drawn.append(spearman(values[rows].reshape(len(rows), -1, k)))
    everything = np.concatenate(drawn)
    low, high = np.full_like(observed, np.nan), np.full_like(observed, np.nan)
    sound = np.isfinite(observed)
    if sound.any():
        # a resample of few items may be without spread
        low[sound], high[sound] = np.nanquantile(everything[:, sound], (0.025, 0.975), axis=0)
    return observed, low, high
