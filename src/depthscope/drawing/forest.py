"""Many effects under one another: a row per contrast, model or set of texts."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from depthscope.drawing.alt import describe
from depthscope.drawing.fitting import text_width
from depthscope.drawing.style import DOWN, INK, MUTED, PAPER, RULE, UP, axes, heading, note, styled
from depthscope.words import MANY, names_text, p_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# points
GAP, INDENT = 8.0, 7.0
ROW: dict[str, Any] = {"fontsize": 7, "parse_math": False}
HEADING: dict[str, Any] = {"fontsize": 6.2, "weight": "bold", "parse_math": False}
# mm of a row
LINE = 4.6
# intervals are cut at this many times the largest effect: those of a handful of items would flatten all the others
REACH = 2.5


@styled
def draw_forest(
    rows: pd.DataFrame, title: str, text: str, unit: str = "Cohen's dz", ax: "Axes | None" = None
) -> "Axes":
    """Draw effects with their intervals, one row each, in the order given.

    Parameters
    ----------
    rows : DataFrame
        ``group``: heading of a block of consecutive rows (may be empty); ``label``; ``n``; ``dz`` with its interval
        ``low``, ``high`` (NaN: could not be computed); ``p``; ``found``: a filled, coloured marker, else a hollow grey one;
        ``said``: words for the right margin, where p stands if they are empty.
    title, text : str
        Above and below: what is shown; n, settings, seed.
    unit : str
        Name of the effect.
    ax : Axes, optional
        Default: new axes, as high as the rows ask for.
    """
    places, headings, height = _lines([str(group) for group in rows["group"]])
    ax = axes(ax, 30 + LINE * height)
    ax.set_ylim(height - 0.3, -0.7)
    ax.set_xlim(*_limits(rows))
    ax.axvline(0, color=RULE, lw=0.7, zorder=0)
    records = rows.to_dict("records")
    for y, row in zip(places, records, strict=True):
        _draw_row(ax, y, row)
    labels = [f"{row['label']} (n = {row['n']})" for row in records]
    names = [name.upper() for _, name in headings]
    indent = INDENT if headings else 0.0
    left = GAP + max(indent + text_width(ax, labels, **ROW), text_width(ax, names, **HEADING))
    column(ax, [y for y, _ in headings], names, -left, **HEADING)
    for y, label, row in zip(places, labels, records, strict=True):
        column(ax, [y], [label], (INDENT if row["group"] else 0.0) - left, **ROW)
    column(ax, places, [_said(row) for row in records], GAP, color=INK, **ROW)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(unit)
    heading(ax, title, start=-left)
    note(ax, text, -left)
    describe(ax, title, tell_forest(records, unit))
    return ax


def column(ax: "Axes", ys: Sequence[float], texts: Sequence[str], start: float, **look: Any) -> None:
    """Write a left-aligned column of texts beside the axes, at the heights ``ys``.

    ``start`` is where the texts begin: points from the right edge of the axes or, if negative, from the left edge.
    """
    for y, text in zip(ys, texts, strict=True):
        ax.annotate(
            text,
            (0 if start < 0 else 1, y),
            (start, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center_baseline",
            annotation_clip=False,
            **look,
        )


def tell_forest(records: Sequence[dict[Any, Any]], unit: str) -> str:
    """How many effects there are, which is farthest from 0, and what was found on either side of it."""
    if not any(np.isfinite(row["dz"]) for row in records):
        return f"{len(records)} effects ({unit}), of which none could be estimated."
    names = _names(records)
    pairs = [(name, row) for name, row in zip(names, records, strict=True) if np.isfinite(row["dz"])]
    above, below = ([name for name, row in pairs if row["found"] and row["dz"] * sign > 0] for sign in (1, -1))
    name, farthest = max(pairs, key=lambda pair: abs(pair[1]["dz"]))
    # only the longer list is cut: the few that go against the rest matter most
    many = max(MANY, min(len(above), len(below)))
    missing = f", {len(records) - len(pairs)} not estimated" if len(records) > len(pairs) else ""
    return (
        f"{len(records)} effects ({unit}) with 95 % intervals, one row each: {len(above)} found above 0, {len(below)} found "
        f"below 0, {len(pairs) - len(above) - len(below)} not found{missing}; farthest from 0 is {name} "
        f"({farthest['dz']:+.2f}, n = {farthest['n']}). Found above 0: {names_text(above, many) or 'none'}. "
        f"Found below 0: {names_text(below, many) or 'none'}."
    )


def _names(records: Sequence[dict[Any, Any]]) -> list[str]:
    """The label of each row, after its group where other rows have the same label."""
    times = Counter(row["label"] for row in records)
    return [
        f"{row['group']}: {row['label']}" if row["group"] and times[row["label"]] > 1 else str(row["label"])
        for row in records
    ]


def _lines(groups: Sequence[str]) -> tuple[list[float], list[tuple[float, str]], float]:
    """Heights of the rows, counted downward; those of the headings; and of the whole."""
    places: list[float] = []
    headings: list[tuple[float, str]] = []
    y, before = 0.0, ""
    for group in groups:
        if group != before:
            # a block is set off from the one above it
            y += 0.4 if places else 0.0
            if group:
                headings.append((y, group))
                y += 1
        places.append(y)
        y, before = y + 1, group
    return places, headings, max(y, 1.0)


def _limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Room for every effect, for 0, and for all of every interval that is not absurdly wide."""
    values = rows[["dz", "low", "high"]].to_numpy(dtype=np.float64)
    reach = max(REACH * float(np.nanmax(np.abs(values[:, 0]), initial=0.0)), 0.4)
    inside = np.clip(values[np.isfinite(values)], -reach, reach)
    low, high = min(inside.min(initial=0.0), -0.05), max(inside.max(initial=0.0), 0.05)
    return low - 0.04 * (high - low), high + 0.04 * (high - low)


def _draw_row(ax: "Axes", y: float, row: dict[Any, Any]) -> None:
    if not np.isfinite(row["dz"]):
        box = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.0}
        ax.text(0, y, "not estimated", ha="center", va="center_baseline", color=MUTED, style="italic", bbox=box, **ROW)
        return
    colour = (UP if row["dz"] > 0 else DOWN) if row["found"] else MUTED
    if np.isfinite(row["low"]) and np.isfinite(row["high"]):
        left, right = ax.get_xlim()
        ax.plot([max(row["low"], left), min(row["high"], right)], [y, y], color=colour, lw=1.4, solid_capstyle="butt")
        # an interval that goes on beyond the axes says so
        for end, cut, marker in ((left, row["low"] < left, "<"), (right, row["high"] > right, ">")):
            if cut:
                ax.plot(end, y, marker=marker, ms=4, color=colour, clip_on=False)
    ax.plot(row["dz"], y, "o", ms=5, mec=colour, mfc=colour if row["found"] else PAPER, mew=1.2)


def _said(row: dict[Any, Any]) -> str:
    """The words for the margin, else p."""
    if row["said"] or not np.isfinite(row["p"]):
        return str(row["said"])
    return p_text(row["p"])
