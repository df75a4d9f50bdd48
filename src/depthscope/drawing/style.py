"""One look for every figure."""

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from depthscope.errors import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito (2008): told apart by colour-blind readers
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
UP, DOWN, GREY = "#D55E00", "#0072B2", "#777777"
DIVERGING = "RdBu_r"

RC = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "legend.frameon": False,
    "figure.dpi": 150,
    "savefig.bbox": "tight",
    "svg.hashsalt": "depthscope",  # the same figure gives the same file
    "svg.fonttype": "none",
    "text.parse_math": False,  # a condition may be called $x$
}


def axes(ax: "Axes | None" = None, size: tuple[float, float] = (6.5, 3.4)) -> "Axes":
    """The given axes, or new ones."""
    if ax is not None:
        return ax
    plt = require("matplotlib.pyplot", "figures")
    with plt.rc_context(RC):
        return plt.subplots(figsize=size, layout="constrained")[1]  # type: ignore[no-any-return]


def note(ax: "Axes", text: str) -> None:
    """What every figure owes its reader: n, settings, seed."""
    # a line wider than the figure would make the layout shrink the axes
    wrapped = textwrap.fill(text, int(16 * ax.figure.bbox.width / ax.figure.dpi))
    ax.annotate(
        wrapped,
        (0, 0),
        (0, -32),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=6.5,
        color=GREY,
        va="top",
    )


def depth_axis(ax: "Axes", depth: int) -> None:
    """Layers below, relative depth above."""
    ax.set_xlim(0.5, depth + 0.5)
    ax.set_xlabel("layer")
    if not ax.child_axes:
        scale = (lambda layer: np.asarray(layer) / depth, lambda relative: np.asarray(relative) * depth)
        top = ax.secondary_xaxis("top", functions=scale)
        top.set_xlabel("relative depth", fontsize=7)
        top.tick_params(labelsize=7)
