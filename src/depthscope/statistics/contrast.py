"""The door of the stage: two conditions in, evidence out."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError
from depthscope.statistics.effects import cohens_dz, dz_interval, mean_interval
from depthscope.statistics.pairing import pair
from depthscope.statistics.permutation import ClusterTest, cluster_test

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Alternative = Literal["two-sided", "greater", "less"]
_TAILS: dict[str, int] = {"two-sided": 0, "greater": 1, "less": -1}


@dataclass(frozen=True)
class Cluster:
    """Neighbouring layers (or cells) that differ in the same direction.

    Attributes
    ----------
    first, last : int
        Layers it spans.
    mass : float
        Sum of t over its cells.
    p : float
        Family-wise: how often sign flips give a largest mass at least as great, anywhere.
    p_low, p_high : float
        95 % Monte-Carlo interval of p (equal to p if all flips were enumerated).
    peak_layer : int
        Layer of its largest |dz|.
    dz, dz_low, dz_high : float
        Cohen's dz there, with its 95 % bootstrap interval. The largest of several, so biased upward.
    cells : int
        Number of cells.
    periods : (low, high), optional
        Fourier periods it spans, if there are scales.
    """

    first: int
    last: int
    mass: float
    p: float
    p_low: float
    p_high: float
    peak_layer: int
    dz: float
    dz_low: float
    dz_high: float
    cells: int
    periods: tuple[float, float] | None = None


@dataclass(frozen=True)
class Contrast:
    """A paired contrast ``a - b``, per layer and over clusters. Returned by :func:`contrast`.

    Attributes
    ----------
    table : Dataset over layer, or (scale, layer)
        ``difference`` with 95 % interval ``low``, ``high``; ``t``; ``p`` (uncorrected); ``p_holm``; ``p_bh``
        (Benjamini-Hochberg); ``dz``, ``dz_low``, ``dz_high``; ``mean_a``, ``mean_b``.
    clusters : tuple of Cluster
        All of them, whatever their p, in order of depth.
    differences : DataArray (item, ...)
        ``a - b`` of each item.
    settings : dict
        Everything that was chosen: permutations, forming_p, threshold on t, alternative, seed, exact.
    incomplete, same_context : list of str
        Items left out, by reason.
    """

    a: str
    b: str
    measure: str
    table: xr.Dataset
    clusters: tuple[Cluster, ...]
    differences: xr.DataArray
    settings: dict[str, Any]
    incomplete: list[str] = field(default_factory=list)
    same_context: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.a} - {self.b}"

    @property
    def n(self) -> int:
        """Number of items tested."""
        return int(self.differences.sizes["item"])

    @property
    def spans(self) -> list[tuple[int, int, float, float]]:
        """First layer, last layer, p and sign of each cluster."""
        return [(c.first, c.last, c.p, float(np.sign(c.mass))) for c in self.clusters]

    @property
    def settings_text(self) -> str:
        """n, settings and seed, for the line below a figure."""
        s = self.settings
        flips = f"all {s['permutations']:,} sign flips" if s["exact"] else f"{s['permutations']:,} sign flips"
        return (
            f"n = {self.n} items; cluster mass, {flips}, forming p {s['forming_p']:g} (|t| > {s['threshold_t']:.2f}), "
            f"{s['alternative']}, seed {s['seed']}"
        )

    def significant(self, alpha: float = 0.05) -> list[Cluster]:
        return [cluster for cluster in self.clusters if cluster.p <= alpha]

    def to_dataframe(self) -> pd.DataFrame:
        """Tidy: one row per layer (and scale), with effect, interval, t, p and the cluster it belongs to."""
        frame = self.table.to_dataframe().reset_index()
        p_of = {number: cluster.p for number, cluster in enumerate(self.clusters, 1)}
        frame["cluster_p"] = frame["cluster"].map(p_of)
        frame.insert(0, "contrast", self.name)
        frame.insert(1, "n", self.n)
        return frame

    def clusters_dataframe(self) -> pd.DataFrame:
        """Tidy: one row per cluster."""
        columns = ["contrast", "n", *Cluster.__dataclass_fields__]
        rows = [{"contrast": self.name, "n": self.n, **vars(cluster)} for cluster in self.clusters]
        return pd.DataFrame(rows, columns=columns)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the difference by depth with its interval and clusters, or the map of dz; returns matplotlib axes."""
        if "scale" in self.table.dims:
            from depthscope.drawing.plane import draw_plane

            numbers = [i for i, cluster in enumerate(self.clusters, 1) if cluster.p <= 0.05]
            found = np.isin(self.table["cluster"].values, numbers)
            return draw_plane(self.table, found, self.name, self.settings_text, ax)
        from depthscope.drawing.difference import draw_difference

        return draw_difference(self.table, self.spans, self.name, self.settings_text, ax, self.measure.upper())

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.measure}, n = {self.n} items"]
        for c in self.clusters:
            lines.append(
                f"  layers {c.first}-{c.last}: mass {c.mass:.1f}, p = {c.p:.4f} [{c.p_low:.4f}, {c.p_high:.4f}], "
                f"dz {c.dz:+.2f} [{c.dz_low:+.2f}, {c.dz_high:+.2f}] at layer {c.peak_layer}"
            )
        return "\n".join(lines if self.clusters else [*lines, "  no cluster"])


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
    if alternative not in _TAILS:
        raise DepthscopeError(f"alternative={alternative!r}: choose one of {', '.join(_TAILS)}")
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
