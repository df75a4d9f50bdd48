"""One contrast in many models: aligned by relative depth, one effect for each model, and what they are together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite, nan
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError
from depthscope.statistics.alignment import align, depth_grid, layers_between
from depthscope.statistics.bootstrap import dz_interval
from depthscope.statistics.contrast import contrast
from depthscope.statistics.design import design
from depthscope.statistics.effects import Effect, noncentral_interval
from depthscope.statistics.meta import Pooled, hedges, joint_interval, mean_of_models, pool, shared_errors
from depthscope.statistics.result import Contrast
from depthscope.statistics.terms import Terms


@dataclass(frozen=True)
class Source:
    """What a finished run gives to a comparison.

    Attributes
    ----------
    label, model, folder : str
        The name that it has here, the model as it was asked for, where the run is.
    contrast : Contrast
    depths : array (layer,)
        Relative depth of each layer.
    texts : mapping
        By item, something that is the same if the item is made of the same texts and targets.
    mechanism : DataFrame, optional
        Effects that the run itself found, a row each: ``key``, ``n``, ``dz``.
    heads : DataFrame, optional
        What each attention head of the model contributes.
    beside : mapping
        The same contrast of other quantities, by name.
    """

    label: str
    model: str
    folder: str
    contrast: Contrast
    depths: Float
    texts: Mapping[str, object]
    mechanism: pd.DataFrame | None = None
    heads: pd.DataFrame | None = None
    beside: Mapping[str, Contrast] = field(default_factory=dict)


@dataclass(frozen=True)
class Ranged:
    """One quantity of one model over the range of depth: its effect, dz corrected for bias, and the sampling variance."""

    effect: Effect
    g: float
    variance: float


@dataclass(frozen=True)
class Measured:
    """One model in a comparison.

    Attributes
    ----------
    window : (first, last)
        Its layers in the range of relative depth; last < first if it has none there.
    effect : Effect
        Of the mean over those of them that were measured; NaN without any.
    g, variance : float
        Its dz, corrected for bias, and the sampling variance.
    curve : Dataset over relative_depth
        ``dz``, ``dz_low``, ``dz_high``, ``g``, ``variance`` on the grid.
    aligned : array (item, points)
        Each item's difference there.
    beside : dict of Ranged
        The same layers, of the other quantities.
    """

    source: Source
    window: tuple[int, int]
    effect: Effect
    g: float
    variance: float
    curve: xr.Dataset
    aligned: Float
    beside: dict[str, Ranged] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return self.source.label

    @property
    def main(self) -> Contrast:
        return self.source.contrast

    @property
    def depth(self) -> int:
        """Number of layers of the network."""
        return round(float(self.main.table["layer"].values[-1]) / float(self.source.depths[-1]))

    @property
    def measured(self) -> list[int]:
        """Layers of the window that were measured."""
        return measured_inside(self.main, self.window)

    def means(self, items: Sequence[str]) -> Float:
        """Mean difference of each of the items over the window: (item,)."""
        values = self.main.differences.sel(item=list(items), layer=self.measured)
        return values.transpose("item", "layer").values.mean(1) if self.measured else np.full(len(items), nan)


@dataclass(frozen=True)
class Joint:
    """New items in these models: all statistics keep together what an item is in all models.

    ``items`` are those that all models have read; ``mean``, ``low`` and ``high`` are of the range of depth, ``curve`` has the
    same over relative depth; ``test`` is the cluster test of the mean over the models; ``correlation`` is the mean
    correlation between models of the items' differences in the range.
    """

    items: list[str]
    mean: float
    low: float
    high: float
    curve: xr.Dataset
    test: Contrast
    correlation: float


@dataclass(frozen=True)
class MetaAnalysis:
    """One contrast in many models.

    Attributes
    ----------
    name : str
        The contrast.
    depth : (low, high)
        Range of relative depth of the one number per model.
    models : tuple of Measured
        In the order given.
    pooled : Pooled
        The range effects, meta-analysed: new models like these.
    curve : Dataset over relative_depth
        The fields of :class:`~depthscope.statistics.meta.Pooled` at each point of the grid.
    joint : Joint, optional
        New items, these models. None if ``adjusted``, or if fewer than two items are ``shared``.
    beside : dict of Pooled
        The other quantities that two models or more have, over the same range, pooled likewise.
    mechanism : dict of Pooled
        By key of the runs' mechanisms, the pooled dz of those in two models or more.
    """

    name: str
    depth: tuple[float, float]
    models: tuple[Measured, ...]
    pooled: Pooled
    curve: xr.Dataset
    joint: Joint | None
    beside: dict[str, Pooled] = field(default_factory=dict)
    mechanism: dict[str, Pooled] = field(default_factory=dict)

    @property
    def grid(self) -> Float:
        return np.asarray(self.curve["relative_depth"].values, dtype=np.float64)

    @property
    def asked(self) -> list[Measured]:
        """Models that have a measured layer in the range."""
        return [m for m in self.models if isfinite(m.effect.dz)]

    @property
    def adjusted(self) -> bool:
        """Whether covariates are held equal in any model: those of an item differ from model to model."""
        return any(m.main.settings["adjust"] for m in self.models)

    @property
    def shared(self) -> list[str]:
        """Items that are the same texts in all models."""
        return shared_items([m.source for m in self.models])

    def to_dataframe(self) -> pd.DataFrame:
        """One row per model: ``models.csv``."""
        return pd.DataFrame([_model_row(m) for m in self.models])

    @cached_property
    def depths(self) -> pd.DataFrame:
        """Tidy: models, then the pooled curve, by relative depth: ``depths.csv``."""
        frames = [_curve_rows("model", m.label, m.curve, n=m.main.n) for m in self.models]
        frames.append(_curve_rows("pooled", "pooled", self.curve))
        if self.joint is not None:
            frames.append(_curve_rows("mean of these models", "mean", self.joint.curve, n=len(self.joint.items)))
        return pd.concat(frames, ignore_index=True)


def compare_contrasts(
    sources: Sequence[Source], depth: tuple[float, float], points: int = 20, *, order: Sequence[str] = ()
) -> MetaAnalysis:
    """Align, summarise and pool the contrasts of several runs.

    Parameters
    ----------
    sources : sequence of Source
        One model each.
    depth : (low, high)
        Range of relative depth, 0 .. 1, ends included, over whose layers each model's one number is the mean.
    points : int
        Of the grid of relative depth, ``1 / points .. 1``.
    order : sequence of str
        Names of quantities, in the order of the tables; others come after them, as they are met.

    Raises
    ------
    DepthscopeError
        A range that is none, or in which no model was measured; a grid of fewer than two points.
    """
    low, high = depth
    if not 0 <= low < high <= 1:
        raise DepthscopeError(f"depth {low:g} to {high:g}: give a range of relative depth within 0 and 1, as in 0 0.6")
    grid = depth_grid(points)
    models = tuple(_measure(one, depth, grid) for one in sources)
    if not any(isfinite(m.effect.dz) for m in models):
        raise DepthscopeError(f"no model was measured at relative depth {low:g} to {high:g}: give a wider --depth")
    return MetaAnalysis(
        models[0].main.name,
        depth,
        models,
        pool(np.array([m.g for m in models]), np.array([m.variance for m in models])),
        _pooled_curve(models, grid),
        _joint(models, grid),
        _pooled_alike(_beside_effects(models), order),
        _pooled_alike(_mechanism_effects(models), order),
    )


def measured_inside(c: Contrast, window: tuple[int, int]) -> list[int]:
    """Layers of the window at which a contrast is measured."""
    there = c.table["layer"].values[np.isfinite(c.table["t"].values)]
    return [int(layer) for layer in there if window[0] <= layer <= window[1]]


def shared_items(sources: Sequence[Source]) -> list[str]:
    """Items that were tested in every model and are the same texts there, in the first one's order."""
    tested = [set(map(str, s.contrast.differences["item"].values)) for s in sources]
    first = sources[0]
    return [
        item
        for item in map(str, first.contrast.differences["item"].values)
        if all(item in some and s.texts[item] == first.texts[item] for some, s in zip(tested, sources, strict=True))
    ]


