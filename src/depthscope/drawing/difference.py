"""A contrast along depth: the difference, its interval, its clusters."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from depthscope.drawing.style import DOWN, GREY, UP, axes, depth_axis, note

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# first layer, last layer, p, sign of the effect
Span = tuple[int, int, float, float]


def draw_difference(
    table: xr.Dataset, spans: Sequence[Span], title: str, text: str, ax: "Axes | None" = None, unit: str = "CSE"
) -> "Axes":
    """Draw a one-dimensional contrast table (``difference``, ``low``, ``high`` over layer) and mark its clusters."""
    ax = axes(ax)
    layers = table["layer"].values
    ax.axhline(0, color=GREY, lw=0.6)
    ax.fill_between(layers, table["low"], table["high"], color="0.82", lw=0, label="95 % interval of the mean")
    ax.plot(layers, table["difference"], color="black", lw=1.2, marker="o", ms=2.5)
    mark_clusters(ax, spans)
    ax.set_ylabel(f"difference in {unit}")
    ax.set_title(title, loc="left")
    depth_axis(ax, total_depth(table))
    ax.legend(loc="best", fontsize=7)
    note(ax, f"{text}. Shaded: clusters with p <= .05, pale: the others")
    return ax


def mark_clusters(ax: "Axes", spans: Sequence[Span], alpha: float = 0.05) -> None:
    """Shade clusters below ``alpha``, hint at the others; orange where the difference is positive, blue where negative."""
    for first, last, p, sign in spans:
        found = p <= alpha
        colour = UP if sign > 0 else DOWN
        ax.axvspan(first - 0.5, last + 0.5, color=colour, alpha=0.16 if found else 0.04, lw=0)
        if found:
            label = "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".")
            ax.annotate(
                label,
                ((first + last) / 2, 0.985),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="top",
                fontsize=7,
                color=colour,
            )


def total_depth(table: xr.Dataset | xr.DataArray) -> int:
    """Number of blocks, also where only some layers were analysed."""
    last = table["layer"].values[-1]
    return round(last / table["relative_depth"].values[-1]) if "relative_depth" in table.coords else int(np.max(last))
