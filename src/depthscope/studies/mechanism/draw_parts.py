"""Where a difference comes from, and what exchanging states does: two figures over depth."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from depthscope.drawing.alt import Span, clusters_text, describe
from depthscope.drawing.difference import mark_clusters, tell_largest, total_depth
from depthscope.drawing.style import COLOURS, FAINT, INK, RULE, WASH, axes, depth_axis, heading, note, styled
from depthscope.words import layers_text, names_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def draw_parts(
    parts: Mapping[str, xr.Dataset],
    whole: xr.Dataset,
    window: tuple[int, int],
    title: str,
    text: str,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw what each part adds to a difference, layer by layer, and the difference itself.

    Parameters
    ----------
    parts : mapping of Dataset over layer
        ``difference``, ``low``, ``high``; they add up to that of ``whole``.
    window : (first, last)
        Shaded: the layers at which parts are compared.
    """
    ax = axes(ax, 96)
    layers = whole["layer"].values
    ax.axhline(0, color=RULE, lw=0.6)
    ax.axvspan(window[0] - 0.5, window[1] + 0.5, color=WASH, lw=0, zorder=0)
    for colour, (name, table) in zip(COLOURS, parts.items(), strict=False):
        ax.fill_between(layers, table["low"], table["high"], color=colour, alpha=0.18, lw=0)
        ax.plot(layers, table["difference"], color=colour, lw=1.3, marker="o", ms=2.3, label=name)
    ax.plot(layers, whole["difference"], color=INK, lw=1.6, ls=(0, (4, 2)), label="CSE, their sum")
    ax.set_ylabel("contribution to the\ndifference in CSE")
    heading(ax, title)
    depth_axis(ax, total_depth(whole))
    ax.legend(loc="best")
    note(ax, f"{text}. Bands: 95 % intervals of the mean; grey: the layers at which parts are compared")
    describe(ax, title, tell_parts(parts, whole, window))
    return ax


def tell_parts(parts: Mapping[str, xr.Dataset], whole: xr.Dataset, window: tuple[int, int]) -> str:
    """What each part adds over the window."""
    inside = slice(*window)
    means = {name: float(table["difference"].sel(layer=inside).mean()) for name, table in parts.items()}
    total = float(whole["difference"].sel(layer=inside).mean())
    said = names_text(f"{name} {mean:+.3g}" for name, mean in means.items())
    return (
        f"Contributions to the difference in CSE by layer, with 95 % intervals. Averaged over {layers_text(*window)} the "
        f"difference is {total:+.3g}, of which {said}."
    )


@styled
def draw_exchange(
    table: xr.Dataset,
    runs: Mapping[str, xr.DataArray],
    window: tuple[int, int] | None,
    spans: Sequence[Span],
    title: str,
    text: str,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the effect of exchanging the state after each layer.

    Parameters
    ----------
    table : Dataset over layer
        ``difference`` with ``low`` and ``high``: the mean effect, in bits.
    runs : mapping of DataArray (layer,)
        The mean effect in each direction of the exchange.
    window : (first, last), optional
        Layers of the cluster of CSE: between the dashed lines.
    spans : sequence
        Clusters of the effect itself.
    """
    ax = axes(ax)
    layers = table["layer"].values
    ax.axhline(0, color=RULE, lw=0.6)
    ax.fill_between(layers, table["low"], table["high"], color=FAINT, lw=0)
    ax.plot(layers, table["difference"], color=INK, lw=1.4, marker="o", ms=2.5, label="both directions")
    for colour, (name, values) in zip((COLOURS[2], COLOURS[3]), runs.items(), strict=False):
        ax.plot(layers, values.values, color=colour, lw=1.0, label=name)
    mark_clusters(ax, spans)
    for edge in (window[0] - 0.5, window[1] + 0.5) if window else ():
        ax.axvline(edge, color=INK, lw=0.8, ls=(0, (4, 3)))
    ax.set_ylabel("turned towards the\ntwin's reading (bits)")
    heading(ax, title)
    # room for the legend and for p above the curves, 0 among them
    drawn = np.concatenate([table["low"].values, table["high"].values, *(values.values for values in runs.values())])
    low, high = float(np.nanmin(drawn, initial=0.0)), float(np.nanmax(drawn, initial=0.0))
    if high > low:
        ax.set_ylim(top=high + 0.5 * (high - low))
    depth_axis(ax, total_depth(table))
    ax.legend(loc="upper left")
    where = "; dashed: the cluster of CSE" if window else ""
    note(ax, f"{text}. Band: 95 % interval; shaded: clusters of this effect with p <= .05{where}")
    first = (
        f"Effect, in bits, of exchanging the state after each layer; mean and 95 % interval, and {names_text(runs)}."
    )
    describe(ax, title, first, clusters_text(spans, "The effect"), tell_largest(table["difference"], " bits"))
    return ax
