"""The entrance of the package: two conditions in, evidence out."""

import warnings
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import xarray as xr
from scipy import stats

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError, DepthscopeWarning, check_choice, check_flag
from depthscope.statistics.bootstrap import dz_interval
from depthscope.statistics.design import Design, design
from depthscope.statistics.effects import equivalence, holm, noncentral_interval
from depthscope.statistics.pairing import pair
from depthscope.statistics.permutation import INFERENCES, TAILS, ClusterTest, Inference, cluster_test
from depthscope.statistics.result import Cluster, Contrast
from depthscope.statistics.terms import Terms, parse_terms

Alternative = Literal["two-sided", "greater", "less"]


# every option of contrast() with its default
OPTIONS: dict[str, Any] = {
    "adjust": (),
    "splines": 0,
    "permutations": 10_000,
    "forming_p": 0.05,
    "alternative": "two-sided",
    "bound": 0.2,
    "seed": 0,
    "resamples": 2000,
    "include_same_context": False,
    "inference": "flips",
}


def contrast(
    h: xr.DataArray,
    a: str | Terms,
    b: str | None = None,
    *,
    adjust: Sequence[str] = (),
    splines: int = 0,
    permutations: int = 10_000,
    forming_p: float = 0.05,
    alternative: Alternative = "two-sided",
    bound: float = 0.2,
    seed: int = 0,
    resamples: int = 2000,
    include_same_context: bool = False,
    inference: Inference = "flips",
) -> Contrast:
    """Paired contrast of two conditions over layers, or over scales and layers.

    Parameters
    ----------
    h : DataArray (item, condition, layer) or (item, condition, scale, layer)
        Any measure, e.g. from :func:`depthscope.cse` or :func:`depthscope.scalogram`.
    a, b : str
        Conditions; the effect is ``a - b``. Or one text, ``"a-b"`` or a difference of differences ``"(a-b)-(c-d)"``. With
        a shared baseline, ``(a-b)-(c-b)``, the baseline cancels item by item, and what is tested is ``a - c``.
    adjust : sequence of str
        Covariates to hold equal: numeric coordinates of ``h`` over item and condition (``surprisal``,
        ``log_frequency``, ``n_subtokens``, any column of the stimuli). Effects are then those at no difference in them.
    splines : int
        Let the dependence on them be curved: knots of the natural cubic splines of their levels, 3 or more; 0: straight lines.
        Fewer are taken where the items are fewer than five for each column.
    permutations : int
        Random sign flips. All flips are enumerated if there are no more than this.
    forming_p : float
        Layers join a cluster where the uncorrected p of their t is below this (two-sided for a two-sided test).
    alternative : {"two-sided", "greater", "less"}
    bound : float
        Equivalence: the smallest |dz| that would matter. ``p_equivalence`` tests that the effect is smaller.
    seed : int
        Of the sign flips and of the bootstrap.
    resamples : int
        Bootstrap resamples for the intervals of dz (with ``adjust`` they come from the noncentral t instead).
    include_same_context : bool
        Keep pairs whose texts are the same up to the target; by default they are reported and left out.
    inference : {"flips", "bootstrap"}
        Of p of clusters, of p of a mean over layers and of ``p_equivalence``. Sign flips take differences to be symmetric
        about 0, equivalence takes them to be normal; a studentised bootstrap of the items takes neither, and finds less with
        ten items or fewer and with heavy tails. It draws ``permutations`` times, and ``resamples`` times for equivalence.

    Returns
    -------
    Contrast
        ``.clusters``, ``.table``, ``.to_dataframe()``, ``.plot()``; n, settings and seed with them.

    Raises
    ------
    DepthscopeError
        Unknown condition or covariate, fewer than two usable pairs, covariates that no effect can be told from; conditions of
        one name, layers that are no whole numbers in ascending order, an array of no real numbers.

    Warns
    -----
    DepthscopeWarning
        A covariate is the same on both sides of every item, so that adjusting for it changes nothing.

    Notes
    -----
    A layer that more than a tenth of the items lack is left out, and separates clusters; items that lack any other layer are
    left out (``partial``, ``thin_layers``). Items with several pairs are averaged first.
    A cluster with a small p says that the conditions differ; its edges are not estimates of where. Covariates enter as
    differences between the conditions: ``d_i = effect + x_i' g + e_i``, tested after Freedman & Lane.

    References
    ----------
    Maris & Oostenveld (2007), J Neurosci Meth 164:177. Freedman & Lane (1983), J Bus Econ Stat 1:292.
    """
    check_choice("alternative", alternative, TAILS)
    check_choice("inference", inference, INFERENCES)
    check_flag("include_same_context", include_same_context, "keep them")
    adjust = _names(adjust)
    for name, value, kind in (
        *(("permutations", permutations, Integral), ("resamples", resamples, Integral), ("seed", seed, Integral)),
        ("splines", splines, Integral),
        *(("forming_p", forming_p, Real), ("bound", bound, Real)),
    ):
        if isinstance(value, bool) or not isinstance(value, kind):
            raise DepthscopeError(f"{name}={value!r}: give a {'whole ' if kind is Integral else ''}number")
    if permutations < 1 or not 0 < forming_p < 1:
        raise DepthscopeError("permutations must be at least 1, and forming_p between 0 and 1")
    if resamples < 1 or seed < 0:
        raise DepthscopeError("resamples must be at least 1, and the seed a whole number from 0")
    if not bound > 0:
        raise DepthscopeError(f"bound={bound:g}: equivalence needs a bound on dz above 0, e.g. 0.2")
    if splines and splines < 3:
        raise DepthscopeError(f"splines={splines}: give 3 knots or more, or 0 for straight lines")
    terms = _terms(h, a, b)
    paired = pair(h, terms, include_same_context, adjust, splines)
    _warn_of_constants(paired.covariates)
    differences = paired.differences
    values: Float = differences.values.astype(np.float64)
    tail = TAILS[alternative]
    gaps = paired.covariates.values
    model = design(len(values), gaps)
    test = cluster_test(
        values,
        covariates=gaps,
        permutations=permutations,
        forming_p=forming_p,
        tail=tail,
        seed=seed,
        inference=inference,
    )
    means = {"mean_a": paired.left.values.mean(0), "mean_b": paired.right.values.mean(0)}
    table = {**means, **_table(values, model, test, tail, bound, resamples, seed, inference)}
    dims = tuple(str(d) for d in differences.dims[1:])
    coords = {name: c for name, c in differences.coords.items() if "item" not in c.dims}
    dataset = xr.Dataset({name: (dims, column) for name, column in table.items()}, coords)
    settings = {
        "permutations": len(test.null),
        "exact": test.exact,
        "forming_p": forming_p,
        "threshold_t": test.threshold,
        "alternative": alternative,
        "bound": bound,
        "seed": seed,
        "resamples": resamples,
        "include_same_context": include_same_context,
        "adjust": list(adjust),
        "splines": int(splines),
        "inference": inference,
    }
    return Contrast(
        terms,
        str(h.name or "value"),
        dataset,
        tuple(_cluster(cells.where, cells.mass, test, dataset) for cells in test.clusters),
        differences,
        paired.covariates,
        settings,
        paired.incomplete,
        paired.same_context,
        paired.uncovered,
        paired.partial,
        paired.thin_layers,
    )


