"""What is measured where there is nothing to find: expected values, and how often something is found all the same."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError
from depthscope.statistics.calibration import Rate
from depthscope.statistics.contrast import contrast
from depthscope.statistics.pairing import pair
from depthscope.statistics.permutation import TAILS, cluster_test
from depthscope.statistics.result import Cluster, Contrast
from depthscope.statistics.shares import Share, share_of


@dataclass(frozen=True)
class Null:
    """Measurements of several draws from which the thing in question is known to be absent.

    Attributes
    ----------
    name : str
    words : str
        What was kept and what was destroyed.
    expected : Dataset
        ``mean``, ``low``, ``high`` (condition, layer): mean over items, averaged over draws, and 95 % of the draws;
        ``difference``, ``difference_low``, ``difference_high`` (layer), too. With fewer than 40 draws the limits are
        the extremes.
    anywhere : Rate
        Draws in which the contrast has a cluster of family-wise p <= .05.
    there : Rate, optional
        Draws in which such a cluster overlaps that of the real contrast, in its direction, and the mean over the layers of the
        real one differs too (t test, p <= .05, same sign); None if the real contrast has no such cluster.
    reached : Rate, optional
        Draws in which that mean is at least as large as the real one.
    size : (mean, low, high), optional
        That mean as a share of the real one: averaged over draws, and 95 % of them.
    share : Share, optional
        How much of the real effect the null gives on average, with the interval over items and draws that decides what is said.
    excess : Contrast
        The same contrast on what is measured less what is expected, text by text: what the null does not explain.
    """

    name: str
    words: str
    expected: xr.Dataset
    anywhere: Rate
    there: Rate | None
    reached: Rate | None
    size: tuple[float, float, float] | None
    share: Share | None
    excess: Contrast


def against(
    draws: Iterable[xr.DataArray],
    h: xr.DataArray,
    real: Contrast,
    name: str,
    words: str,
    *,
    permutations: int = 1000,
    alpha: float = 0.05,
) -> Null:
    """Put the contrast ``real`` of ``h`` to measures ``(item, condition, layer)`` from a null, one per draw.

    Conditions, forming threshold and seed are those of ``real``; covariates are not adjusted for, and so items that miss one
    are kept.
    """
    s = real.settings
    h = h.sel(condition=real.terms.conditions).transpose("item", "condition", "layer")
    total = np.zeros(h.shape)
    tail = TAILS[s["alternative"]]
    main = real.strongest(alpha)
    means, gaps, anywhere, there, sizes, windows = [], [], [], [], [], []
    inside = None if main is None else ((real.table["layer"] >= main.first) & (real.table["layer"] <= main.last)).values
    for drawn in draws:
        drawn = drawn.reindex(item=h["item"], condition=h["condition"]).transpose("item", "condition", "layer")
        paired = pair(drawn, real.terms, s["include_same_context"])
        differences = paired.differences.transpose("item", "layer").values
        test = cluster_test(differences, permutations=permutations, forming_p=s["forming_p"], tail=tail, seed=s["seed"])
        found = [c for c in test.clusters if test.p_value(c.mass)[0] <= alpha]
        anywhere.append(bool(found))
        if main is not None and inside is not None:
            facing = any(c.mass * main.mass > 0 and (c.where & inside).any() for c in found)
            window = differences[:, inside & np.isfinite(differences).all(0)].mean(1)
            there.append(facing and window.mean() * main.mass > 0 and stats.ttest_1samp(window, 0).pvalue <= alpha)
            sizes.append(float(window.mean()))
            windows.append(pd.Series(window, paired.differences["item"].values))
        total += drawn.values
        means.append(drawn.mean("item").values)
        gaps.append(differences.mean(0))
    if not means:
        raise DepthscopeError(f"null {name!r}: no draws")
    observed = float("nan") if main is None else float(real.table["difference"].values[inside].mean())
    shares = np.array(sizes) / observed
    low, high = _range(shares) if main is not None else (np.nan, np.nan)
    return Null(
        name,
        words,
        _expected(np.stack(means), np.stack(gaps), h),
        Rate(sum(anywhere), len(anywhere)),
        Rate(sum(map(bool, there)), len(there)) if main is not None else None,
        # a draw that equals the real thing reaches it, whatever the order of the sums
        Rate(int((shares >= 1 - 1e-9).sum()), len(shares)) if main is not None else None,
        (float(shares.mean()), float(low), float(high)) if main is not None else None,
        _share(windows, real, main) if main is not None else None,
        contrast(
            h.copy(data=h.values - total / len(means)),
            real.terms,
            **real.tested_by,
            include_same_context=s["include_same_context"],
        ),
    )


def _share(windows: list[pd.Series], real: Contrast, main: Cluster) -> Share:
    """Of the items that every draw has, the mean over the layers of ``main``."""
    whole = real.over_items(main.first, main.last)
    drawn = pd.concat(windows, axis=1, join="inner").reindex(whole.index).dropna()
    return share_of(drawn.to_numpy().T, whole.loc[drawn.index].to_numpy(), seed=real.settings["seed"])


def _range(draws: Float) -> tuple[Any, Any]:
    """Where 95 % of the draws lie, along the first axis; all of them if they are few."""
    low, high = np.quantile(draws, (0.025, 0.975) if len(draws) >= 40 else (0.0, 1.0), axis=0)
    return low, high


def _expected(means: Float, gaps: Float, like: xr.DataArray) -> xr.Dataset:
    low, high = _range(means)
    gap_low, gap_high = _range(gaps)
    over = ("condition", "layer")
    coords = {name: c for name, c in like.coords.items() if set(c.dims) <= set(over)}
    return xr.Dataset(
        {
            "mean": (over, means.mean(0)),
            "low": (over, low),
            "high": (over, high),
            "difference": ("layer", gaps.mean(0)),
            "difference_low": ("layer", gap_low),
            "difference_high": ("layer", gap_high),
        },
        coords,
    )
