"""One effect in many models: curves on one relative depth, the pooled curve, and a forest that is their legend too."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.drawing.alt import describe
from depthscope.drawing.conditions import PALETTE
from depthscope.drawing.fitting import room, text_width, wrap
from depthscope.drawing.forest import column
from depthscope.drawing.saving import save
from depthscope.drawing.style import (
    FAINT,
    INK,
    MUTED,
    NAMES,
    PAPER,
    RULE,
    SMALL,
    WASH,
    note_below,
    sheet,
    styled,
    title_above,
)
from depthscope.errors import require
from depthscope.words import ALPHA, names_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)))
# intervals of two or three models are wide enough to flatten every curve: they are cut at this many times the largest effect
REACH = 1.4
# letters of a name that are shown, points between columns, numbers of models along the top
NAME, GAP, KEY, COUNTS = 48, 8.0, 16.0, 20
# mm of the curves and of a row
CURVES, LINE = 82.0, 5.0
ROW: dict[str, Any] = {"fontsize": NAMES, "parse_math": False}


@styled
def draw_meta(
    models: Mapping[str, xr.Dataset],
    pooled: xr.Dataset,
    rows: pd.DataFrame,
    whole: Mapping[str, float],
    depth: tuple[float, float],
    title: str,
    text: str,
    words: str,
) -> "Figure":
    """Draw the curves, and below them the forest of the range.

    Parameters
    ----------
    models : mapping of Dataset over relative_depth
        By name: ``dz``, one thin line each.
    pooled : Dataset over relative_depth
        ``estimate`` with its interval ``low``, ``high``, the ``prediction_low``, ``prediction_high`` of a new model, and ``k``,
        the number of models measured there. NaN: none.
    rows : DataFrame
        ``label``, ``n``, ``layers`` (those in the range), ``dz``, ``low``, ``high``, ``p``: a row per model, in the order of
        ``models``.
    whole : mapping
        The same names as ``pooled`` has, for the range.
    depth : (low, high)
        The range of relative depth, shaded.
    title, text, words : str
        Above; below (n, settings, seed); below the forest (how different the models are).
    """
    forest = 24 + LINE * (len(rows) + 2)
    figure = sheet(20 + CURVES + forest)
    # the keys before the names are arrows, for which a layout makes no room
    margin = (KEY + 6) / 72 / figure.get_figwidth()
    engine: Any = figure.get_layout_engine()
    engine.set(rect=(margin, 0, 1 - margin, 1))
    # each in a grid of its own: the columns beside the forest would make the curves as narrow
    grid = figure.add_gridspec(2, 1, height_ratios=(CURVES, forest))
    upper, lower = (figure.add_subplot(part.subgridspec(1, 1)[0]) for part in (grid[0], grid[1]))
    looks = [
        {"color": PALETTE[i % len(PALETTE)], "ls": STYLES[i // len(PALETTE) % len(STYLES)]} for i in range(len(models))
    ]
    _draw_curves(upper, models, pooled, depth, looks)
    _draw_forest(lower, rows, whole, looks, f"dz over relative depth {depth[0]:g} to {depth[1]:g}", words)
    title_above(figure, title)
    note_below(figure, text)
    describe(figure, title, tell_models(rows, depth), tell_pooled(whole))
    return figure


def tell_models(rows: pd.DataFrame, depth: tuple[float, float]) -> str:
    """In which models there is an effect in the range."""
    above, below = (
        [str(r["label"]) for r in rows.to_dict("records") if r["p"] <= ALPHA and r["dz"] * s > 0] for s in (1, -1)
    )
    return (
        f"Cohen's dz by relative depth in {len(rows)} models, a line each, and of the mean over relative depth {depth[0]:g} to "
        f"{depth[1]:g} a row each: above 0 at p <= .05 in {len(above)} ({names_text(above) or 'none'}), below 0 in "
        f"{len(below)} ({names_text(below) or 'none'})."
    )


def tell_pooled(whole: Mapping[str, float]) -> str:
    """What the models say together."""
    if whole["k"] < 2:
        return ""
    new = (
        f"; a new model is expected between {whole['prediction_low']:+.2f} and {whole['prediction_high']:+.2f}"
        if np.isfinite(whole["prediction_low"])
        else ""
    )
    return f"Pooled over {int(whole['k'])} models: {_said(whole['estimate'], whole['low'], whole['high'])}{new}."


def _draw_curves(
    ax: "Axes",
    models: Mapping[str, xr.Dataset],
    pooled: xr.Dataset,
    depth: tuple[float, float],
    looks: list[dict[str, Any]],
) -> None:
    grid = pooled["relative_depth"].values
    ax.axvspan(*depth, color=WASH, lw=0, zorder=0)
    ax.axhline(0, color=RULE, lw=0.7, zorder=1)
    several = bool((pooled["k"].values > 1).any())
    if several:
        shown = {name: np.where(pooled["k"] > 1, pooled[name], np.nan) for name in ("estimate", "low", "high")}
        if np.isfinite(pooled["prediction_low"]).any():
            new = pooled["prediction_low"], pooled["prediction_high"]
            ax.fill_between(grid, *new, color=INK, alpha=0.1, lw=0, label="where a new model is expected (95 %)")
        ax.fill_between(grid, shown["low"], shown["high"], color=INK, alpha=0.22, lw=0, label="its 95 % interval")
        ax.plot(grid, shown["estimate"], color=INK, lw=2.2, zorder=5, label="pooled")
    for (name, curve), look in zip(models.items(), looks, strict=True):
        ax.plot(grid, curve["dz"], lw=1.1, marker="o", ms=2.2, zorder=4, gid=name, **look)
    ax.set_ylim(*_limits([curve["dz"].values for curve in models.values()], pooled if several else None))
    ax.set_xlim(0, 1.02)
    ax.set_xlabel("relative depth (layer / number of layers)")
    ax.set_ylabel("effect, Cohen's dz")
    ax.set_title("Along depth; number of models measured on top; shaded: the range", loc="left", fontsize=8, pad=14)
    _write_counts(ax, grid, pooled["k"].values)
    if several:
        handles, labels = ax.get_legend_handles_labels()
        ax.legend(handles[::-1], labels[::-1], loc="best")


def _write_counts(ax: "Axes", grid: Any, counts: Any) -> None:
    """How many models stand behind each point, in small print above the axes."""
    step = -(-len(grid) // COUNTS)
    for x, k in list(zip(grid, counts, strict=True))[step - 1 :: step]:
        ax.annotate(
            str(int(k)),
            (x, 1),
            (0, 2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=SMALL,
            color=MUTED,
        )


def _limits(curves: list[Any], pooled: xr.Dataset | None) -> tuple[float, float]:
    """Room for every curve, and for as much of the bands as does not flatten them."""
    values = np.concatenate(curves)
    values = values[np.isfinite(values)]
    reach = max(REACH * float(np.max(np.abs(values), initial=0.0)), 0.3)
    if pooled is not None:
        names = ("low", "high", "prediction_low", "prediction_high")
        ends = np.concatenate([pooled[name].values[pooled["k"].values > 1] for name in names])
        values = np.concatenate([values, np.clip(ends[np.isfinite(ends)], -reach, reach)])
    low, high = min(values.min(initial=0.0), -0.1), max(values.max(initial=0.0), 0.1)
    return low - 0.05 * (high - low), high + 0.05 * (high - low)


def _draw_forest(
    ax: "Axes", rows: pd.DataFrame, whole: Mapping[str, float], looks: list[dict[str, Any]], unit: str, words: str
) -> None:
    records, bottom = rows.to_dict("records"), len(rows) + 0.5
    pooled, predicted = whole["k"] > 1, bool(np.isfinite(whole["prediction_low"]))
    ax.set_xlim(*_forest_limits(rows, whole))
    ax.set_ylim(bottom + (0.6 if pooled else -0.4) + (1.0 if predicted else 0.0), -0.7)
    ax.axvline(0, color=RULE, lw=0.7, zorder=0)
    for y, (row, look) in enumerate(zip(records, looks, strict=True)):
        _draw_row(ax, y, row, look["color"])
    names = [f"{_short(str(row['label']))} (n = {row['n']})" for row in records]
    said = [_said(row["dz"], row["low"], row["high"]) for row in records]
    places: list[float] = [float(y) for y in range(len(records))]
    wide = [*names]
    if pooled:
        ax.axhline(bottom - 0.75, color=FAINT, lw=0.6)
        _draw_diamond(ax, bottom, whole)
        names.append(f"pooled, {int(whole['k'])} models")
        said.append(_said(whole["estimate"], whole["low"], whole["high"]))
        places.append(bottom)
    if predicted:
        _draw_interval(ax, bottom + 1, whole["prediction_low"], whole["prediction_high"], color=RULE, lw=3)
        names.append("a new model (95 %)")
        said.append(f"[{whole['prediction_low']:+.2f}, {whole['prediction_high']:+.2f}]")
        places.append(bottom + 1)
    start = -(GAP + text_width(ax, [*wide, *names], **ROW))
    column(ax, places, names, start, **ROW)
    column(ax, places, said, GAP, color=INK, **ROW)
    _draw_keys(ax, looks, start - KEY - 3)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(unit)
    ax.annotate(
        wrap(ax.figure, words, room(ax, start), size=NAMES),
        (0, 0),
        (start, -30),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=NAMES,
        color=INK,
        va="top",
        annotation_clip=False,
    )


def _draw_keys(ax: "Axes", looks: list[dict[str, Any]], start: float) -> None:
    """A piece of each model's line before its name: the forest is the legend of the curves."""
    for y, look in enumerate(looks):
        style: dict[str, Any] = {"arrowstyle": "-", "lw": 1.6, "shrinkA": 0, "shrinkB": 0, **look}
        points = {"xycoords": (_points_left(ax, start + KEY), "data"), "textcoords": (_points_left(ax, start), "data")}
        ax.annotate("", (0, y), (0, y), arrowprops=style, annotation_clip=False, **points)


