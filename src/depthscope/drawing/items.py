"""Every item of a contrast, so that a mean cannot hide what it is made of."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from depthscope.drawing.style import DIVERGING, axes, note

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_items(differences: xr.DataArray, title: str, text: str, ax: "Axes | None" = None) -> "Axes":
    """Heat map of (item, layer) differences, items sorted by their mean."""
    values = differences.transpose("item", "layer").values
    ax = axes(ax, (6.5, min(10.0, 2.5 + 0.022 * len(values))))
    order = np.argsort(np.nanmean(values, axis=1))[::-1]
    reach = float(np.nanpercentile(np.abs(values), 99)) or 1.0
    mesh = ax.pcolormesh(
        differences["layer"].values, np.arange(len(values)), values[order], cmap=DIVERGING, vmin=-reach, vmax=reach
    )
    ax.figure.colorbar(mesh, ax=ax, label="difference in CSE", pad=0.02)
    few = len(values) <= 60
    labels = [str(differences["item"].values[i]) for i in order] if few else []
    ax.set_yticks(np.arange(len(labels)), labels, fontsize=5)
    ax.set_ylim(len(values) - 0.5, -0.5)
    ax.set_xlabel("layer")
    ax.set_ylabel(f"{len(values)} items")
    ax.set_title(title, loc="left")
    note(ax, text)
    return ax
