"""A mixed model beside the paired test: random intercepts of items, crossed with those of anything else that texts share."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from depthscope.errors import DepthscopeError, listed, require
from depthscope.statistics.units import in_own_units

# texts: the time of a fit grows with their third power
MOST = 2000
# of the residual's standard deviation: one that is smaller is 0, as near as the search comes
NOTHING = 1e-3


@dataclass(frozen=True)
class Mixed:
    """The difference between two conditions with everything that texts share held random.

    Attributes
    ----------
    difference, error, low, high : float
        In the units of the measure, with its standard error and a 95 % interval.
    t, df, p : float
        Of the difference; degrees of freedom are those of the random factor that leaves fewest: its levels less one, less two
        if each is in one condition only. That is cautious.
    sds : mapping of name to float
        Standard deviation of each random intercept, and of what is left (``residual``).
    levels : mapping of name to int
        Levels of each random factor.
    n : int
        Texts.
    converged : bool
        False: read none of it.
    """

    difference: float
    error: float
    low: float
    high: float
    t: float
    df: int
    p: float
    sds: Mapping[str, float]
    levels: Mapping[str, int]
    n: int
    converged: bool

    @property
    def name(self) -> str:
        """What it holds random, ``item + frame``."""
        return " + ".join(self.levels)

    @property
    def crossed(self) -> list[str]:
        """Random factors beside those that tell items apart."""
        return [name for name in self.levels if name.partition(":")[0] != "item"]

    @property
    def singular(self) -> list[str]:
        """Random factors whose variance is estimated as 0, the smallest there can be."""
        return [name for name in self.levels if self.sds[name] < NOTHING * self.sds["residual"]]


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
    word), they are not, and its p is too small. Here what is shared has a variance of its own. What is in both conditions
    and has several texts in one may change the difference as well as the level: it has a second intercept for each condition
    (``frame:condition``; Barr et al. 2013). Without ``crossed``, if every item has one text in each condition and items
    differ, this is the paired t test.

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
        Columns or conditions that are not there, a factor with fewer than two levels or one for each text, one that says what
        the condition says or another factor does, a measure that is the same in all texts, too many texts, or statsmodels
        missing.
    """
    names = list(dict.fromkeys(["item", *crossed]))
    one = _averaged(texts, (a, b), names[1:], layers, measure)
    check_factors(one, names)
    if len(one) > MOST:
        raise DepthscopeError(
            f"texts: {len(one):,} texts, and a fit of more than {MOST:,} takes too long here: draw fewer items, or go on in R"
        )
    unknown = int((~np.isfinite(one[measure].to_numpy(dtype=np.float64))).sum())
    if unknown:
        raise DepthscopeError(f"texts: {measure} is no finite number in {unknown} of {len(one)} texts; leave these out")
    scaled, power = in_own_units(one[measure].dropna().to_numpy(dtype=np.float64))
    spread = float(np.ldexp(scaled.std(ddof=1), power))
    if not spread > 0:
        raise DepthscopeError(f"texts: {measure} is the same in all {len(one)} texts: there is nothing to tell apart")
    MixedLM = require("statsmodels.regression.mixed_linear_model", "mechanism").MixedLM
    from scipy import stats

    factors = _factors(one, names)
    data = pd.DataFrame({f"f{k}": codes for k, codes in enumerate(factors.values())})
    data["y"] = one[measure].to_numpy() / spread  # the search expects numbers near one
    data["side"] = np.where(one["condition"] == a, 0.5, -0.5)
    # nothing but items: a group of texts for each, which is quicker than one group of all
    alone = len(factors) == 1
    groups = data["f0"] if alone else np.zeros(len(data))
    parts = {name: "1" if alone else f"0 + C({name})" for name in data if str(name).startswith("f")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a variance at its bound of 0, which is an answer
        model = MixedLM.from_formula("y ~ side", data, groups=groups, vc_formula=parts, re_formula="0")
        try:
            # methods that follow the gradient stop short of a variance of 0, and call that converged
            fit = model.fit(method="powell")
        except (np.linalg.LinAlgError, ArithmeticError):
            raise DepthscopeError(
                f"texts: what {listed(names)} share cannot be told apart (a singular matrix); leave one of them out"
            ) from None
    difference, error = float(fit.params["side"]) * spread, float(fit.bse["side"]) * spread
    df = min(_degrees(one, name) for name in names)
    half = float(stats.t.isf(0.025, df)) * error
    variances = dict(zip(factors, fit.vcomp, strict=True)) | {"residual": fit.scale}
    return Mixed(
        difference,
        error,
        difference - half,
        difference + half,
        difference / error,
        df,
        float(2 * stats.t.sf(abs(difference / error), df)),
        {name: float(np.sqrt(max(value, 0.0))) * spread for name, value in variances.items()},
        {name: int(codes.max()) + 1 for name, codes in factors.items()},
        len(one),
        bool(fit.converged) and bool(np.isfinite([difference, error]).all()),
    )


def check_factors(texts: pd.DataFrame, names: Iterable[str]) -> None:
    """Refuse columns that cannot be random factors; ``texts`` has a row for each text of two conditions."""
    seen: dict[str, NDArray[np.intp]] = {}
    for name in names:
        column = texts[name].mask(texts[name].astype(object) == "")
        levels, rule = (
            column.nunique(),
            "a random factor has at least two levels, and texts that share one; leave it out",
        )
        if column.isna().any() or not 2 <= levels < len(texts):
            raise DepthscopeError(f"texts: {name!r} has {levels} levels in {len(texts)} texts, or gaps: {rule}")
        if _degrees(texts, name) < 1:
            raise DepthscopeError(
                f"texts: {name!r} has one level in each condition: what it does cannot be told from what the condition does; "
                "leave it out"
            )
        codes = pd.factorize(column)[0]
        same = next((other for other, known in seen.items() if np.array_equal(codes, known)), None)
        if same is not None:
            raise DepthscopeError(
                f"texts: {name!r} says of every text what {same!r} says: what is shared has one name; leave one of them out"
            )
        seen[name] = codes


def _degrees(texts: pd.DataFrame, name: str) -> int:
    """Of freedom that a factor leaves for the difference: levels that are in one condition only have two means to spend."""
    conditions = texts.groupby(name)["condition"].nunique()
    return len(conditions) - (1 if (conditions > 1).any() else 2)


def _factors(texts: pd.DataFrame, names: Sequence[str]) -> dict[str, NDArray[np.intp]]:
    """Which level each text has of every factor; of those that may change the difference, once more in each condition."""
    found = {name: pd.factorize(texts[name])[0] for name in names}
    for name in names:
        within = texts.groupby([name, "condition"], sort=False).ngroup().to_numpy()
        within = pd.factorize(within)[0]
        cells, levels = within.max() + 1, found[name].max() + 1
        told = any(np.array_equal(within, codes) for codes in found.values())
        if levels < cells < len(texts) and not told:
            found[f"{name}:condition"] = within
    return found


def _averaged(
    texts: pd.DataFrame,
    conditions: tuple[str, str],
    crossed: Sequence[str],
    layers: tuple[int, int] | None,
    measure: str,
) -> pd.DataFrame:
    """One row per text."""
    missing = [name for name in ["item", "condition", "layer", measure, *crossed] if name not in texts]
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
    if not pd.api.types.is_numeric_dtype(used[measure]):
        raise DepthscopeError(f"texts: {measure} is not a column of numbers; name another measure")
    return used.groupby(keys, dropna=False, sort=False)[measure].mean().reset_index()
