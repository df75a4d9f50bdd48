"""A contrast over scale and layer."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from depthscope.drawing.scalogram import draw_scalogram
from depthscope.drawing.style import DIVERGING, note

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_plane(
    table: xr.Dataset,
    found: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]",
    title: str,
    text: str,
    ax: "Axes | None",
) -> "Axes":
    """Draw Cohen's dz over (scale, layer), with the cells of clusters outlined."""
    reach = float(np.nanmax(np.abs(table["dz"].values))) or 1.0
    ax = draw_scalogram(table["dz"], title, ax, "Cohen's dz", cmap=DIVERGING, vmin=-reach, vmax=reach)
    if found.any():
        ax.contour(
            table["layer"].values,
            table["period"].values,
            found.astype(float),
            levels=[0.5],
            colors="black",
            linewidths=1.2,
        )
    note(ax, text)
    return ax
