"""The door of the stage: two conditions in, evidence out."""

from typing import Any, Literal

import numpy as np
import xarray as xr
from scipy import stats

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError, check_choice
from depthscope.statistics.effects import cohens_dz, dz_interval, mean_interval
from depthscope.statistics.pairing import pair
from depthscope.statistics.permutation import ClusterTest, cluster_test
from depthscope.statistics.result import Cluster, Contrast

Alternative = Literal["two-sided", "greater", "less"]
_TAILS: dict[str, int] = {"two-sided": 0, "greater": 1, "less": -1}


def contrast(
    h: xr.DataArray,
    a: str,
    b: str,
    *,
    permutations: int = 10_000,
    forming_p: float = 0.05,
    alternative: Alternative = "two-sided",
    seed: int = 0,
    resamples: int = 2000,
    include_same_context: bool = False,
) -> Contrast:
    """Paired contrast of two conditions over layers, or over scales and layers.

    Parameters
    ----------
    h : DataArray (item, condition, layer) or (item, condition, scale, layer)
        Any measure, e.g. from :func:`depthscope.cse` or :func:`depthscope.scalogram`.
    a, b : str
        Conditions; the effect is ``a - b``.
    permutations : int
        Random sign flips. All flips are enumerated if there are no more than this.
    forming_p : float
        Layers join a cluster where the uncorrected p of their t is below this (two-sided for a two-sided test).
    alternative : {"two-sided", "greater", "less"}
    seed : int
        Of the sign flips and of the bootstrap.
    resamples : int
        Bootstrap resamples for the intervals of dz.
    include_same_context : bool
        Keep pairs whose texts are the same up to the target; by default they are reported and left out.

    Returns
    -------
    Contrast
        ``.clusters``, ``.table``, ``.to_dataframe()``, ``.plot()``; n, settings and seed with them.

    Raises
    ------
    DepthscopeError
        Unknown condition, or fewer than two usable pairs.

    Notes
    -----
    Layers at which any item is missing are left out and separate clusters. Items with several pairs are averaged first.
    A cluster with a small p says that the conditions differ; its edges are not estimates of where.

    References
    ----------
    Maris & Oostenveld (2007), J Neurosci Meth 164:177.
    """
    check_choice("alternative", alternative, _TAILS)
    if permutations < 1 or not 0 < forming_p < 1:
        raise DepthscopeError("permutations must be at least 1, and forming_p between 0 and 1")
    if resamples < 1 or seed < 0:
        raise DepthscopeError("resamples must be at least 1, and the seed a whole number from 0")
    paired = pair(h, a, b, include_same_context)
    differences = paired.differences
    values: Float = differences.values.astype(np.float64)
    tail = _TAILS[alternative]
    test = cluster_test(values, permutations=permutations, forming_p=forming_p, tail=tail, seed=seed)
    table = _table(paired.a.values, paired.b.values, values, test, tail, resamples, seed)
    dims = tuple(str(d) for d in differences.dims[1:])
    coords = {name: c for name, c in differences.coords.items() if "item" not in c.dims}
    dataset = xr.Dataset({name: (dims, column) for name, column in table.items()}, coords)
    settings = {
        "permutations": len(test.null),
        "exact": test.exact,
        "forming_p": forming_p,
        "threshold_t": test.threshold,
        "alternative": alternative,
        "seed": seed,
        "resamples": resamples,
        "include_same_context": include_same_context,
    }
    return Contrast(
        a,
        b,
        str(h.name or "value"),
        dataset,
        tuple(_cluster(cells.where, cells.mass, test, dataset) for cells in test.clusters),
        differences,
        settings,
        paired.incomplete,
        paired.same_context,
    )


def _table(
    a: Float, b: Float, differences: Float, test: ClusterTest, tail: int, resamples: int, seed: int
) -> dict[str, Any]:
    present = np.isfinite(differences).all(0)
    degrees = len(differences) - 1
    t = np.where(present, test.t, np.nan)
    p = {0: 2 * stats.t.sf(np.abs(t), degrees), 1: stats.t.sf(t, degrees), -1: stats.t.cdf(t, degrees)}[tail]
    low, high = mean_interval(differences)
    dz_low, dz_high = (np.full(t.shape, np.nan) for _ in range(2))
    dz_low[present], dz_high[present] = dz_interval(differences[:, present], resamples=resamples, seed=seed)
    number = np.zeros(t.shape, dtype=np.int64)
    for i, cells in enumerate(test.clusters, 1):
        number[cells.where] = i
    return {
        "mean_a": a.mean(0),
        "mean_b": b.mean(0),
        "difference": differences.mean(0),
        "low": low,
        "high": high,
        "t": t,
        "p": p,
        "p_holm": _corrected(p, "holm"),
        "p_bh": _corrected(p, "fdr_bh"),
        "dz": np.where(present, cohens_dz(differences), np.nan),
        "dz_low": dz_low,
        "dz_high": dz_high,
        "cluster": number,
    }


def _corrected(p: Float, method: str) -> Float:
    from statsmodels.stats.multitest import multipletests

    corrected = np.full(p.shape, np.nan)
    known = np.isfinite(p)
    if known.any():
        corrected[known] = multipletests(p[known], method=method)[1]
    return corrected


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
