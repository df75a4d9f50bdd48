"""Observed CSE beside what trajectories without organisation in depth would give."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import xarray as xr

from depthscope.drawing.alt import describe
from depthscope.drawing.difference import total_depth
from depthscope.drawing.style import COLOURS, INK, MUTED, RULE, depth_axis, heading, note, sheet, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# colour (not those of the conditions), hatch and dashes of each null: distinct without colour, and where they coincide;
# hatches of lines, for one of dots takes a quarter of a megabyte
LOOKS: tuple[tuple[str, str, Any], ...] = (
    (COLOURS[2], "////", "-"),
    (COLOURS[3], "----", (0, (5, 1.5))),
    (COLOURS[4], "\\\\\\\\", (0, (1, 1.2))),
    (COLOURS[5], "xxxx", (0, (4, 1, 1, 1))),
    (MUTED, "++++", (0, (2, 2))),
)


@styled
def draw_nulls(
    layers: xr.Dataset,
    table: xr.Dataset,
    nulls: Sequence[tuple[str, xr.Dataset]],
    names: tuple[str, str],
    title: str,
    text: str,
) -> "Axes":
    """Draw CSE of two conditions (above) and their difference (below), each with one band per null; returns the upper axes.

    Parameters
    ----------
    layers : Dataset over (condition, layer)
        ``mean``, ``low``, ``high`` of what was observed.
    table : Dataset over layer
        ``difference``, ``low``, ``high`` of the contrast.
    nulls : sequence of (label, Dataset)
        ``mean``, ``low``, ``high`` over (condition, layer); ``difference``, ``difference_low``, ``difference_high`` over
        layer.
    names : (str, str)
        The two conditions, as in "first - second".
    title, text : str
        Above and below: what is shown; n, settings, seed.
    """
    figure = sheet(142)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    lower.axhline(0, color=RULE, lw=0.7, zorder=1)
    observed, modelled = [], []
    for i, (_, null) in enumerate(nulls):
        both = null.sel(condition=list(names))
        ends = both["low"].min("condition"), both["high"].max("condition")
        modelled.append(_draw_null(upper, both["mean"].mean("condition"), *ends, i))
        _draw_null(lower, null["difference"], null["difference_low"], null["difference_high"], i)
    for i, name in enumerate(names):
        one = layers.sel(condition=name)
        upper.fill_between(one["layer"], one["low"], one["high"], color=COLOURS[i], alpha=0.2, lw=0, zorder=3)
        observed += upper.plot(one["layer"], one["mean"], color=COLOURS[i], lw=1.6, zorder=4)
    lower.fill_between(table["layer"], table["low"], table["high"], color=INK, alpha=0.15, lw=0, zorder=3)
    observed += lower.plot(table["layer"], table["difference"], color=INK, lw=1.2, marker="o", ms=2.5, zorder=4)
    depth_axis(upper, total_depth(layers))
    upper.set_xlabel("")
    lower.set_xlabel("layer")
    upper.set_ylabel("CSE")
    lower.set_ylabel("difference in CSE")
    figure.align_ylabels()
    heading(upper, title)
    words = [*names, f"{names[0]} - {names[1]}", *(label for label, _ in nulls)]
    _write_legend(upper, [*observed, *modelled], words)
    note(lower, text)
    first = f"CSE by layer of {names[0]} and {names[1]} (above) and their difference (below), with what nulls expect."
    describe(figure, title, first, *(tell_null(label, null, table) for label, null in nulls))
    return upper  # type: ignore[no-any-return]


def tell_null(label: str, null: xr.Dataset, table: xr.Dataset) -> str:
    """At how many layers the difference lies beyond the band of a null."""
    observed, low, high = table["difference"], null["difference_low"], null["difference_high"]
    outside = int(((observed < low) | (observed > high)).sum())
    return f"The difference lies outside the band of {label} at {outside} of {int(observed.notnull().sum())} layers."


def _draw_null(ax: "Axes", mean: xr.DataArray, low: xr.DataArray, high: xr.DataArray, i: int) -> tuple[Any, Any]:
    """Draw one null; returns its band and its line."""
    colour, hatch, dashes = LOOKS[i % len(LOOKS)]
    look: dict[str, Any] = {"facecolor": (colour, 0.16), "edgecolor": (colour, 0.55), "hatch": hatch, "lw": 0.4}
    band = ax.fill_between(mean["layer"], low, high, **look, zorder=2)
    return band, ax.plot(mean["layer"], mean, color=colour, lw=1.1, ls=dashes, zorder=2.5)[0]


def _write_legend(ax: "Axes", handles: Sequence[Any], words: Sequence[str]) -> None:
    """Below the upper panel, so between the two: lines and bands may fill both."""
    longest = max(len(word) for word in words)
    columns = 3 if longest <= 24 else 2 if longest <= 40 else 1
    ax.legend(handles, words, loc="upper left", bbox_to_anchor=(0, -0.02), ncols=columns, borderaxespad=0.2)
