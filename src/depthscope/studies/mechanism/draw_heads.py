"""What each head contributes to a difference, block by block."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from depthscope.drawing.alt import describe
from depthscope.drawing.plane import outline
from depthscope.drawing.style import DIVERGING, INK, axes, heading, note, styled
from depthscope.errors import require
from depthscope.words import names_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOLD = 3


@styled
def draw_heads(
    contributions: xr.DataArray, found: NDArray[np.bool_], title: str, text: str, ax: "Axes | None" = None
) -> "Axes":
    """Draw contributions (layer, attention_head) as colours, and a line around those that are ``found``.

    Blocks without attention stay white.
    """
    ax = axes(ax, 92)
    values = contributions.transpose("attention_head", "layer").values
    layers, heads = contributions["layer"].values, contributions["attention_head"].values
    columns, rows = (np.append(places - 0.5, places[-1] + 0.5) for places in (layers, heads))
    reach = float(np.nanmax(np.abs(values))) or 1.0
    # an image: hundreds of cells as shapes would make a vector figure large, and show their seams
    mesh = ax.pcolormesh(columns, rows, values, rasterized=True, cmap=DIVERGING, vmin=-reach, vmax=reach)
    ax.figure.colorbar(mesh, ax=ax, label="contribution to the\ndifference in CSE", pad=0.02)
    if found.any():
        collection = require("matplotlib.collections", "figures").LineCollection
        lines = outline(found.T, columns, rows)
        ax.add_collection(collection(lines, colors=INK, linewidths=1.3, capstyle="projecting"), autolim=False)
    ax.invert_yaxis()
    locator = require("matplotlib.ticker", "figures").MaxNLocator
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(locator(integer=True))
    ax.set_xlabel("layer")
    ax.set_ylabel("head")
    heading(ax, title)
    note(ax, f"{text}. Outlined: p <= .05 after Holm, corrected for all heads")
    describe(ax, title, tell_heads(contributions, found))
    return ax


def tell_heads(contributions: xr.DataArray, found: NDArray[np.bool_]) -> str:
    """The largest contributions, and how many stand out."""
    values = contributions.transpose("layer", "attention_head").values
    sizes = np.where(np.isfinite(values), np.abs(values), -1.0)
    order = np.argsort(-sizes, axis=None, kind="stable")[:TOLD]
    places = [np.unravel_index(at, values.shape) for at in order]
    layers, heads = contributions["layer"].values, contributions["attention_head"].values
    said = names_text(f"layer {layers[i]} head {heads[j]} ({values[i, j]:+.3g})" for i, j in places)
    return (
        f"Contributions of {int(np.isfinite(values).sum())} heads to the difference in CSE. The largest: {said}. "
        f"{int(found.sum())} stand out after correction."
    )
