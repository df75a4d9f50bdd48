"""The figures of a scan: a measure of many tokens, layer by layer, of all tokens and by kind of token."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from depthscope.drawing.alt import describe
from depthscope.drawing.conditions import draw_conditions
from depthscope.drawing.saving import save
from depthscope.drawing.style import COLOURS, axes, depth_axis, heading, note, styled
from depthscope.scan.results import Summaries

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


def draw_measure(found: Summaries, measure: str, ax: "Axes | None" = None) -> "Axes":
    """Mean of all tokens along depth, and between what the middle half and nine tenths lie."""
    text = f"{found.record.results['tokens']:,} tokens; bands: the middle half and nine tenths of them"
    return draw_tokens(found.layers(measure), found.record.title, text, found.unit(measure), ax)


def draw_kinds(found: Summaries, measure: str, ax: "Axes | None" = None) -> "Axes":
    """Means along depth, by kind of token."""
    text = f"means of {found.record.results['tokens']:,} tokens"
    layers, unit = found.kinds(measure), found.unit(measure)
    return draw_conditions(layers, [], found.record.title, text, ax, unit, of="kinds of token")


def write_figures(folder: Path, found: Summaries) -> list[Path]:
    """Draw every measure that has a value at some layer: ``tokens-NAME``, ``kinds-NAME``."""
    folder.mkdir(exist_ok=True)
    written = []
    for measure in found.drawn:
        written += save(draw_measure(found, measure).figure, folder / f"tokens-{measure}")
        written += save(draw_kinds(found, measure).figure, folder / f"kinds-{measure}")
    return written
