"""One contrast in several networks, or of several quantities: a curve of dz for each, all on the same relative depth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from depthscope.drawing.alt import Span, describe
from depthscope.drawing.difference import mark_clusters, total_depth
from depthscope.drawing.style import FAINT, INK, RULE, note, sheet, styled, title_above
from depthscope.words import ALPHA, names_text, p_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# relative depth at the edges of every panel: the last layer stands at 1, and half a layer of shading beyond it
LEFT, RIGHT = 0.0, 1.05
TICKS = np.linspace(0, 1, 6)
# p of clusters whose middles are nearer than this stand at two heights
NEAR = 0.075
# the intervals of one network with few items would flatten all the others
REACH = 2.0
# mm of a panel
HIGH = 33.0


@dataclass(frozen=True)
class Panel:
    """One network: ``table`` holds ``dz``, ``dz_low`` and ``dz_high`` over layer; ``spans`` are its clusters."""

    label: str
    table: xr.Dataset
    spans: Sequence[Span]


@styled
def draw_depths(
    panels: Sequence[Panel], fixed: tuple[float, float], title: str, text: str, of: str = "models"
) -> "list[Axes]":
    """Draw one panel below the other, in the order given; returns their axes.

    Parameters
    ----------
    panels : sequence of Panel
    fixed : (low, high)
        The range of relative depth at which they are compared: dashed lines through all panels.
    title, text : str
        Above and below: what is shown; settings, seed.
    of : str
        What the panels are of, in words.
    """
    figure = sheet(26 + HIGH * len(panels))
    axes: list[Axes] = list(figure.subplots(len(panels), 1, sharey=True, squeeze=False)[:, 0])
    for ax, panel in zip(axes, panels, strict=True):
        _draw_panel(ax, panel, fixed)
    axes[0].set_ylim(*_limits(panels))
    for ax in axes[:-1]:
        ax.set_xticklabels([])
    axes[-1].set_xlabel("relative depth (layer / number of layers)")
    title_above(figure, title)
    note(axes[-1], f"{text}. Shaded: clusters with p <= .05, pale: the others; dashed: relative depth compared")
    low, high = (f"{edge:.2g}" for edge in fixed)
    first = f"Cohen's dz by relative depth in {len(panels)} {of}, one panel each, compared at {low} to {high}."
    describe(figure, title, first, *map(tell_panel, panels))
    return axes


def tell_panel(panel: Panel) -> str:
    """At which relative depth this network has clusters."""
    depth = total_depth(panel.table)
    found = [
        f"{'above' if sign > 0 else 'below'} 0 at {first / depth:.2f} to {last / depth:.2f} ({p_text(p)})"
        for first, last, p, sign in panel.spans
        if p <= ALPHA
    ]
    return f"{panel.label}: {names_text(found) or 'no cluster with p <= .05'}."


def _draw_panel(ax: "Axes", panel: Panel, fixed: tuple[float, float]) -> None:
    """In layers, as clusters are given, on an axis that begins and ends at the same relative depth as all others."""
    table, depth = panel.table, total_depth(panel.table)
    look: dict[str, Any] = {"color": RULE, "lw": 0.7, "zorder": 0}
    ax.axhline(0, **look)
    for edge in fixed:
        ax.axvline(edge * depth, ls=(0, (4, 3)), **look)
    ax.fill_between(table["layer"], table["dz_low"], table["dz_high"], color=FAINT, lw=0)
    ax.plot(table["layer"], table["dz"], color=INK, lw=1.1, marker="o", ms=2.5)
    mark_clusters(ax, panel.spans)
    _stagger(ax, NEAR * depth)
    ax.set_ylabel("dz")
    ax.set_xlim(LEFT * depth, RIGHT * depth)
    ax.set_xticks(TICKS * depth, [f"{tick:g}" for tick in TICKS.round(1)])
    ax.set_title(panel.label, loc="left", fontsize=8, pad=3)


def _stagger(ax: "Axes", near: float) -> None:
    """Lower every other one of labels that would run into each other."""
    before, lowered = -np.inf, False
    for label in ax.texts:
        x, y = label.get_position()
        lowered = x - before < near and not lowered
        if lowered:
            label.set_position((x, y - 0.16))
        before = x


def _limits(panels: Sequence[Panel]) -> tuple[float, float]:
    """Room for every curve and for intervals that are not absurdly wide; and above them for the p of a cluster."""
    dz = np.concatenate([panel.table["dz"].values for panel in panels])
    ends = np.concatenate([panel.table[name].values for panel in panels for name in ("dz_low", "dz_high")])
    reach = max(REACH * float(np.nanmax(np.abs(dz[np.isfinite(dz)]), initial=0.0)), 0.3)
    inside = np.clip(ends[np.isfinite(ends)], -reach, reach)
    low = min(inside.min(initial=0.0), dz[np.isfinite(dz)].min(initial=0.0))
    high = max(inside.max(initial=0.0), dz[np.isfinite(dz)].max(initial=0.0))
    room = max(high - low, 0.1)
    return low - 0.06 * room, high + 0.22 * room