def _measure(source: Source, depth: tuple[float, float], grid: Float) -> Measured:
    main = source.contrast
    layers = main.table["layer"].values
    window = layers_between(round(layers[-1] / source.depths[-1]), *depth)
    own = _ranged(main, window)
    values = main.differences.transpose("item", "layer").values.astype(np.float64)
    # as in the contrast: a layer at which any item is missing is missing
    values = np.where(np.isfinite(values).all(0), values, np.nan)
    aligned = align(values, source.depths, grid)
    model = design(main.n, main.covariates.values)
    present = np.isfinite(aligned).all(0)
    kept = aligned[:, present]
    mean, sigma = model.fit(kept)
    dz = np.divide(mean, sigma, out=np.full_like(mean, np.nan), where=sigma > 0)
    if model.basis.shape[1] == 1:
        options = {name: main.settings[name] for name in ("resamples", "seed")}
        ends = dz_interval(kept, **options) if kept.size else (dz, dz)
    else:
        ends = noncentral_interval(dz * model.leverage, model.degrees, model.leverage)
    columns = {"dz": dz, "dz_low": ends[0], "dz_high": ends[1]}
    columns["g"], columns["variance"] = hedges(dz, model.degrees + 1, model.leverage)
    table = {}
    for name, column in columns.items():
        table[name] = np.full(len(grid), np.nan)
        table[name][present] = column
    curve = xr.Dataset({name: ("relative_depth", v) for name, v in table.items()}, {"relative_depth": grid})
    beside = {name: _ranged(contrast, window) for name, contrast in source.beside.items()}
    return Measured(source, window, own.effect, own.g, own.variance, curve, aligned, beside)


