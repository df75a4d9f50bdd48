"""One contrast in many finished runs: the numbers that are compared, and their tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite, nan
from typing import TYPE_CHECKING, Any

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
from depthscope.studies.compare.heads import heads_compared
from depthscope.studies.contrast.results import QUANTITY_NAMES
from depthscope.telling import Sheet, plain
from depthscope.words import effect_text, p_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# columns of a run's mechanism.csv, and the order of its keys
MECHANISM = ("key", "label", "n", "value", "low", "high", "p", "dz", "dz_low", "dz_high")
KEYS = (
    *("cse", "attention", "mlp", "interaction", "attention_alone", "mlp_alone"),
    *("relative", "relative_attention", "relative_mlp", "relative_interaction"),
    *("total", "norms", "directions", "autocorrelation"),
    *("patch_cluster", "patch_other", "patch_difference", "patch_together"),
)


@dataclass(frozen=True)
class Source:
    """What a finished run gives to a comparison.

    Attributes
    ----------
    label, model, folder : str
        By which it is called, the model as it was asked for, where the run is.
    contrast : Contrast
    depths : array (layer,)
        Relative depth of each layer.
    texts : mapping
        By item, something that is the same if the item is made of the same texts and targets.
    mechanism, heads : DataFrame, optional
        Its ``mechanism.csv``, its ``heads.csv``.
    beside : mapping
        The same contrast of what hangs on no weight of the scales, by the names of
        :data:`depthscope.studies.contrast.results.QUANTITY_NAMES`.
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
        The same layers, of what hangs on no weight of the scales.
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
    """What these models say of new items: all statistics keep together what an item is in all models.

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


@dataclass(frozen=True, repr=False)
class Comparison:
    """One contrast in many models. Returned by :func:`depthscope.compare`.

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
        New items, these models. None if it cannot be told: ``no_joint`` says why.
    notes : tuple of str
        In what the runs differ, and what was left out.
    mechanism : dict of Pooled
        By key of the runs' ``mechanism.csv``, the pooled dz of those in two models or more.
    beside : dict of Pooled
        CSE relative to norms, slopes and mean cosine over the range, pooled likewise: docs/relative.md.
    """

    name: str
    depth: tuple[float, float]
    models: tuple[Measured, ...]
    pooled: Pooled
    curve: xr.Dataset
    joint: Joint | None
    no_joint: str = ""
    notes: tuple[str, ...] = ()
    mechanism: dict[str, Pooled] = field(default_factory=dict)
    command: str = ""
    beside: dict[str, Pooled] = field(default_factory=dict)

    @property
    def grid(self) -> Float:
        return np.asarray(self.curve["relative_depth"].values, dtype=np.float64)

    @property
    def asked(self) -> list[Measured]:
        """Models that have a measured layer in the range."""
        return [m for m in self.models if isfinite(m.effect.dz)]

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

    @cached_property
    def meta(self) -> pd.DataFrame:
        """One row per pooled quantity: ``meta.csv``."""
        low, high = self.depth
        joint = {name: getattr(self.joint, name, nan) for name in ("mean", "low", "high")}
        rows = [{"quantity": f"relative depth {low:g} to {high:g}", **_pooled_row(self.pooled, joint)}]
        rows += [
            {"quantity": f"{QUANTITY_NAMES[key]}, relative depth {low:g} to {high:g}", **_pooled_row(found)}
            for key, found in self.beside.items()
        ]
        rows += [{"quantity": key, **_pooled_row(found)} for key, found in self.mechanism.items()]
        return pd.DataFrame(rows)

    @cached_property
    def besides(self) -> pd.DataFrame:
        """One row per model and quantity that hangs on no weight: ``relative-models.csv``; empty if no run has any."""
        return pd.DataFrame(
            [
                {"model": m.label, "quantity": key, "label": QUANTITY_NAMES[key]}
                | _ends(measured_inside(m.source.beside[key], m.window))
                | {**vars(one.effect), "g": one.g, "variance": one.variance}
                for m in self.models
                for key, one in m.beside.items()
            ]
        )

    @cached_property
    def mechanisms(self) -> pd.DataFrame:
        """Tidy: one row per model and quantity; empty if no run has a ``mechanism.csv``."""
        frames = [m.source.mechanism.assign(model=m.label) for m in self.models if m.source.mechanism is not None]
        if not frames:
            return pd.DataFrame(columns=["model", *MECHANISM])
        return pd.concat(frames, ignore_index=True)[["model", *MECHANISM]]

    @cached_property
    def heads(self) -> pd.DataFrame:
        """One row per model whose run has a ``heads.csv``: how many heads carry the difference, and where."""
        return heads_compared({m.label: (m.source.heads, m.depth) for m in self.models if m.source.heads is not None})

    def plot(self) -> "Axes":
        """Draw dz by relative depth and the forest of the range; returns the axes of the curves.

        It takes two axes, one above the other, hence a figure of its own, ``.figure`` of what is returned.
        """
        from depthscope.studies.compare.figures import draw_meta
        from depthscope.studies.compare.words import figure_words

        return draw_meta(
            {m.label: m.curve for m in self.models},
            self.curve,
            forest_rows(self),
            vars(self.pooled),
            self.depth,
            *figure_words(self),
        ).axes[0]

    def _repr_html_(self) -> str:
        """The card that a notebook shows."""
        from depthscope.drawing.card import card, picture
        from depthscope.studies.compare.words import figure_words

        rows = [
            [
                m.label,
                str(m.main.n),
                "-".join(map(str, m.window)),
                effect_text(m.effect.dz, m.effect.low, m.effect.high),
                p_text(m.effect.p),
            ]
            for m in self.asked
        ]
        p = self.pooled
        if p.k > 1:
            rows.append([f"pooled (g), {p.k} models", "", "", effect_text(p.estimate, p.low, p.high), p_text(p.p)])
        _, text, words = figure_words(self)
        title = f"{self.name} over relative depth {self.depth[0]:g} to {self.depth[1]:g}"
        table = Sheet(["model", "n", "layers", "dz [95 % interval]", "p"], rows)
        return card(title, [words, text], table, picture(self.plot))

    def __str__(self) -> str:
        from depthscope.studies.compare.words import told

        return plain(told(self))

    __repr__ = __str__


def compare_contrasts(
    sources: Sequence[Source],
    depth: tuple[float, float],
    points: int = 20,
    *,
    notes: Sequence[str] = (),
    command: str = "",
) -> Comparison:
    """Align, summarise and pool the contrasts of several runs.

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
    pooled = pool(np.array([m.g for m in models]), np.array([m.variance for m in models]))
    points_pooled = [
        pool(*(np.array([m.curve[name].values[i] for m in models]) for name in ("g", "variance")))
        for i in range(len(grid))
    ]
    curve = xr.Dataset(
        {name: ("relative_depth", [getattr(p, name) for p in points_pooled]) for name in Pooled.__dataclass_fields__},
        {"relative_depth": grid},
    )
    joint, no_joint = _joint(models, grid)
    return Comparison(
        models[0].main.name,
        depth,
        models,
        pooled,
        curve,
        joint,
        no_joint,
        tuple(notes),
        _mechanism(models),
        command,
        _beside(models),
    )


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