def against_zero(differences: xr.DataArray, what: str, **options: Any) -> Contrast:
    """The same test of differences that are there already: is the mean of ``what`` other than 0?

    Parameters
    ----------
    differences : DataArray (item, ...)
        Over layer, or scale and layer; ``group`` (item) says which entries belong to one item.
    what : str
        Their name.
    **options
        Those of :func:`contrast`.
    """
    both = xr.concat([differences, xr.zeros_like(differences).where(differences.notnull())], "condition")
    return contrast(both.assign_coords(condition=[what, "0"]).rename(what), what, "0", **options)


def _names(adjust: Any) -> list[str]:
    """Names of covariates; one name is not its letters."""
    one = isinstance(adjust, str)
    names = [adjust] if one else list(adjust) if isinstance(adjust, Iterable) else [] if adjust is None else [adjust]
    if not all(isinstance(name, str) for name in names):
        raise DepthscopeError(f"adjust={adjust!r}: give names of covariates, as a list")
    return names


def _warn_of_constants(gaps: xr.DataArray) -> None:
    """A covariate that is the same in all that is compared is adjusted for in name alone."""
    same = [str(name) for name, column in zip(gaps["covariate"].values, gaps.values.T, strict=True) if not column.any()]
    if same:
        warnings.warn(
            f"adjust={same[0]!r} changes nothing: in every item it is the same on both sides",
            DepthscopeWarning,
            stacklevel=3,
        )


