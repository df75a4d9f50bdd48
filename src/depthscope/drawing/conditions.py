"""A measure along depth, one line per condition."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import xarray as xr

from depthscope.drawing.difference import Span, mark_clusters, total_depth
from depthscope.drawing.style import COLOURS, axes, depth_axis, note

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_conditions(
    layers: xr.Dataset, spans: Sequence[Span], title: str, text: str, ax: "Axes | None" = None, unit: str = "CSE"
) -> "Axes":
    """Draw ``mean``, ``low`` and ``high`` over (condition, layer), with the clusters of a contrast behind them."""
    ax = axes(ax)
    mark_clusters(ax, spans)
    for i, condition in enumerate(str(c) for c in layers["condition"].values):
        one = layers.sel(condition=condition)
        colour = COLOURS[i % len(COLOURS)]
        ax.fill_between(one["layer"], one["low"], one["high"], color=colour, alpha=0.18, lw=0)
        ax.plot(one["layer"], one["mean"], color=colour, lw=1.3, label=f"{condition} (n = {int(one['n'])})")
    ax.set_ylabel(unit)
    ax.set_title(title, loc="left")
    depth_axis(ax, total_depth(layers))
    ax.legend(loc="best", fontsize=7)
    note(ax, text)
    return ax
