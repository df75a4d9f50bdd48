"""Our own question, drawn."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.drawing.alt import clusters_text, describe
from depthscope.drawing.difference import mark_clusters
from depthscope.drawing.saving import save
from depthscope.drawing.style import (
    COLOURS,
    DOWN,
    FAINT,
    HELD,
    INK,
    RULE,
    UP,
    axes,
    depth_axis,
    heading,
    note,
    sheet,
    styled,
    title_above,
)
from depthscope.studies.sae.question.ablation import INSTEAD
from depthscope.studies.sae.question.depth import AGAINST
from depthscope.studies.sae.question.results import Question
from depthscope.studies.sae.question.words import AGAINST_TOLD, INSTEAD_TOLD

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HIGH = 38.0  # mm of a panel
COLOUR_OF = {"matched": DOWN, "directions": HELD, "random": COLOURS[3]}
SHADED = "Shaded: clusters of CSE with p <= .05, pale: the others"


def write_figures(folder: Path, found: Question, source: str) -> list[Path]:
    """``selectivity``, ``profile`` and ``ablation``."""
    folder.mkdir(exist_ok=True)
    return [
        *save(draw_selectivity(found, source).figure, folder / "selectivity"),
        *save(draw_profile(found, source)[0].figure, folder / "profile"),
        *save(draw_ablation(found, source)[0].figure, folder / "ablation"),
    ]


@styled
def draw_selectivity(found: Question, source: str, ax: "Axes | None" = None) -> "Axes":
    """How far CSE separates the conditions at each layer, and how far the followed latents of each dictionary do."""
    ax = axes(ax)
    table, spans = found.main.table, found.main.spans
    layers = table["layer"].values
    ax.axhline(0, color=RULE, lw=0.6)
    ax.fill_between(layers, table["dz_low"], table["dz_high"], color=FAINT, lw=0)
    ax.plot(layers, table["dz"], color=INK, lw=1.2, label="CSE")
    told = []
    for i, one in enumerate(found.asked):
        strength = one.selectivity.strength
        look: dict[str, Any] = {"label": "followed latents, on items that did not choose them"} if i == 0 else {}
        below, above = strength.dz - strength.low, strength.high - strength.dz
        ends = [[below], [above]] if np.isfinite([below, above]).all() else None
        ax.errorbar([one.layer], [strength.dz], yerr=ends, color=UP, marker="o", ms=4, lw=1.2, ls="none", **look)
        told.append(f"layer {one.layer} {strength.dz:+.2f}")
        others = [other.strength.dz for other in one.controls.random]
        look = {"label": "as many random directions"} if i == 0 else {}
        ax.plot([one.layer + 0.25] * len(others), others, color=DOWN, marker="_", ms=5, ls="none", **look)
        if (control := one.controls.untrained) is not None:
            look = {"label": "a dictionary of the untrained model"} if i == 0 else {}
            ax.plot([one.layer - 0.25], [control.strength.dz], color=HELD, marker="s", ms=4, ls="none", **look)
    mark_clusters(ax, spans)
    ax.margins(y=0.12)
    ax.set_ylabel("Cohen's dz")
    title = f"{found.main.name}: CSE, and latents that fire more on {found.main.a}"
    heading(ax, title)
    depth_axis(ax, int(layers[-1]))
    ax.legend(loc="best")
    note(ax, f"{source}; n = {found.main.n} items. {SHADED}")
    describe(ax, title, clusters_text(spans, "CSE"), f"dz of the followed latents: {', '.join(told)}.")
    return ax


@styled
def draw_profile(found: Question, source: str) -> "list[Axes]":
    """One panel for each dictionary: at which layers the followed latents' directions are written."""
    panels = _panels(found)
    told = []
    for ax, one in zip(panels, found.asked, strict=True):
        place = one.place
        layers = np.arange(1, len(place.update.values) + 1)
        for name in AGAINST:
            _band(ax, layers, place.update.nulls[name], COLOUR_OF[name], AGAINST_TOLD[name])
        _curve(ax, layers, place.update.values, place.update.low, place.update.high, "followed latents")
        _finish(ax, found, one.layer, "dz of updates")
        told.append(f"layer {one.layer}: largest at layer {place.update.peak}")
    title = f"{found.main.name}: where the directions of the latents are written"
    _around(panels, title, f"{source}; n = {found.main.n} items, projected where they did not choose the latents", told)
    return panels


@styled
def draw_ablation(found: Question, source: str) -> "list[Axes]":
    """One panel for each dictionary: how the contrast of CSE changes without its latents."""
    panels = _panels(found)
    told = []
    for ax, one in zip(panels, found.asked, strict=True):
        change = one.ablation.of["contrast"]
        layers = np.arange(1, len(change.values) + 1)
        for name in INSTEAD:
            _band(ax, layers, change.nulls[name], COLOUR_OF[name], INSTEAD_TOLD[name])
        _curve(ax, layers, change.values, change.low, change.high, "without the latents")
        _finish(ax, found, one.layer, "change of the contrast")
        told.append(f"layer {one.layer}: {change.window.difference:+.5f} at the cluster")
    title = f"{found.main.name}: change of the contrast of CSE without the latents"
    _around(panels, title, f"{source}; n = {found.main.n} items", told)
    return panels


def _panels(found: Question) -> "list[Axes]":
    count = len(found.asked)
    figure = sheet(30 + HIGH * count)
    return list(figure.subplots(count, 1, sharex=True, sharey=True, squeeze=False)[:, 0])


def _band(ax: "Axes", layers: NDArray[np.int64], drawn: Float, colour: str, label: str) -> None:
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    ax.fill_between(layers, low, high, color=colour, alpha=0.2, lw=0, label=label)


def _curve(ax: "Axes", layers: NDArray[np.int64], values: Float, low: Float, high: Float, label: str) -> None:
    ax.fill_between(layers, low, high, color=INK, alpha=0.15, lw=0)
    ax.plot(layers, values, color=INK, lw=1.2, label=label)


def _finish(ax: "Axes", found: Question, layer: int, what: str) -> None:
    ax.axhline(0, color=RULE, lw=0.6)
    ax.axvline(layer, color=INK, lw=0.8, ls=(0, (4, 3)))
    mark_clusters(ax, found.main.spans)
    ax.set_xlim(0.5, int(found.main.table["layer"].values[-1]) + 0.5)
    ax.set_ylabel(what)
    ax.set_title(f"dictionary at layer {layer}", loc="left", fontsize=8, pad=3)


def _around(panels: "Sequence[Axes]", title: str, text: str, told: Sequence[str]) -> None:
    last = panels[-1]
    last.set_xlabel("layer")
    panels[0].legend(loc="best")
    figure: Figure = last.figure.figure
    title_above(figure, title)
    note(last, f"{text}. Bands: 95 % of draws; dashed: the dictionary. {SHADED}")
    describe(figure, title, f"{'; '.join(told)}.")