def _points_left(ax: "Axes", points: float) -> Any:
    """The left edge of the axes, moved by so many points."""
    offset = require("matplotlib.transforms", "figures").offset_copy
    return offset(ax.transAxes, ax.figure, points, 0, units="points")


def _draw_row(ax: "Axes", y: float, row: dict[Any, Any], colour: str) -> None:
    if not np.isfinite(row["dz"]):
        box = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.0}
        ax.text(0, y, "not measured there", ha="center", va="center", color=MUTED, style="italic", bbox=box, **ROW)
        return
    if np.isfinite(row["low"]) and np.isfinite(row["high"]):
        _draw_interval(ax, y, row["low"], row["high"], color=colour, lw=1.4)
    found = row["p"] <= ALPHA
    ax.plot(row["dz"], y, "o", ms=5, mec=colour, mfc=colour if found else PAPER, mew=1.2)


def _draw_interval(ax: "Axes", y: float, low: float, high: float, **look: Any) -> None:
    """A line from ``low`` to ``high``; where it goes on beyond the axes an arrow says so."""
    left, right = ax.get_xlim()
    ax.plot([max(low, left), min(high, right)], [y, y], solid_capstyle="butt", **look)
    for end, cut, marker in ((left, low < left, "<"), (right, high > right, ">")):
        if cut:
            ax.plot(end, y, marker=marker, ms=4, color=look["color"], clip_on=False)