def _joint(models: Sequence[Measured], grid: Float) -> tuple[Joint | None, str]:
    """What an item does in all models at once, or why that cannot be asked."""
    if any(m.main.settings["adjust"] for m in models):
        return None, "covariates are held equal, and those of an item differ from model to model"
    items = shared_items([m.source for m in models])
    if len(items) < 2:
        return None, f"the models share {len(items)} item(s) with the same texts"
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
    return Joint(items, float(mean[0]), float(low[0]), float(high[0]), curve, test, shared_errors(ranges)), ""


def _cluster_test(main: Contrast, values: Float, items: Sequence[str], grid: Float) -> Contrast:
    """The contrast of the first run, put to the mean over the models: against nothing."""
    labels = {"item": list(items), "condition": ["mean", "nothing"], "layer": np.arange(1, len(grid) + 1)}
    both = np.stack([values, np.zeros_like(values)], axis=1)
    h = xr.DataArray(both, {**labels, "relative_depth": ("layer", grid)}, ("item", "condition", "layer"), name="cse")
    return contrast(h, Terms(("mean",), ("nothing",)), **main.tested_by)


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


def _beside(models: Sequence[Measured]) -> dict[str, Pooled]:
    """Of each quantity that two models or more have, the pooled effect over the range."""
    found = {name: [m.beside[name] for m in models if name in m.beside] for name in QUANTITY_NAMES}
    known = {name: [one for one in some if np.isfinite(one.variance)] for name, some in found.items()}
    return {
        name: pool(np.array([one.g for one in some]), np.array([one.variance for one in some]))
        for name, some in known.items()
        if len(some) > 1
    }


def _mechanism(models: Sequence[Measured]) -> dict[str, Pooled]:
    """The pooled dz of every quantity that two models or more have."""
    found: dict[str, list[tuple[float, float]]] = {}
    for m in models:
        for row in () if m.source.mechanism is None else m.source.mechanism.to_dict("records"):
            g, variance = hedges(np.array(float(row["dz"])), int(row["n"]))
            if np.isfinite(variance):
                found.setdefault(str(row["key"]), []).append((float(g), float(variance)))
    keys = [*(k for k in KEYS if k in found), *(k for k in found if k not in KEYS)]
    return {k: pool(*np.array(found[k]).T) for k in keys if len(found[k]) > 1}


def forest_rows(c: Comparison) -> pd.DataFrame:
    """One row per model, as :func:`depthscope.studies.compare.figures.draw_meta` takes them."""
    rows = [
        {
            "label": m.label,
            "n": m.main.n,
            "layers": m.measured,
            **{name: getattr(m.effect, name) for name in ("dz", "low", "high", "p")},
        }
        for m in c.models
    ]
    return pd.DataFrame(rows)


def _model_row(m: Measured) -> dict[str, Any]:
    return {
        "label": m.label,
        "model": m.source.model,
        "folder": m.source.folder,
        "layers": m.depth,
        **_ends(m.measured),
        **vars(m.effect),
        "g": m.g,
        "variance": m.variance,
    }


def _ends(inside: Sequence[int]) -> dict[str, int | None]:
    return {"first": inside[0] if inside else None, "last": inside[-1] if inside else None}


def _curve_rows(kind: str, label: str, curve: xr.Dataset, **more: Any) -> pd.DataFrame:
    frame = curve.to_dataframe().reset_index()
    frame.insert(0, "kind", kind)
    frame.insert(1, "label", label)
    return frame.assign(**more)


def _pooled_row(found: Pooled, joint: Mapping[str, float] | None = None) -> dict[str, Any]:
    joint = joint or dict.fromkeys(("mean", "low", "high"), nan)
    return {**vars(found), **{f"these_models_{name}": value for name, value in joint.items()}}
