"""A scaling law: runs as dots, the law as lines on logarithmic axes, and how far the runs tell it."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from depthscope.drawing.alt import describe
from depthscope.drawing.conditions import DASHES, PALETTE
from depthscope.drawing.style import INK, axes, heading, note, styled
from depthscope.errors import require
from depthscope.words import names_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def draw_law(
    points: pd.DataFrame,
    lines: pd.DataFrame,
    title: str,
    text: str,
    what: str = "size",
    measure: str = "loss",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw runs (``size``, ``k`` and the loss, their third column) and a law (``size``, ``k``, ``loss``, ``low``, ``high``).

    A line for each k; NaN for a law that has none. Behind the dashed rule lies what was not tried.
    """
    ticker = require("matplotlib.ticker", "figures")
    ax = axes(ax)
    loss = next(name for name in points.columns if name not in ("size", "k", "fitted"))
    for i, k in enumerate(np.unique(lines["k"])):
        colour = PALETTE[i % len(PALETTE)]
        label = "law" if np.isnan(k) else f"k = {k:g}"
        line, mine = (one if np.isnan(k) else one[one["k"] == k] for one in (lines, points))
        ax.fill_between(line["size"], line["low"], line["high"], color=colour, alpha=0.18, lw=0)
        ax.plot(line["size"], line["loss"], color=colour, lw=1.3, ls=DASHES[i // 3 % len(DASHES)], label=label)
        ax.plot(mine["size"], mine[loss], "o", color=colour, ms=3.5, mew=0)
    ax.axvline(points["size"].max(), color=INK, lw=0.6, ls=(0, (2, 2)))
    for axis, scale in ((ax.xaxis, ax.set_xscale), (ax.yaxis, ax.set_yscale)):
        scale("log")
        # plain numbers: powers of ten would need a font of mathematics
        axis.set_major_formatter(ticker.FuncFormatter(_number))
        axis.set_minor_formatter(ticker.NullFormatter())
        axis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.set_xlabel(what)
    ax.set_ylabel(measure)
    heading(ax, title)
    ax.legend(loc="best", handlelength=2.4)
    note(ax, text)
    describe(ax, title, tell_law(points, loss, what, measure), text)
    return ax


def tell_law(points: pd.DataFrame, loss: str, what: str, measure: str) -> str:
    """How many runs there are, and from where to where the loss falls."""
    ordered = points.sort_values("size")
    sizes, losses = ordered["size"].to_numpy(dtype=np.float64), ordered[loss].to_numpy(dtype=np.float64)
    each = [f"{k:g}" for k in np.unique(points["k"].dropna())]
    return (
        f"{measure} over {what}, both logarithmic, of {len(points)} runs"
        + (f" with k of {names_text(each)}" if each else "")
        + f": {losses[0]:.3g} at {sizes[0]:g} {what}, {losses[-1]:.3g} at {sizes[-1]:g}."
    )


def _number(value: float, place: int) -> str:
    return f"{value:,.6g}"