def _draw_diamond(ax: "Axes", y: float, whole: Mapping[str, float]) -> None:
    left, right = ax.get_xlim()
    low, high = max(whole["low"], left), min(whole["high"], right)
    # as high on paper whether there are two rows or twenty
    half = min(0.3, 0.045 * abs(float(np.diff(ax.get_ylim())[0])))
    ax.fill([low, whole["estimate"], high, whole["estimate"]], [y, y - half, y, y + half], color=INK, lw=0)
    for end, cut, marker in ((left, whole["low"] < left, "<"), (right, whole["high"] > right, ">")):
        if cut:
            ax.plot(end, y, marker=marker, ms=4, color=INK, clip_on=False)


def _forest_limits(rows: pd.DataFrame, whole: Mapping[str, float]) -> tuple[float, float]:
    values = rows[["dz", "low", "high"]].to_numpy(dtype=np.float64)
    reach = max(2 * REACH * float(np.nanmax(np.abs(values[:, 0]), initial=0.0)), 0.4)
    ends = [values.ravel()]
    if whole["k"] > 1:
        ends.append(np.array([whole[name] for name in ("low", "high", "prediction_low", "prediction_high")]))
    every = np.concatenate(ends)
    inside = np.clip(every[np.isfinite(every)], -reach, reach)
    low, high = min(inside.min(initial=0.0), -0.05), max(inside.max(initial=0.0), 0.05)
    return low - 0.04 * (high - low), high + 0.04 * (high - low)


def _short(name: str) -> str:
    return name if len(name) <= NAME else f"{name[: NAME - 12]}...{name[-9:]}"


def _said(value: float, low: float, high: float) -> str:
    if not np.isfinite(value):
        return ""
    return f"{value:+.2f} [{low:+.2f}, {high:+.2f}]" if np.isfinite(low) else f"{value:+.2f} [no interval]"


def write_meta(folder: Path, ax: "Axes") -> list[Path]:
    """``compare``: one contrast in many finished runs; ``ax`` from ``Comparison.plot``."""
    folder.mkdir(exist_ok=True)
    return save(ax.figure, folder / "compare")
