"""The specification curve: every effect in order, and below it the choices that made it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from depthscope.drawing.alt import describe
from depthscope.drawing.fitting import text_width
from depthscope.drawing.forest import column
from depthscope.drawing.style import DOWN, FAINT, INK, NAMES, RULE, UP, heading, note, sheet, styled
from depthscope.words import ALPHA

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PALE = RULE
WORDS: dict[str, Any] = {"fontsize": 6.5, "parse_math": False}
CHOICES: dict[str, Any] = {"fontsize": 6.5, "weight": "bold", "parse_math": False}
# mm of a line of the dashboard
LINE = 3.5
GAP = 7.0
# width of the axes in points, about, and of the word below as a share of it
POINTS, WORD = 340, 0.06
# thousands of lines: as an image, of few colours, they keep a vector figure small
TICKS: dict[str, Any] = {"rasterized": True, "antialiased": False}


@styled
def draw_curve(
    table: pd.DataFrame,
    band: NDArray[np.float64],
    choices: Sequence[str],
    text: str,
    title: str = "Specification curve: one effect per defensible setting",
    default: int = 0,
) -> "Axes":
    """Draw the ordered effects, and a dashboard of the choices below them; returns the axes of the effects.

    Parameters
    ----------
    table : DataFrame, one row per specification
        The ``choices`` in words; ``dz``, ``low``, ``high``, ``p``.
    band : array (2, specifications)
        Lower and upper limit of permuted curves, each put in order.
    choices : sequence of str
        Columns of the table that make the dashboard.
    text, title : str
        Below and above: n, settings, seed; what is shown.
    default : int
        Row of the default specification, which gets a ring.
    """
    order = np.argsort(table["dz"].to_numpy(dtype=np.float64), kind="stable")
    ordered = table.iloc[order].reset_index(drop=True)
    colours = _colours(ordered)
    lines = _lines(table, choices)
    height = max((y for *_, y in lines), default=0.0) + 1
    figure = sheet(84 + LINE * height)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(63, LINE * height))
    _draw_effects(upper, ordered, band, colours)
    if len(table):
        _ring(upper, ordered, int(np.flatnonzero(order == default)[0]))
    _draw_dashboard(lower, ordered, lines, colours)
    left = _write_names(lower, lines)
    # above the legend
    heading(upper, title, pad=18, start=-left)
    note(lower, text, -left)
    describe(figure, title, tell_curve(table, choices), tell_band(ordered, band))
    return upper  # type: ignore[no-any-return]


def tell_curve(table: pd.DataFrame, choices: Sequence[str]) -> str:
    """How many specifications there are, how they lie, and how many are significant."""
    if not len(table):
        return "No specification."
    dz, sure = table["dz"], table["p"] <= ALPHA
    return (
        f"{len(table)} specifications, each a combination of {', '.join(choices)}, in the order of their effects: Cohen's dz "
        f"from {dz.min():+.2f} to {dz.max():+.2f}, median {dz.median():+.2f}; {int((sure & (dz > 0)).sum())} significantly "
        f"above 0, {int((sure & (dz < 0)).sum())} below, {int((~sure).sum())} not significant."
    )


def tell_band(ordered: pd.DataFrame, band: NDArray[np.float64]) -> str:
    """How much of the curve lies outside of what swapped labels give."""
    dz = ordered["dz"].to_numpy(dtype=np.float64)
    outside = int(((dz < band[0]) | (dz > band[1])).sum())
    return f"{outside} of {len(dz)} points lie outside the grey band of curves with labels swapped."


def _colours(table: pd.DataFrame) -> NDArray[np.str_]:
    """Orange and blue where an effect is significant, by its sign; grey elsewhere, also where p is missing."""
    sure = (table["p"] <= ALPHA).to_numpy()
    return np.where(sure & (table["dz"] > 0), UP, np.where(sure & (table["dz"] < 0), DOWN, PALE))


def _lines(table: pd.DataFrame, choices: Sequence[str]) -> list[tuple[str, str, float]]:
    """Choice, option and height of every line of the dashboard, options in the order of the table."""
    lines, y = [], 0.0
    for choice in choices:
        for option in pd.unique(table[choice]):
            lines.append((choice, str(option), y))
            y += 1
        # blocks are set off from each other
        y += 0.5
    return lines


def _draw_effects(ax: "Axes", table: pd.DataFrame, band: NDArray[np.float64], colours: NDArray[np.str_]) -> None:
    x = np.arange(len(table))
    ax.fill_between(x, band[0], band[1], color=FAINT, lw=0, zorder=1, label="95 % with labels swapped")
    ax.axhline(0, color=RULE, lw=0.7, zorder=2)
    count = max(len(table), 1)
    # a line per specification must leave its neighbours visible
    width = float(np.clip(0.8 * POINTS / count, 0.25, 1.5))
    kinds = {UP: "p ≤ .05, positive", DOWN: "p ≤ .05, negative", PALE: "p > .05"}
    for colour, label in kinds.items():
        these = np.flatnonzero(colours == colour)
        if these.size:
            one = table.iloc[these]
            # as an image: see TICKS
            ax.vlines(these, one["low"], one["high"], color=colour, lw=width, alpha=0.4, zorder=3, rasterized=True)
            ax.plot(these, one["dz"], "o", color=colour, ms=1.2 + width, mew=0, zorder=4, label=label)
    ax.set_xlim(-0.02 * count - 0.5, 1.02 * count - 0.5)
    ax.set_ylabel("Cohen's dz at the peak")
    ax.tick_params(axis="x", length=0, labelbottom=False)
    ax.spines["bottom"].set_visible(False)
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=4,
        borderaxespad=0.2,
        columnspacing=1.2,
        handletextpad=0.5,
        markerscale=2,
    )


def _ring(ax: "Axes", table: pd.DataFrame, x: int) -> None:
    """Mark the default, its name above the intervals around it."""
    dz, high = (table[column].to_numpy(dtype=np.float64) for column in ("dz", "high"))
    if not np.isfinite(dz[x]):
        return
    ax.plot(x, dz[x], "o", ms=7, mfc="none", mec=INK, mew=1.2, zorder=6)
    near = np.abs(np.arange(len(table)) - x) <= WORD * len(table)
    top = float(np.nanmax(np.append(high[near], dz[x])))
    ax.annotate(
        "default",
        (x, dz[x]),
        (x, top),
        ha="left" if x < WORD * len(table) else "right" if x > (1 - WORD) * len(table) else "center",
        va="bottom",
        fontsize=NAMES,
        arrowprops={"arrowstyle": "-", "color": INK, "lw": 0.6, "shrinkA": 0, "shrinkB": 4},
        zorder=6,
    )
    # room for the word below the legend
    ax.margins(y=0.1)


def _draw_dashboard(
    ax: "Axes", table: pd.DataFrame, lines: Sequence[tuple[str, str, float]], colours: NDArray[np.str_]
) -> None:
    """One line per option: a tick at each specification that has it, the median of their effects at the right."""
    # ticks about as wide as a specification, so that neighbours join
    width = 0.8 * POINTS / max(len(table), 1)
    for choice, option, y in lines:
        has = (table[choice].astype(str) == option).to_numpy()
        ax.vlines(np.flatnonzero(has), y - 0.34, y + 0.34, colors=list(colours[has]), lw=min(width, 6), **TICKS)
        median = table["dz"][has].median()
        column(ax, [y], [f"median {median:+.2f}" if np.isfinite(median) else "median unknown"], GAP, color=INK, **WORDS)
    ax.set_ylim(max((y for *_, y in lines), default=0.0) + 0.7, -0.7)
    ax.set_yticks([])
    ax.tick_params(axis="x", length=0, labelbottom=False)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set_xlabel(f"{len(table)} specifications, in the order of their effects", labelpad=7)


def _write_names(ax: "Axes", lines: Sequence[tuple[str, str, float]]) -> float:
    """Write choices and options left of the dashboard; returns the points that they take."""
    options = GAP + text_width(ax, [option for _, option, _ in lines], **WORDS)
    names = options + 1.5 * GAP + text_width(ax, [choice for choice, *_ in lines], **CHOICES)
    before = ""
    for choice, option, y in lines:
        column(ax, [y], [option], -options, **WORDS)
        if choice != before:
            column(ax, [y], [choice], -names, **CHOICES)
        before = choice
    return names
