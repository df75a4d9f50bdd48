"""What a contrast found: numbers first, table and plot as methods."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.statistics.effects import Effect, mean_effect
from depthscope.statistics.halves import Halves, split_half
from depthscope.statistics.otherwise import Otherwise, otherwise
from depthscope.statistics.permutation import TAILS, Inference
from depthscope.statistics.saved import load_parts, save_parts
from depthscope.statistics.symmetry import Symmetry, symmetry_test
from depthscope.statistics.terms import Terms, side_name
from depthscope.telling import Sheet
from depthscope.words import effect_text, p_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
        Family-wise: how often sign flips (or resamples) give a largest mass at least as great, anywhere.
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

    @property
    def effect(self) -> str:
        """dz and its interval in words, ``+0.40 [+0.27, +0.52]``."""
        return effect_text(self.dz, self.dz_low, self.dz_high)

    @property
    def direction(self) -> str:
        """``higher`` or ``lower``: how the left side of the contrast lies to the right one."""
        return "higher" if self.mass > 0 else "lower"


@dataclass(frozen=True, repr=False)
class Contrast:
    """A paired contrast ``a - b``, per layer and over clusters. Returned by :func:`contrast`.

    Attributes
    ----------
    terms : Terms
        What was compared; ``.a``, ``.b`` and ``.name`` put it in words.
    table : Dataset over layer, or (scale, layer)
        ``difference`` with 95 % interval ``low``, ``high``; ``t``; ``p`` (uncorrected); ``p_holm``; ``p_bh``
        (Benjamini-Hochberg); ``dz``, ``dz_low``, ``dz_high``; ``p_equivalence`` that |dz| is below ``bound``;
        ``mean_a``, ``mean_b``. With covariates, everything but the means is adjusted for them.
    clusters : tuple of Cluster
        All of them, whatever their p, in order of depth.
    differences : DataArray (item, ...)
        ``a - b`` of each item.
    covariates : DataArray (item, covariate)
        The same difference of every covariate adjusted for.
    settings : dict
        Everything that was chosen: permutations, forming_p, threshold on t, alternative, bound, seed, exact, adjust, inference.
    incomplete, same_context, uncovered, partial : list of str
        Items left out, by reason: a condition is missing; the texts are the same up to the target; a covariate is unknown; a
        layer at which most items are measured is missing.
    thin_layers : list of int
        Layers left out because more than a tenth of the items are not measured there.
    """

    terms: Terms
    measure: str
    table: xr.Dataset
    clusters: tuple[Cluster, ...]
    differences: xr.DataArray
    covariates: xr.DataArray
    settings: dict[str, Any]
    incomplete: list[str] = field(default_factory=list)
    same_context: list[str] = field(default_factory=list)
    uncovered: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)
    thin_layers: list[int] = field(default_factory=list)

    @property
    def a(self) -> str:
        """The left side: a condition, or a difference of two."""
        return side_name(self.terms.left)

    @property
    def b(self) -> str:
        """The right side."""
        return side_name(self.terms.right)

    @property
    def name(self) -> str:
        return self.terms.name

    @property
    def n(self) -> int:
        """Number of items tested."""
        return int(self.differences.sizes["item"])

    @property
    def smallest_p(self) -> float:
        """The smallest p that this many items and flips can give, whatever the effect."""
        flips = self.settings["permutations"]
        both = 2 if self.settings["alternative"] == "two-sided" else 1
        if self.inference == "bootstrap":  # resamples of one item alone are as certain as can be
            return float(max(both / (1 + flips), min(1.0, float(self.n) ** (1 - self.n))))
        return float(both / flips if self.settings["exact"] else 1 / (1 + flips))

    @property
    def inference(self) -> Inference:
        """Where p comes from: sign flips, or a bootstrap."""
        # a contrast that an earlier version saved does not say it
        return "bootstrap" if self.settings.get("inference") == "bootstrap" else "flips"

    @property
    def tested_by(self) -> dict[str, Any]:
        """Keywords of :func:`contrast` with which another one is tested just as this one was; covariates are not among them."""
        names = ("permutations", "forming_p", "alternative", "bound", "seed", "resamples")
        return {name: self.settings[name] for name in names} | {"inference": self.inference}

    @property
    def drawn(self) -> str:
        """What was drawn for p, in words."""
        return "resamples" if self.inference == "bootstrap" else "sign flips"

    @property
    def spans(self) -> list[tuple[int, int, float, float]]:
        """First layer, last layer, p and sign of each cluster."""
        return [(c.first, c.last, c.p, float(np.sign(c.mass))) for c in self.clusters]

    @property
    def settings_text(self) -> str:
        """n, settings and seed, for the line below a figure."""
        s = self.settings
        flips = f"{'all ' if s['exact'] else ''}{s['permutations']:,} {self.drawn}"
        return (
            f"n = {self.n} items; cluster mass, {flips}, forming p {s['forming_p']:g} (t beyond {s['threshold_t']:.2f}), "
            f"{s['alternative']}, seed {s['seed']}{self._adjusted_text}"
        )

    @property
    def _adjusted_text(self) -> str:
        names = self.settings["adjust"]
        return f"; adjusted for {', '.join(names)}" if names else ""

    def significant(self, alpha: float = 0.05) -> list[Cluster]:
        return [cluster for cluster in self.clusters if cluster.p <= alpha]

    def strongest(self, alpha: float = 1.0) -> Cluster | None:
        """The cluster of the largest mass among those with p <= ``alpha``; by default whatever its p."""
        return max(self.significant(alpha), key=lambda cluster: abs(cluster.mass), default=None)

    @property
    def measured(self) -> list[int]:
        """Layers at which it is measured, in order of depth."""
        t = self.table["t"]
        present = t.notnull().any([name for name in t.dims if name != "layer"])
        return [int(layer) for layer in t["layer"].values[present.values]]

    @property
    def window(self) -> tuple[int, int]:
        """First and last layer at which other analyses are compared with it: its strongest cluster, whatever its p.

        Without any cluster: from the first layer that is measured to the last.
        """
        strongest = self.strongest()
        return (self.measured[0], self.measured[-1]) if strongest is None else (strongest.first, strongest.last)

    @cached_property
    def _effects(self) -> dict[tuple[int, int], Effect]:
        """Effects over windows that were asked for: a report asks for the same few again and again."""
        return {}

    def equivalence(self, first: int | None = None, last: int | None = None) -> float:
        """p that |dz| is below the bound at every layer from ``first`` to ``last`` (default: all that were measured).

        The largest p of its layers (intersection-union), so no correction is needed. NaN if none was measured.
        """
        layers = self.table["layer"]
        inside = (layers >= (layers[0] if first is None else first)) & (
            layers <= (layers[-1] if last is None else last)
        )
        p = self.table["p_equivalence"].where(inside, drop=True).values
        p = p[np.isfinite(p)]
        return float(p.max()) if p.size else float("nan")

    def over(self, first: int, last: int) -> Effect:
        """The effect on the mean over the layers from ``first`` to ``last``: one number per item, so nothing to correct.

        Layers that were chosen because this contrast is large there make it too large; layers that another contrast
        or another set of items chose do not. NaN if none was measured.
        """
        if (first, last) not in self._effects:
            self._effects[first, last] = self._over(first, last)
        return self._effects[first, last]

    def over_items(self, first: int, last: int) -> pd.Series:
        """Difference of each item, by its name: the mean over layers ``first`` to ``last``; NaN if none was measured."""
        layers = self.differences["layer"].values
        values = self.differences.transpose("item", "layer").values[:, (layers >= first) & (layers <= last)]
        present = np.isfinite(values).all(0)
        means = values[:, present].mean(1) if present.any() else np.full(len(values), np.nan)
        return pd.Series(means, self.differences["item"].values)

    def _over(self, first: int, last: int) -> Effect:
        settings = {name: self.settings[name] for name in ("permutations", "resamples", "bound", "seed")}
        settings["inference"] = self.inference
        means = self.over_items(first, last).to_numpy()
        if np.isnan(means).all():
            return Effect(self.n, *(float("nan"),) * 8)
        return mean_effect(means, self.covariates.values, **settings)

    @cached_property
    def symmetry(self) -> Symmetry:
        """Whether the differences are skewed: the triples test over all layers; NaN with fewer than ten items."""
        return symmetry_test(self.differences.transpose("item", ...).values, self.covariates.values)

    @property
    def skewed(self) -> bool:
        """p <= .05 in that test: sign flips may then give too small a p."""
        return self.symmetry.p <= 0.05

    @cached_property
    def otherwise(self) -> Otherwise:
        """p of the same clusters by the other inference: the bootstrap beside flips, flips beside the bootstrap."""
        return otherwise(self)

    @cached_property
    def halves(self) -> Halves:
        """dz of the strongest cluster where other items chose its layers; NaN with few items, covariates, or scales."""
        values = self.differences.transpose("item", ...).values
        if values.ndim > 2 or self.settings["adjust"]:
            return Halves(float("nan"), float("nan"))
        s = self.settings
        found = split_half(values, forming_p=s["forming_p"], tail=TAILS[s["alternative"]], seed=s["seed"])
        strongest = self.strongest()
        sign = -1.0 if strongest is not None and strongest.mass < 0 else 1.0
        return Halves(sign * found.peak, sign * found.window)

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

    def save(self, path: str | Path) -> Path:
        """Write all of it to a JSON file, from which :meth:`load` makes it again, to the last digit.

        The file appears whole or not at all, holds nothing that could run, and has a digest by which a change is noticed.
        Coordinates, attributes and settings may hold numbers, text, times, ``None``, and lists, tuples and mappings of these.

        Raises
        ------
        DepthscopeError
            A name that does not end in ``.json``, a place that cannot be written, or something that would not come back as
            it is; nothing is written then.
        """
        return save_parts(self._parts, lambda parts: Contrast._made(parts)._parts(), path)

    @classmethod
    def load(cls, path: str | Path) -> "Contrast":
        """The contrast that :meth:`save` wrote.

        Raises
        ------
        DepthscopeError
            No such file, something else, or one that was changed.
        """
        return load_parts(cls._made, path)

    def _parts(self) -> dict[str, Any]:
        """Its fields, with none of our own classes among them."""
        parts = {one.name: getattr(self, one.name) for one in fields(self)}
        terms = {"left": list(self.terms.left), "right": list(self.terms.right)}
        clusters = [{**vars(one), "periods": list(one.periods) if one.periods else None} for one in self.clusters]
        return {**parts, "terms": terms, "clusters": clusters}

    @classmethod
    def _made(cls, parts: Mapping[str, Any]) -> "Contrast":
        # what a contrast of an earlier version does not say has its default
        optional = {"partial", "thin_layers"} - parts.keys()
        given = {one.name: parts[one.name] for one in fields(cls) if one.name not in optional}
        terms = Terms(*(tuple(side) for side in (given["terms"]["left"], given["terms"]["right"])))
        clusters = tuple(
            Cluster(**{**one, "periods": tuple(one["periods"]) if one["periods"] else None})
            for one in given["clusters"]
        )
        return cls(**{**given, "terms": terms, "clusters": clusters})

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the difference by depth with its interval and clusters, or the map of dz; returns matplotlib axes.

        ``ax``: where to draw; default: a figure of its own, in the look of depthscope.
        """
        if "scale" in self.table.dims:
            from depthscope.drawing.plane import draw_plane

            numbers = [i for i, cluster in enumerate(self.clusters, 1) if cluster.p <= 0.05]
            found = np.isin(self.table["cluster"].values, numbers)
            return draw_plane(self.table, found, self.name, self.settings_text, ax)
        from depthscope.drawing.difference import draw_difference

        return draw_difference(self.table, self.spans, self.name, self.settings_text, ax, self.measure.upper())

    def _repr_html_(self) -> str:
        """The card that a notebook shows."""
        from depthscope.drawing.card import card, picture

        rows = [
            [f"{c.first}-{c.last}", f"{c.mass:.1f}", p_text(c.p), c.effect, str(c.peak_layer)]
            for c in sorted(self.clusters, key=lambda c: c.p)
        ]
        table = Sheet(
            ["layers", "mass", "p", "dz [95 % interval]", "at layer"], rows, "Clusters" if rows else "No cluster"
        )
        return card(f"{self.name}: {self.measure}", [self.settings_text, self._few_text], table, picture(self.plot))

    @property
    def _few_text(self) -> str:
        few = self.smallest_p > 0.05
        return f"too few items for any verdict: the smallest possible p is {self.smallest_p:.3g}" if few else ""

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.measure}, n = {self.n} items{self._adjusted_text}"]
        for c in self.clusters:
            lines.append(
                f"  layers {c.first}-{c.last}: mass {c.mass:.1f}, p = {c.p:.4f} [{c.p_low:.4f}, {c.p_high:.4f}], "
                f"dz {c.effect} at layer {c.peak_layer}"
            )
        if not self.clusters:
            lines.append("  no cluster")
        if self._few_text:
            lines.append(f"  {self._few_text}")
        return "\n".join(lines)

    __repr__ = __str__
