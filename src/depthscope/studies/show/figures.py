"""A text, token by token: how broad its computation is at every layer."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from depthscope.drawing.alt import describe
from depthscope.drawing.reading import decimals, short, some
from depthscope.drawing.style import DIVERGING, SMALL, axes, heading, note, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# so many tokens have their names beside them, each row so many mm high; of more, rows are thinner
FEW, ROW, THIN = 60, 2.8, 0.5


@styled
def draw_reading(
    h: xr.DataArray,
    title: str,
    text: str,
    ax: "Axes | None" = None,
    *,
    counted: NDArray[np.bool_] | None = None,
    label: str = "CSE",
    signed: bool = False,
) -> "Axes":
    """Heat map of (token, layer) values, the tokens from the top down; coordinate ``piece`` names them.

    ``text``: below, model and settings. ``counted``, (token,): the tokens whose values the colours reach over, without
    their outermost percent. ``label`` names the values; ``signed``: they are differences, around zero.
    """
    values = h.transpose("token", "layer").values
    few = len(values) <= FEW
    ax = axes(ax, 40 + min(len(values) * (ROW if few else THIN), 180))
    low, high = _span(values if counted is None else values[counted], signed)
    colours: dict[str, Any] = {"vmin": low, "vmax": high, "cmap": DIVERGING if signed else None}
    mesh = ax.pcolormesh(h["layer"].values, np.arange(len(values)), values, rasterized=True, **colours)
    ax.figure.colorbar(mesh, ax=ax, label=label, pad=0.02, extend="both")
    if few:
        names = [short(str(piece)) for piece in h["piece"].values]
        ax.set_yticks(np.arange(len(names)), names, fontsize=SMALL)
    ax.set_ylim(len(values) - 0.5, -0.5)
    ax.set_xlabel("layer")
    ax.set_ylabel("" if few else "token")
    heading(ax, title)
    if text:
        note(ax, text)
    describe(ax, title, tell_reading(h, label))
    return ax


def _span(values: NDArray[np.float64], signed: bool) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    low, high = np.percentile(known, [1, 99])
    reach = float(max(abs(low), abs(high))) or 1.0
    return (-reach, reach) if signed else (float(low), float(high))


def tell_reading(h: xr.DataArray, label: str) -> str:
    """What is drawn, and between which tokens its means over the layers lie."""
    values = h.transpose("token", "layer").values
    rows, columns = (some(count, noun) for count, noun in zip(values.shape, ("token", "layer"), strict=True))
    first = f"{label} of {rows} (rows) at {columns} (columns)."
    known = np.isfinite(values)
    if not known.any():
        return f"{first} Nothing was measured."
    places = np.flatnonzero(known.any(1))
    means = np.nanmean(values[places], axis=1)
    high, low = places[int(np.argmax(means))], places[int(np.argmin(means))]
    digits = decimals(means)
    names = h["piece"].values
    largest = f"largest at token {high} ({short(str(names[high]))}, {means.max():.{digits}g})"
    smallest = f"smallest at token {low} ({short(str(names[low]))}, {means.min():.{digits}g})"
    return f"{first} Averaged over the layers it is {largest} and {smallest}."
