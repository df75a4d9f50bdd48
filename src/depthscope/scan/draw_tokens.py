"""A measure of many tokens, layer by layer: its mean, and between what most tokens lie."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from depthscope.drawing.alt import describe
from depthscope.drawing.style import COLOURS, axes, depth_axis, heading, note, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def draw_tokens(layers: pd.DataFrame, title: str, text: str, unit: str, ax: "Axes | None" = None) -> "Axes":
    """Draw columns ``mean`` and ``q05`` .. ``q95`` of a table with a row per ``layer``; layers without a value stay empty."""
    ax = axes(ax)
    layer, colour = layers["layer"].astype(float), COLOURS[0]
    for low, high, alpha in (("q05", "q95", 0.12), ("q25", "q75", 0.22)):
        ax.fill_between(layer, layers[low], layers[high], color=colour, alpha=alpha, lw=0)
    ax.plot(layer, layers["mean"], color=colour, lw=1.3)
    ax.set_ylabel(unit)
    heading(ax, title)
    depth_axis(ax, len(layers))
    note(ax, text)
    describe(ax, title, tell_tokens(layers, unit))
    return ax


def tell_tokens(layers: pd.DataFrame, unit: str) -> str:
    """Where the mean is highest and lowest, and how wide the middle nine tenths are there."""
    some = layers[layers["mean"].notna()]
    if some.empty:
        return f"{unit} by layer: no layer has a value."
    high, low = (some.iloc[int(i)] for i in (np.argmax(some["mean"]), np.argmin(some["mean"])))
    ends = [
        f"{one['mean']:.3g} at layer {int(one['layer'])} ({one['q05']:.3g} to {one['q95']:.3g})" for one in (high, low)
    ]
    return f"{unit} by layer, mean of all tokens (and 5 to 95 % of them): highest {ends[0]}, lowest {ends[1]}."
