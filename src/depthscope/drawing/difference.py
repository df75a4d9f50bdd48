"""A contrast along depth: the difference, its interval, its clusters."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from depthscope.drawing.alt import Span, clusters_text, describe
from depthscope.drawing.style import DOWN, FAINT, INK, NAMES, PAPER, RULE, UP, axes, depth_axis, heading, note, styled
from depthscope.words import ALPHA, p_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def draw_difference(
    table: xr.Dataset, spans: Sequence[Span], title: str, text: str, ax: "Axes | None" = None, unit: str = "CSE"
) -> "Axes":
    """Draw a one-dimensional contrast table (``difference``, ``low``, ``high`` over layer) and mark its clusters."""
    ax = axes(ax)
    layers = table["layer"].values
    ax.axhline(0, color=RULE, lw=0.6)
    ax.fill_between(layers, table["low"], table["high"], color=FAINT, lw=0, label="95 % interval of the mean")
    ax.plot(layers, table["difference"], color=INK, lw=1.2, marker="o", ms=2.5)
    mark_clusters(ax, spans)
    leave_room(ax, spans)
    ax.set_ylabel(f"difference in {unit}")
    heading(ax, title)
    depth_axis(ax, total_depth(table))
    ax.legend(loc="best")
    note(ax, f"{text}. Shaded: clusters with p <= .05, pale: the others")
    seen = tell_largest(table["difference"])
    describe(ax, title, f"Difference in {unit} by layer, {title}, with its 95 % interval.", clusters_text(spans), seen)
    return ax


def tell_largest(curve: xr.DataArray, unit: str = "") -> str:
    """Where a curve over layers is farthest from 0."""
    values = curve.values
    if not np.isfinite(values).any():
        return "No layer was measured."
    peak = int(np.nanargmax(np.abs(values)))
    return f"It is farthest from 0 at layer {int(curve['layer'].values[peak])} ({values[peak]:+.3g}{unit})."


def mark_clusters(ax: "Axes", spans: Sequence[Span], alpha: float = ALPHA) -> None:
    """Shade clusters below ``alpha``, hint at the others; orange where the difference is positive, blue where negative."""
    for first, last, p, sign in spans:
        found = p <= alpha
        colour = UP if sign > 0 else DOWN
        ax.axvspan(first - 0.5, last + 0.5, color=colour, alpha=0.16 if found else 0.04, lw=0)
        if found:
            ax.annotate(
                p_text(p),
                ((first + last) / 2, 0.985),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="top",
                fontsize=NAMES,
                color=INK,
                # no line that passes below may cross it
                bbox={"facecolor": PAPER, "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
            )


def leave_room(ax: "Axes", spans: Sequence[Span]) -> None:
    """For the p of clusters, above the curves."""
    if any(p <= ALPHA for _, _, p, _ in spans):
        ax.margins(y=0.1)


def total_depth(table: xr.Dataset | xr.DataArray) -> int:
    """Number of blocks, also where only some layers were analysed."""
    last = table["layer"].values[-1]
    return round(last / table["relative_depth"].values[-1]) if "relative_depth" in table.coords else int(np.max(last))
