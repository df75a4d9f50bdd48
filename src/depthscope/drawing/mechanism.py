"""Where a difference comes from, and what exchanging states does: two figures over depth."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from depthscope.drawing.difference import Span, mark_clusters, total_depth
from depthscope.drawing.style import COLOURS, GREY, axes, depth_axis, note

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    ax = axes(ax, (6.5, 3.6))
    layers = whole["layer"].values
    ax.axhline(0, color=GREY, lw=0.6)
    ax.axvspan(window[0] - 0.5, window[1] + 0.5, color="0.93", lw=0, zorder=0)
    for colour, (name, table) in zip(COLOURS, parts.items(), strict=False):
        ax.fill_between(layers, table["low"], table["high"], color=colour, alpha=0.18, lw=0)
        ax.plot(layers, table["difference"], color=colour, lw=1.3, marker="o", ms=2.3, label=name)
    ax.plot(layers, whole["difference"], color="black", lw=1.6, ls=(0, (4, 2)), label="CSE, their sum")
    ax.set_ylabel("contribution to the\ndifference in CSE")
    ax.set_title(title, loc="left")
    depth_axis(ax, total_depth(whole))
    ax.legend(loc="best", fontsize=7)
    note(ax, f"{text}. Bands: 95 % intervals of the mean; grey: the layers at which parts are compared")
    return ax


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
    ax = axes(ax, (6.5, 3.4))
    layers = table["layer"].values
    ax.axhline(0, color=GREY, lw=0.6)
    ax.fill_between(layers, table["low"], table["high"], color="0.82", lw=0)
    ax.plot(layers, table["difference"], color="black", lw=1.4, marker="o", ms=2.5, label="both directions")
    for colour, (name, values) in zip((COLOURS[2], COLOURS[3]), runs.items(), strict=False):
        ax.plot(layers, values.values, color=colour, lw=1.0, label=name)
    mark_clusters(ax, spans)
    for edge in (window[0] - 0.5, window[1] + 0.5) if window else ():
        ax.axvline(edge, color="black", lw=0.8, ls=(0, (4, 3)))
    ax.set_ylabel("turned towards the\ntwin's reading (bits)")
    ax.set_title(title, loc="left")
    # room for the legend and for p above the curves, 0 among them
    drawn = np.concatenate([table["low"].values, table["high"].values, *(values.values for values in runs.values())])
    low, high = float(np.nanmin(drawn, initial=0.0)), float(np.nanmax(drawn, initial=0.0))
    if high > low:
        ax.set_ylim(top=high + 0.5 * (high - low))
    depth_axis(ax, total_depth(table))
    ax.legend(loc="upper left", fontsize=7)
    where = "; dashed: the cluster of CSE" if window else ""
    note(ax, f"{text}. Band: 95 % interval; shaded: clusters of this effect with p <= .05{where}")
    return ax
