"""A mixed model beside the paired test: random intercepts of items, crossed with those of anything else that texts share."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from depthscope.errors import DepthscopeError, listed, require

# texts: the time of a fit grows with their third power
MOST = 2000


@dataclass(frozen=True)
class Mixed:
    """The difference between two conditions with everything that texts share held random.

    Attributes
    ----------
    difference, low, high : float
        In the units of the measure, with a 95 % interval.
    t, df, p : float
        Of the difference; degrees of freedom are the levels of the smallest random factor less one, which is cautious.
    sds : mapping of name to float
        Standard deviation of each random intercept, and of what is left (``residual``).
    n : int
        Texts.
    converged : bool
        False: read none of it.
    """

    difference: float
    low: float
    high: float
    t: float
    df: int
    p: float
    sds: Mapping[str, float]
    n: int
    converged: bool


def mixed_model(
    texts: pd.DataFrame,
    a: str,
    b: str,
    *,
    crossed: Sequence[str] = (),
    layers: tuple[int, int] | None = None,
    measure: str = "cse",
) -> Mixed:
    """Fit ``measure ~ condition`` with a random intercept for every item and for every level of each crossed column, by REML.

    The paired test takes items to be independent. Where texts of different items share something (a carrier frame, a target
    word), they are not, and its p is too small. Here what is shared has a variance of its own. Without ``crossed``, if every
    item has one text in each condition and items differ, this is the paired t test.

    Parameters
    ----------
    texts : DataFrame
        One row per text and layer, as ``texts.csv`` of a run folder: ``item``, ``condition``, ``layer`` and ``measure``; rows
        with ``in_contrast`` False are left out.
    a, b : str
        Conditions; the difference is a - b.
    crossed : sequence of str
        Columns whose levels are random too, such as ``"frame"`` or ``"target"``.
    layers : (first, last), optional
        The measure is averaged over these, ends included; by default over all.

    Raises
    ------
    DepthscopeError
        Columns or conditions that are not there, a factor with fewer than two levels or one for each text, too many texts,
        or statsmodels missing.
    """
    one = _averaged(texts, (a, b), crossed, layers, measure)
    MixedLM = require("statsmodels.regression.mixed_linear_model", "mechanism").MixedLM
    from scipy import stats

    spread = float(one[measure].std()) or 1.0
    names = ["item", *crossed]
    data = pd.DataFrame({f"f{k}": pd.factorize(one[name])[0] for k, name in enumerate(names)})
    data["y"] = one[measure].to_numpy() / spread  # the search expects numbers near one
    data["side"] = np.where(one["condition"] == a, 0.5, -0.5)
    parts = {f"f{k}": f"0 + C(f{k})" for k in range(len(names))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a variance at its bound of 0, which is an answer
        fit = MixedLM.from_formula("y ~ side", data, groups=np.zeros(len(data)), vc_formula=parts, re_formula="0").fit()
    difference, error = float(fit.params["side"]) * spread, float(fit.bse["side"]) * spread
    df = min(one[name].nunique() for name in names) - 1
    half = float(stats.t.isf(0.025, df)) * error
    variances = dict(zip(names, fit.vcomp, strict=True)) | {"residual": fit.scale}
    return Mixed(
        difference,
        difference - half,
        difference + half,
        difference / error,
        df,
        float(2 * stats.t.sf(abs(difference / error), df)),
        {name: float(np.sqrt(max(value, 0.0))) * spread for name, value in variances.items()},
        len(one),
        bool(fit.converged),
    )


def _averaged(
    texts: pd.DataFrame,
    conditions: tuple[str, str],
    crossed: Sequence[str],
    layers: tuple[int, int] | None,
    measure: str,
) -> pd.DataFrame:
    """One row per text."""
    needed = ["item", "condition", "layer", measure, *crossed]
    missing = [name for name in needed if name not in texts]
    if missing:
        raise DepthscopeError(
            f"texts: no column {listed(missing)}; give the rows of texts.csv, and columns that it has"
        )
    used = texts[texts["condition"].isin(conditions)]
    if "in_contrast" in used:
        used = used[used["in_contrast"].astype(bool)]
    if layers is not None:
        used = used[used["layer"].between(*layers)]
    absent = [name for name in conditions if not (used["condition"] == name).any()]
    if absent:
        raise DepthscopeError(
            f"texts: no row of condition {listed(absent)} at these layers that a contrast tests; name others"
        )
    keys = list(dict.fromkeys(["item", *(["pair"] if "pair" in used else []), "condition", *crossed]))
    one = used.groupby(keys, dropna=False, sort=False)[measure].mean().reset_index()
    for name in ("item", *crossed):
        levels = one[name].nunique(dropna=False)
        if one[name].isna().any() or not 2 <= levels < len(one):
            raise DepthscopeError(
                f"texts: {name!r} has {levels} levels in {len(one)} texts, or gaps: a random factor has at least two levels, "
                "and texts that share one; leave it out"
            )
    if len(one) > MOST:
        raise DepthscopeError(
            f"texts: {len(one):,} texts, and a fit of more than {MOST:,} takes too long here: draw fewer items, or go on in R"
        )
    return one
