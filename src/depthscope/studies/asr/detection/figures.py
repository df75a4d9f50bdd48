"""How well each score tells wrong words from right ones, drawn: one panel a group of conditions, one row a score."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from depthscope.drawing.alt import describe
from depthscope.drawing.saving import save
from depthscope.drawing.style import (
    COLOURS,
    FAINT,
    MUTED,
    RULE,
    SMALL,
    axes,
    heading,
    note,
    note_below,
    sheet,
    styled,
    title_above,
)
from depthscope.studies.asr.detection.results import KNOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# panels beside one another; mm of a row, and of what stands around the rows
BESIDE, LINE, AROUND = 4, 4.0, 15.0
NOTE = "AUC: chance that a wrong word is more suspicious than a right one, 95 % bootstrap over clips. Dashed: chance"


def write_detectors(folder: Path, table: pd.DataFrame) -> list[Path]:
    """``detectors-1``, ``detectors-2`` ...: one drawing for each model and kind of speech."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for number, ((model, speech), rows) in enumerate(table.groupby(["model", "speech"], sort=False), 1):
        written += save(draw_detectors(rows, f"{model}, {speech}", NOTE), folder / f"detectors-{number}")
    return written


def plot_detectors(table: pd.DataFrame, ax: "Axes | None" = None) -> "Axes":
    """All conditions together, of the first model and kind of speech; returns matplotlib axes."""
    first = table[(table["model"] == table["model"].iloc[0]) & (table["speech"] == table["speech"].iloc[0])]
    return draw_one(first[first["condition"] == first["condition"].iloc[-1]], ax)


@styled
def draw_one(rows: pd.DataFrame, ax: "Axes | None" = None) -> "Axes":
    """One panel by itself."""
    ax = axes(ax, 30 + LINE * len(rows), 120)
    _panel(ax, rows, list(rows["detector"]), True)
    title = f"{rows['model'].iloc[0]}, {rows['speech'].iloc[0]}: which words are wrong?"
    heading(ax, title)
    note(ax, NOTE)
    describe(ax, title, tell_detectors(rows))
    return ax


@styled
def draw_detectors(table: pd.DataFrame, title: str, text: str) -> "Figure":
    """All groups of conditions; ``table``: :func:`depthscope.studies.asr.detection.results.detectors_table`, of one model."""
    names = list(dict.fromkeys(table["detector"]))
    groups = list(dict.fromkeys(table["condition"]))
    lines = -(-len(groups) // BESIDE)
    figure = sheet(12 + lines * (AROUND + LINE * len(names)))
    for number, group in enumerate(groups):
        ax = figure.add_subplot(lines, min(BESIDE, len(groups)), number + 1)
        rows = table[table["condition"] == group]
        _panel(ax, rows, names, number % BESIDE == 0)
        ax.set_title(f"{group}: {rows['wrong'].iloc[0]} of {rows['words'].iloc[0]} wrong", loc="left", fontsize=SMALL)
    title_above(figure, title)
    note_below(figure, text)
    describe(figure, title, tell_detectors(table))
    return figure


def _panel(ax: "Axes", rows: pd.DataFrame, names: list[str], named: bool) -> None:
    places = np.array([names.index(name) for name in rows["detector"]])
    ax.axvline(0.5, color=RULE, lw=0.8, ls=(0, (4, 3)))
    known = rows["detector"].isin(KNOWN).to_numpy()
    look: dict[str, Any] = {"ls": "none", "marker": "o", "ms": 3.5}
    for mine, colour in ((known, MUTED), (~known, COLOURS[1])):
        ax.hlines(places[mine], rows["low"][mine], rows["high"][mine], color=colour, lw=1.2)
        ax.plot(rows["auc"][mine], places[mine], color=colour, **look)
    ax.set_xlim(0, 1)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(axis="y", color=FAINT, lw=0.5)
    ax.set_yticks(range(len(names)), names if named else [""] * len(names), fontsize=SMALL)
    ax.set_xlabel("AUC")


def tell_detectors(table: pd.DataFrame) -> str:
    """Of each group how well log p does, and which score does best."""
    said = []
    for group, rows in table.groupby("condition", sort=False):
        best = rows.iloc[int(rows["auc"].argmax())]
        own = rows[rows["detector"] == KNOWN[0]]
        probability = f"log p {own['auc'].iloc[0]:.2f}, " if len(own) else ""
        said.append(
            f"{group} ({rows['wrong'].iloc[0]} of {rows['words'].iloc[0]} wrong): {probability}largest {best['detector']} "
            f"{best['auc']:.2f} from {best['low']:.2f} to {best['high']:.2f}."
        )
    return " ".join(said)
