"""A contrast over scale and layer."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from depthscope.drawing.alt import describe
from depthscope.drawing.scalogram import cell_edges, draw_scalogram, tell_peaks, tell_plane
from depthscope.drawing.style import DIVERGING, INK, axes, note, styled
from depthscope.errors import require
from depthscope.words import layers_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Segment = tuple[tuple[float, float], tuple[float, float]]


@styled
def draw_plane(table: xr.Dataset, found: NDArray[np.bool_], title: str, text: str, ax: "Axes | None" = None) -> "Axes":
    """Draw Cohen's dz over (scale, layer), with the cells of clusters, ``found`` (scale, layer), outlined."""
    ax = axes(ax, 92, 150)
    reach = float(np.nanmax(np.abs(table["dz"].values))) or 1.0
    draw_scalogram(table["dz"], title, ax, "Cohen's dz", cmap=DIVERGING, vmin=-reach, vmax=reach)
    if found.any():
        order = np.argsort(table["period"].values)
        lines = outline(found[order], *cell_edges(table))
        collection = require("matplotlib.collections", "figures").LineCollection
        ax.add_collection(collection(lines, colors=INK, linewidths=1.3, capstyle="projecting"), autolim=False)
    note(ax, text)
    first, peaks = tell_plane(table, "Cohen's dz"), tell_peaks(table["dz"])
    describe(ax, title, first, tell_found(found, table["layer"].values), f"Outside the cone of influence: {peaks}")
    return ax


def outline(found: NDArray[np.bool_], columns: NDArray[np.float64], rows: NDArray[np.float64]) -> list[Segment]:
    """The borders between cells (row, column) that are found and those that are not, the rim of the plane included."""
    padded = np.pad(found, 1)
    upright = [
        ((float(columns[j]), float(rows[i])), (float(columns[j]), float(rows[i + 1])))
        for i, j in np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1])
    ]
    level = [
        ((float(columns[j]), float(rows[i])), (float(columns[j + 1]), float(rows[i])))
        for i, j in np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1])
    ]
    return upright + level


def tell_found(found: NDArray[np.bool_], layers: NDArray[np.int64]) -> str:
    """How much of the plane is outlined, and where."""
    if not found.any():
        return "No cluster has p <= .05."
    inside = layers[found.any(0)]
    where = layers_text(inside[0], inside[-1])
    return f"Outlined, clusters with p <= .05: {int(found.sum())} of {found.size} cells, {where}."
