"""Covariates by condition: how far apart they are, and a subset of items in which they are not."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.statistics.pairing import pair
from depthscope.statistics.terms import Terms
from depthscope.statistics.units import in_own_units
from depthscope.summaries import mean_interval

# standardised mean differences below this count as balanced (Austin 2009, Stat Med 28:3083)
TOLERANCE = 0.1


def describe_covariates(h: xr.DataArray, names: Sequence[str]) -> pd.DataFrame:
    """``n``, ``mean``, ``sd``, ``min``, quartiles and ``max`` of each covariate in each condition: tidy, one row each."""
    rows = []
    measured = (
        h.notnull().any([dim for dim in h.dims if dim not in ("item", "condition")]).transpose("item", "condition")
    )
    for name in names:
        values = h[name].transpose("item", "condition")
        for condition in values["condition"].values:
            column = values.sel(condition=condition).values.astype(np.float64)
            column = column[np.isfinite(column) & measured.sel(condition=condition).values]
            if column.size == 0:
                continue
            low, first, median, third, high = np.quantile(column, (0, 0.25, 0.5, 0.75, 1))
            scaled, power = in_own_units(column)
            rows.append(
                {
                    "covariate": name,
                    "condition": str(condition),
                    "n": column.size,
                    "mean": np.ldexp(scaled.mean(), power),
                    "sd": np.ldexp(scaled.std(ddof=1), power) if column.size > 1 else np.nan,
                    "min": low,
                    "q25": first,
                    "median": median,
                    "q75": third,
                    "max": high,
                }
            )
    return pd.DataFrame(rows)


def imbalance(h: xr.DataArray, terms: Terms, names: Sequence[str], items: Sequence[str] | None = None) -> pd.DataFrame:
    """How far each covariate differs between the sides of a contrast: tidy, one row each.

    ``difference`` is the mean of the paired differences, ``low`` and ``high`` its 95 % interval; ``smd`` is the difference
    in units of the covariate's standard deviation over all its items and conditions, which a subset (``items``) keeps;
    ``overlap`` is the share of items on the rarer side of no difference, both sides having those without one: near 0, an effect
    "at no difference" is an extrapolation.
    """
    paired, spread = _gaps(h, terms, names)
    kept = np.ones(len(paired[0]), dtype=bool) if items is None else np.isin(paired[0], list(items))
    gaps = paired[1][kept]
    scaled, powers = in_own_units(gaps)
    low, high = (np.ldexp(end, powers) for end in mean_interval(scaled))
    return pd.DataFrame(
        {
            "contrast": terms.name,
            "covariate": list(names),
            "n": len(gaps),
            "difference": gaps.mean(0),
            "low": low,
            "high": high,
            "smd": _standardised(gaps, spread),
            "overlap": np.minimum((gaps >= 0).mean(0), (gaps <= 0).mean(0)),
        }
    )


def matched_items(h: xr.DataArray, terms: Terms, names: Sequence[str], tolerance: float = TOLERANCE) -> list[str]:
    """Items among which the covariates ``names`` are balanced between the sides of a contrast.

    The rule looks at covariates only, never at what is measured: as long as the largest |standardised mean difference|
    exceeds ``tolerance``, the item goes whose removal lowers it most. Deterministic. May leave few items, or none.
    """
    (labels, gaps), spread = _gaps(h, terms, names)
    kept = balanced_subset(gaps / spread, tolerance)
    return [str(label) for label in labels[kept]]


def balanced_subset(gaps: Float, tolerance: float = TOLERANCE) -> NDArray[np.intp]:
    """Rows of standardised differences ``gaps`` (item, k) whose means are all within ``tolerance`` of 0."""
    kept = np.arange(len(gaps))
    total = gaps.sum(0)
    while len(kept) and np.abs(total / len(kept)).max(initial=0.0) > tolerance:
        left = np.abs(total - gaps[kept]).max(1) / max(len(kept) - 1, 1)
        worst = int(np.argmin(left))
        total = total - gaps[kept[worst]]
        kept = np.delete(kept, worst)
    return kept


def _gaps(h: xr.DataArray, terms: Terms, names: Sequence[str]) -> tuple[tuple[NDArray[np.object_], Float], Float]:
    """Labels and paired differences of the covariates, and their spread over items and conditions."""
    paired = pair(h, terms, covariates=names)
    spread = np.array([_spread(h[name].sel(condition=terms.conditions).values.astype(np.float64)) for name in names])
    labels = paired.differences["item"].values.astype(object)
    return (labels, paired.covariates.values), np.where(spread > 0, spread, 1.0)


def _spread(values: Float) -> float:
    """Standard deviation of what is known."""
    scaled, power = in_own_units(values[np.isfinite(values)])
    return float(np.ldexp(scaled.std(), power)) if scaled.size else 0.0


def _standardised(gaps: Float, spread: Float) -> Float:
    smd: Float = gaps.mean(0) / spread
    return smd
