"""The plane of scale and layer."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from depthscope.drawing.alt import describe
from depthscope.drawing.style import DIVERGING, INK, axes, heading, sheet, styled, title_above
from depthscope.words import names_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def draw_scalogram(
    plane: xr.DataArray,
    title: str,
    ax: "Axes | None" = None,
    label: str = "share of energy",
    bar: Literal["right", "bottom"] = "right",
    **colours: Any,
) -> "Axes":
    """Draw (scale, layer) values over layer and Fourier period; the cone of influence is hatched.

    ``label`` names the values beside their colours, at the right or below. ``colours`` goes to ``pcolormesh`` (``cmap=``,
    ``vmin=``, ``vmax=``).
    """
    ax = axes(ax, 84, 130)
    layers, periods = plane["layer"].values, plane["period"].values
    columns, rows = cell_edges(plane)
    bottom, top = float(rows[0]), float(rows[-1])
    cells = plane.transpose("scale", "layer").values[np.argsort(periods)]
    # an image: hundreds of cells as shapes would make a vector figure large, and show their seams
    mesh = ax.pcolormesh(columns, rows, cells, rasterized=True, **colours)
    apart: dict[str, Any] = {"pad": 0.02} if bar == "right" else {"pad": 0.03, "aspect": 30}
    ax.figure.colorbar(mesh, ax=ax, label=label, location=bar, **apart)
    limit = np.clip(plane["coi"].values, bottom, top)
    hatch: dict[str, Any] = {"facecolor": "none", "edgecolor": INK, "hatch": "////", "linewidth": 0.0}
    ax.fill_between(layers, limit, top, **hatch)
    ax.plot(layers, limit, color=INK, lw=0.8)
    ax.set_yscale("log", base=2)
    ax.set_ylim(bottom, top)
    ticks: list[float] = [t for t in (1, 2, 3, 4, 6, 8, 11, 15, 20, 30, 40, 60) if periods.min() <= t <= periods.max()]
    # between a few scales there may be none
    ticks = ticks or [float(p) for p in periods]
    ax.set_yticks(ticks, [f"{t:.3g}" for t in ticks])
    ax.set_yticks([], minor=True)
    ax.invert_yaxis()
    ax.set_xlabel("layer")
    ax.set_ylabel("Fourier period (layers)")
    heading(ax, title)
    describe(ax, title, f"{tell_plane(plane, label)} Outside the cone of influence: {tell_peaks(plane)}")
    return ax


def cell_edges(plane: xr.DataArray | xr.Dataset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Borders of the cells: along layers, and along Fourier periods, from the shortest up."""
    layers, periods = plane["layer"].values, np.sort(plane["period"].values)
    if len(periods) == 1:
        # there is no step to halve: half an octave to either side
        return _columns(layers), periods[0] * np.array([0.5**0.5, 2**0.5])
    # cells reach half a step to either side, which on a log scale is a factor
    middles = np.sqrt(periods[1:] * periods[:-1])
    rows = [periods[0] ** 2 / middles[0], *middles, periods[-1] ** 2 / middles[-1]]
    return _columns(layers), np.array(rows)


def _columns(layers: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.append(layers - 0.5, layers[-1] + 0.5)


@styled
def draw_scalograms(
    sides: Mapping[str, xr.DataArray], gap: xr.DataArray, name: str, title: str, differences: bool
) -> "Figure":
    """Draw the planes of two sides of a contrast, and their difference.

    Parameters
    ----------
    sides : mapping of DataArray (scale, layer)
        By name; ``differences``: they are differences themselves, else shares of energy.
    gap, name : DataArray (scale, layer), str
        The first side minus the second.
    title : str
        Above: what is shown, model, n.
    """
    figure = sheet(78)
    panels: list[Axes] = list(figure.subplots(1, 3, sharey=True))
    top = max(float(np.nanmax(plane.values)) for plane in sides.values())
    for ax, (side, plane) in zip(panels, sides.items(), strict=False):
        if differences:
            draw_scalogram(plane, side, ax, "difference", "bottom", **_around_zero(plane))
        else:
            draw_scalogram(plane, side, ax, "mean share of energy", "bottom", vmin=0, vmax=top)
    draw_scalogram(gap, name, panels[2], "difference", "bottom", **_around_zero(gap))
    for ax in panels[1:]:
        ax.set_ylabel("")
    title_above(figure, title)
    seen = [f"{side}: {tell_peaks(plane)}" for side, plane in {**sides, name: gap}.items()]
    first = tell_plane(gap, "Share of wavelet energy")
    whose = f"{first[:-1]}, for {names_text([*sides, name])}; the peaks named lie outside the cone of influence."
    describe(figure, title, whose, *seen)
    return figure


def _around_zero(plane: xr.DataArray) -> dict[str, Any]:
    reach = float(np.nanmax(np.abs(plane.values))) or 1.0
    return {"cmap": DIVERGING, "vmin": -reach, "vmax": reach}


def tell_plane(plane: xr.DataArray | xr.Dataset, what: str) -> str:
    """What is drawn over which scales and layers."""
    periods, layers = plane["period"].values, plane["layer"].values
    return (
        f"{what[0].upper()}{what[1:]} over {len(layers)} layers and {len(periods)} scales (Fourier periods of "
        f"{periods.min():.3g} to {periods.max():.3g} layers)."
    )


def tell_peaks(plane: xr.DataArray) -> str:
    """Where, outside the cone of influence, values are largest, and where smallest if some are negative."""
    values = plane.where(plane["period"] <= plane["coi"]).transpose("scale", "layer")
    if not np.isfinite(values.values).any():
        return "nothing was measured."
    ends = [("largest", int(np.nanargmax(values.values)))]
    signed = float(np.nanmin(values.values)) < 0
    if signed:
        ends.append(("smallest", int(np.nanargmin(values.values))))
    said = []
    for word, at in ends:
        row, column = np.unravel_index(at, values.shape)
        value = f"{float(values[row, column]):{'+' if signed else ''}.3g}"
        place = f"layer {int(values['layer'][column])}, period {float(values['period'][row]):.3g}"
        said.append(f"{word} at {place} ({value})")
    return f"{names_text(said)}."