def _ranged(c: Contrast, window: tuple[int, int]) -> Ranged:
    effect, model = c.over(*window), design(c.n, c.covariates.values)
    g, variance = hedges(np.array(effect.dz), model.degrees + 1, model.leverage)
    return Ranged(effect, float(g), float(variance))


def _pooled_curve(models: Sequence[Measured], grid: Float) -> xr.Dataset:
    pooled = [
        pool(*(np.array([m.curve[name].values[i] for m in models]) for name in ("g", "variance")))
        for i in range(len(grid))
    ]
    columns = {name: ("relative_depth", [getattr(p, name) for p in pooled]) for name in Pooled.__dataclass_fields__}
    return xr.Dataset(columns, {"relative_depth": grid})


def _joint(models: Sequence[Measured], grid: Float) -> Joint | None:
    """What an item does in all models at once; None where that cannot be asked."""
    # covariates of an item differ from model to model
    items = [] if any(m.main.settings["adjust"] for m in models) else shared_items([m.source for m in models])
    if len(items) < 2:
        return None
    rows = [[list(m.main.differences["item"].values).index(item) for item in items] for m in models]
    curves = np.stack([m.aligned[chosen] for m, chosen in zip(models, rows, strict=True)])
    ranges = np.stack([m.means(items) for m in models])
    settings = models[0].main.settings
    options = {name: settings[name] for name in ("resamples", "seed")}
    # one bootstrap for the range and the curve: the same resamples of the same items
    mean, low, high = joint_interval(np.concatenate([ranges[:, :, None], curves], axis=2), **options)
    test = _cluster_test(models[0].main, mean_of_models(curves), items, grid)
    columns = {"mean": mean[1:], "low": low[1:], "high": high[1:], "t": test.table["t"].values}
    columns["cluster"] = test.table["cluster"].values
    columns["cluster_p"] = test.to_dataframe()["cluster_p"].to_numpy(dtype=np.float64)
    curve = xr.Dataset({name: ("relative_depth", v) for name, v in columns.items()}, {"relative_depth": grid})
    return Joint(items, float(mean[0]), float(low[0]), float(high[0]), curve, test, shared_errors(ranges))


def _cluster_test(main: Contrast, values: Float, items: Sequence[str], grid: Float) -> Contrast:
    """The contrast of the first run, put to the mean over the models: against nothing."""
    labels = {"item": list(items), "condition": ["mean", "nothing"], "layer": np.arange(1, len(grid) + 1)}
    both = np.stack([values, np.zeros_like(values)], axis=1)
    h = xr.DataArray(both, {**labels, "relative_depth": ("layer", grid)}, ("item", "condition", "layer"), name="cse")
    return contrast(h, Terms(("mean",), ("nothing",)), **main.tested_by)


def _beside_effects(models: Sequence[Measured]) -> dict[str, list[tuple[float, float]]]:
    """Of each other quantity, g and its variance in each model that has it."""
    found: dict[str, list[tuple[float, float]]] = {}
    for m in models:
        for name, one in m.beside.items():
            found.setdefault(name, []).append((one.g, one.variance))
    return found


def _mechanism_effects(models: Sequence[Measured]) -> dict[str, list[tuple[float, float]]]:
    """The same of each quantity of the mechanisms."""
    found: dict[str, list[tuple[float, float]]] = {}
    for m in models:
        for row in () if m.source.mechanism is None else m.source.mechanism.to_dict("records"):
            g, variance = hedges(np.array(float(row["dz"])), int(row["n"]))
            found.setdefault(str(row["key"]), []).append((float(g), float(variance)))
    return found


def _pooled_alike(effects: Mapping[str, Sequence[tuple[float, float]]], order: Sequence[str]) -> dict[str, Pooled]:
    """The pooled effect of each quantity that two models or more have."""
    known = {name: [one for one in some if isfinite(one[1])] for name, some in effects.items()}
    return {name: pool(*np.array(known[name]).T) for name in in_order(known, order) if len(known[name]) > 1}


def in_order(names: Iterable[str], order: Sequence[str]) -> list[str]:
    """Those named in ``order`` first, as they stand there; then the others, as they come."""
    several = list(names)
    return [*(name for name in order if name in several), *(name for name in several if name not in order)]


def ends(layers: Sequence[int]) -> dict[str, int | None]:
    """``first`` and ``last`` of some layers, for a row; None without any."""
    return {"first": layers[0] if layers else None, "last": layers[-1] if layers else None}


def _model_row(m: Measured) -> dict[str, Any]:
    return {
        "label": m.label,
        "model": m.source.model,
        "folder": m.source.folder,
        "layers": m.depth,
        **ends(m.measured),
        **vars(m.effect),
        "g": m.g,
        "variance": m.variance,
    }


def _curve_rows(kind: str, label: str, curve: xr.Dataset, **more: Any) -> pd.DataFrame:
    frame = curve.to_dataframe().reset_index()
    frame.insert(0, "kind", kind)
    frame.insert(1, "label", label)
    return frame.assign(**more)
