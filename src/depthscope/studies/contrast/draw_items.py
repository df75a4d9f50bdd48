"""Every item of a contrast, so that a mean cannot hide what it is made of."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from depthscope.drawing.alt import describe
from depthscope.drawing.style import DIVERGING, axes, heading, note, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# so many items have their names beside them, in so many letters, each row so many mm high; of more, rows are thinner
FEW, LETTERS, ROW, THIN = 60, 26, 2.5, 0.45
# points
NAME = 6.0


@styled
def draw_items(differences: xr.DataArray, title: str, text: str, ax: "Axes | None" = None) -> "Axes":
    """Heat map of (item, layer) differences, items sorted by their mean."""
    values = differences.transpose("item", "layer").values
    few = len(values) <= FEW
    ax = axes(ax, 45 + min(len(values) * (ROW if few else THIN), 180))
    order = np.argsort(np.nanmean(values, axis=1))[::-1]
    reach = float(np.nanpercentile(np.abs(values), 99)) or 1.0
    layers = differences["layer"].values
    mesh = ax.pcolormesh(
        layers, np.arange(len(values)), values[order], cmap=DIVERGING, vmin=-reach, vmax=reach, rasterized=True
    )
    ax.figure.colorbar(mesh, ax=ax, label="difference in CSE", pad=0.02)
    labels = [_short(str(differences["item"].values[i])) for i in order] if few else []
    ax.set_yticks(np.arange(len(labels)), labels, fontsize=NAME)
    ax.set_ylim(len(values) - 0.5, -0.5)
    ax.set_xlabel("layer")
    ax.set_ylabel(f"{len(values)} items")
    heading(ax, title)
    note(ax, text)
    describe(ax, title, tell_items(differences))
    return ax


def _short(name: str) -> str:
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"


def tell_items(differences: xr.DataArray) -> str:
    """How many items go either way, and which farthest."""
    means = differences.mean("layer").values
    names = [str(name) for name in differences["item"].values]
    high, low = int(np.nanargmax(means)), int(np.nanargmin(means))
    measured = int(differences.notnull().any("item").sum())
    return (
        f"Difference in CSE of {len(names)} items (rows) at {measured} layers. Averaged over the layers it "
        f"is above 0 in {int((means > 0).sum())} items and below 0 in {int((means < 0).sum())}; largest in {names[high]} "
        f"({means[high]:+.3g}), smallest in {names[low]} ({means[low]:+.3g})."
    )
