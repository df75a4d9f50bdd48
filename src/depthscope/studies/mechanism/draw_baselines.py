"""One contrast on several measures: dz by depth in small panels, and what a classifier makes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from depthscope.drawing.alt import describe
from depthscope.drawing.depths import REACH, Panel
from depthscope.drawing.difference import mark_clusters, total_depth
from depthscope.drawing.style import (
    COLOURS,
    FAINT,
    HELD,
    INK,
    NAMES,
    RULE,
    SMALL,
    note_below,
    sheet,
    styled,
    title_above,
)
from depthscope.words import ALPHA, layers_text, names_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpec

ACROSS = 3
# mm of a row of panels
HIGH = 46.0
# share of the width that the names of sets take
MARGIN = 0.34
CHANCE = 0.5
# of the ways in which a classifier is fed: colour and marker
LOOKS = ((INK, "o"), (COLOURS[3], "D"))


@dataclass(frozen=True)
class MeasurePanel(Panel):
    """One measure: its contrast, and ``given``, dz with others held equal over the window, which speaks of the window only."""

    given: xr.DataArray | None = None
    given_label: str = ""


@dataclass(frozen=True)
class ScoreRow:
    """AUC of one set of features: by the way it is fed, value and interval."""

    label: str
    auc: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)


@styled
def draw_baselines(
    panels: Sequence[MeasurePanel],
    window: tuple[int, int],
    scores: Sequence[ScoreRow],
    said: str,
    title: str,
    text: str,
) -> "Figure":
    """Draw a panel for each measure, three in a row, then one for the classifier.

    Parameters
    ----------
    panels : sequence of MeasurePanel
    window : (first, last)
        Layers at which measures are compared: dashed lines through all panels.
    scores : sequence of ScoreRow
        Empty: no classifier.
    said : str
        Below the scores, what they come to.
    title, text : str
        Above and below: what is shown; n, settings, seed.
    """
    count = len(panels)
    # the classifier takes what is left of the last row, or a row of its own where that is too narrow for its names
    free = -count % ACROSS
    own = bool(scores) and free < 2
    rows = -(-count // ACROSS) + own
    figure = sheet(20 + HIGH * rows + (12 if own else 0))
    grid = figure.add_gridspec(rows, ACROSS, height_ratios=[1.0] * (rows - own) + [1.3] * own)
    _measures(figure, grid, panels, window)
    if scores:
        place = grid[rows - 1, :] if own else grid[rows - 1, ACROSS - free :]
        _scores(figure.add_subplot(place), scores, said)
    title_above(figure, title)
    note_below(
        figure,
        f"{text}. Bands: 95 % intervals; shaded: clusters with p <= .05, pale: the others; dashed: the window of CSE, in "
        "which alone dz with others held equal is drawn.",
    )
    describe(figure, title, tell_measures(panels, window), tell_scores(scores), said)
    return figure


def tell_measures(panels: Sequence[MeasurePanel], window: tuple[int, int]) -> str:
    """Which measures have a cluster in the window."""
    first, last = window
    there = [
        panel.label
        for panel in panels
        if any(p <= ALPHA and begin <= last and end >= first for begin, end, p, _ in panel.spans)
    ]
    return (
        f"Cohen's dz by layer for {len(panels)} measures ({names_text(panel.label for panel in panels)}). A cluster with "
        f"p <= .05 that meets {layers_text(first, last)}: {names_text(there) or 'none'}."
    )


def tell_scores(scores: Sequence[ScoreRow]) -> str:
    """Which set of features separates the conditions best."""
    if not scores:
        return ""
    auc, label, feed = max((auc[0], row.label, feed) for row in scores for feed, auc in row.auc.items())
    return f"Below, AUC of classifiers on {len(scores)} sets of features: best {label} ({feed}), {auc:.2f}."


def _measures(figure: "Figure", grid: "GridSpec", panels: Sequence[MeasurePanel], window: tuple[int, int]) -> None:
    limits = _limits(panels, window)
    for i, panel in enumerate(panels):
        ax = figure.add_subplot(grid[i // ACROSS, i % ACROSS])
        ax.set_ylim(*limits)
        _measure(ax, panel, window)
        if i % ACROSS == 0:
            ax.set_ylabel("dz")
        else:
            ax.set_yticklabels([])
        if i + ACROSS >= len(panels):
            ax.set_xlabel("layer")


def _measure(ax: "Axes", panel: MeasurePanel, window: tuple[int, int]) -> None:
    table, depth = panel.table, total_depth(panel.table)
    ax.axhline(0, color=RULE, lw=0.7, zorder=0)
    for edge in (window[0] - 0.5, window[1] + 0.5):
        ax.axvline(edge, ls=(0, (4, 3)), color=RULE, lw=0.7, zorder=0)
    ax.fill_between(table["layer"], table["dz_low"], table["dz_high"], color=FAINT, lw=0)
    ax.plot(table["layer"], table["dz"], color=INK, lw=1.1, marker="o", ms=2.2)
    if panel.given is not None:
        inside = panel.given.sel(layer=slice(*window))
        ax.plot(inside["layer"], inside, color=HELD, lw=1.6, label=panel.given_label)
        ax.legend(loc="lower left", fontsize=SMALL, handlelength=1.4, borderaxespad=0.1)
    mark_clusters(ax, panel.spans)
    for label in list(ax.texts):  # their p would run into each other in so narrow a panel
        label.remove()
    ax.set_xlim(0.5, depth + 0.5)
    ax.set_title(panel.label, loc="left", fontsize=8, pad=4)


def _limits(panels: Sequence[MeasurePanel], window: tuple[int, int]) -> tuple[float, float]:
    """Room for every curve, for intervals that are not absurdly wide, and for the name of a curve below them."""
    curves = [panel.table["dz"].values for panel in panels]
    curves += [p.given.sel(layer=slice(*window)).values for p in panels if p.given is not None]
    dz = np.concatenate(curves)
    ends = np.concatenate([panel.table[name].values for panel in panels for name in ("dz_low", "dz_high")])
    reach = max(REACH * float(np.nanmax(np.abs(dz), initial=0.0)), 0.3)
    seen = np.concatenate([dz[np.isfinite(dz)], np.clip(ends[np.isfinite(ends)], -reach, reach), [0.0]])
    low, high = float(seen.min()), float(seen.max())
    room = max(high - low, 0.1)
    return low - 0.2 * room, high + 0.06 * room


def _scores(ax: "Axes", scores: Sequence[ScoreRow], said: str) -> None:
    feeds = list(dict.fromkeys(feed for row in scores for feed in row.auc))
    shift = 0.16 if len(feeds) > 1 else 0.0
    for i, feed in enumerate(feeds):
        colour, marker = LOOKS[i % len(LOOKS)]
        for y, row in enumerate(scores):
            if feed not in row.auc:
                continue
            value, low, high = row.auc[feed]
            at = y + shift * (2 * i - len(feeds) + 1)
            ax.plot([low, high], [at, at], color=colour, lw=1.3, solid_capstyle="butt")
            ax.plot(value, at, marker=marker, ms=4.5, color=colour, ls="none", label="" if y else feed)
    seen = [end for row in scores for triple in row.auc.values() for end in triple] + [CHANCE]
    room = max(seen) - min(seen)
    # names stand inside: in the margin they would take the width from the panels above
    ax.set_xlim(min(seen) - MARGIN / (1 - MARGIN) * 1.05 * room, max(seen) + 0.05 * room)
    ax.set_ylim(len(scores) + 0.5 * bool(said), -0.6)
    ax.vlines(CHANCE, -0.6, len(scores) - 0.5, color=RULE, lw=0.7, zorder=0)
    for y, row in enumerate(scores):
        ax.text(0, y, row.label, transform=ax.get_yaxis_transform(), va="center_baseline", fontsize=NAMES)
    ax.text(
        0, len(scores), said, transform=ax.get_yaxis_transform(), va="center_baseline", fontsize=NAMES, weight="bold"
    )
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xticks([tick for tick in ax.get_xticks() if min(seen) - 0.05 < tick <= max(seen)])
    ax.set_xlabel("AUC on items not seen (0.5: chance)", loc="right")
    ax.set_title("Telling the conditions apart", loc="left", fontsize=8, pad=4)
    if len(feeds) > 1:
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.1, columnspacing=1.2)
