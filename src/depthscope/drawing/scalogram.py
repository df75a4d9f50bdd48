"""The plane of scale and layer."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from depthscope.drawing.style import axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_scalogram(
    plane: xr.DataArray, title: str, ax: "Axes | None" = None, label: str = "share of energy", **colours: Any
) -> "Axes":
    """Draw (scale, layer) values over layer and Fourier period; the cone of influence is hatched.

    ``colours`` goes to ``pcolormesh`` (``cmap=``, ``vmin=``, ``vmax=``).
    """
    ax = axes(ax, (5, 3))
    layers, periods = plane["layer"].values, plane["period"].values
    order = np.argsort(periods)
    # cells reach half a step to either side, which on a log scale is a factor
    middles = np.sqrt(periods[order][1:] * periods[order][:-1])
    bottom, top = periods.min() ** 2 / middles[0], periods.max() ** 2 / middles[-1]
    rows, columns = np.array([bottom, *middles, top]), np.append(layers - 0.5, layers[-1] + 0.5)
    mesh = ax.pcolormesh(columns, rows, plane.transpose("scale", "layer").values[order], **colours)
    ax.figure.colorbar(mesh, ax=ax, label=label, pad=0.02)
    limit = np.clip(plane["coi"].values, bottom, top)
    hatch: dict[str, Any] = {"facecolor": "none", "edgecolor": "0.25", "hatch": "////", "linewidth": 0.0}
    ax.fill_between(layers, limit, top, **hatch)
    ax.plot(layers, limit, color="0.25", lw=0.8)
    ax.set_yscale("log", base=2)
    ax.set_ylim(bottom, top)
    ticks = [t for t in (1, 2, 3, 4, 6, 8, 11, 15, 20, 30, 40, 60) if periods.min() <= t <= periods.max()]
    ax.set_yticks(ticks, [str(t) for t in ticks])
    ax.set_yticks([], minor=True)
    ax.invert_yaxis()
    ax.set_xlabel("layer")
    ax.set_ylabel("Fourier period (layers)")
    ax.set_title(title, loc="left")
    return ax