def _terms(h: xr.DataArray, a: str | Terms, b: str | None) -> Terms:
    if isinstance(a, Terms):
        return a
    for name in (a, b):
        if not isinstance(name, str | Integral | None):
            raise DepthscopeError(f"a contrast of {name!r}: give names of conditions")
    if b is not None:
        return Terms((str(a),), (str(b),))
    if not isinstance(h, xr.DataArray) or "condition" not in h.dims:
        raise DepthscopeError("a contrast needs an array with dimensions item and condition, and names of conditions")
    return parse_terms(a, [str(c) for c in h["condition"].values])


def _table(
    differences: Float,
    model: Design,
    test: ClusterTest,
    tail: int,
    bound: float,
    resamples: int,
    seed: int,
    inference: Inference,
) -> dict[str, Any]:
    present = np.isfinite(differences).all(0)

    def everywhere(values: Float) -> Float:
        filled = np.full(present.shape, np.nan)
        filled[present] = values
        return filled

    kept = differences[:, present]
    effect, sigma = model.fit(kept)
    half = stats.t.isf(0.025, model.degrees) * sigma / model.leverage
    t = test.t[present]
    p = {
        0: 2 * stats.t.sf(np.abs(t), model.degrees),
        1: stats.t.sf(t, model.degrees),
        -1: stats.t.cdf(t, model.degrees),
    }
    if model.basis.shape[1] == 1:
        dz_low, dz_high = dz_interval(kept, resamples=resamples, seed=seed)
    else:
        dz_low, dz_high = noncentral_interval(t, model.degrees, model.leverage)
    number = np.zeros(present.shape, dtype=np.int64)
    for i, cells in enumerate(test.clusters, 1):
        number[cells.where] = i
    return {
        "difference": everywhere(effect),
        "low": everywhere(effect - half),
        "high": everywhere(effect + half),
        "t": everywhere(t),
        "p": everywhere(p[tail]),
        "p_holm": everywhere(holm(p[tail])),
        "p_bh": everywhere(stats.false_discovery_control(p[tail]) if p[tail].size else p[tail]),
        # without a spread but that of rounding, as t has it: the same whatever the unit
        "dz": everywhere(
            np.where(sigma > 1e-13 * np.abs(effect), effect / np.where(sigma > 0, sigma, 1), t / model.leverage)
        ),
        "dz_low": everywhere(dz_low),
        "dz_high": everywhere(dz_high),
        "p_equivalence": everywhere(equivalence(kept, t, model, bound, inference, resamples=resamples, seed=seed)),
        "cluster": number,
    }


def _cluster(where: np.ndarray[Any, Any], mass: float, test: ClusterTest, table: xr.Dataset) -> Cluster:
    p, p_low, p_high = test.p_value(mass)
    dims = table["t"].dims
    layer_axis = dims.index("layer") if "layer" in dims else where.ndim - 1
    layers = table["layer"].values if "layer" in table.coords else np.arange(1, where.shape[layer_axis] + 1)
    spans = np.flatnonzero(where.any(tuple(i for i in range(where.ndim) if i != layer_axis)))
    peak = np.unravel_index(int(np.argmax(np.where(where, np.abs(table["dz"].values), -1))), where.shape)
    periods = None
    if "period" in table.coords:
        covered = table["period"].values[where.any(layer_axis)]
        periods = (float(covered.min()), float(covered.max()))
    dz, dz_low, dz_high = (float(table[name].values[peak]) for name in ("dz", "dz_low", "dz_high"))
    return Cluster(
        first=int(layers[spans[0]]),
        last=int(layers[spans[-1]]),
        mass=mass,
        p=p,
        p_low=p_low,
        p_high=p_high,
        peak_layer=int(layers[peak[layer_axis]]),
        dz=dz,
        dz_low=dz_low,
        dz_high=dz_high,
        cells=int(where.sum()),
        periods=periods,
    )
