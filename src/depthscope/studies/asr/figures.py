"""What a recogniser listened to, drawn: maps over time, layers, heads, words that were heard or not, ways of attribution."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from depthscope.drawing.alt import describe
from depthscope.drawing.reading import short, some
from depthscope.drawing.style import (
    COLOURS,
    FAINT,
    INK,
    MUTED,
    RULE,
    SMALL,
    axes,
    depth_axis,
    heading,
    note,
    note_below,
    sheet,
    styled,
    title_above,
)
from depthscope.errors import require
from depthscope.words import names_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# so many tokens have their names beside them, each row so many mm high; of more, rows are thinner
FEW, ROW, THIN = 60, 3.0, 0.7
# a map is drawn up to the outermost percent of its values
TOP = 99.5
# how roles of heads are marked, and the letters that stand in a grid
MARKS = {"hears the next word": "N", "hears the word just read": "R", "rests in padding": "P", "other": ""}
MARKERS = "osD^vP*X"


@styled
def draw_map(
    values: NDArray[np.floating],
    times: NDArray[np.floating],
    tokens: pd.DataFrame,
    title: str,
    text: str,
    ax: "Axes | None" = None,
) -> "Axes":
    """Heat map of the tokens of one window over time, from the top down, with a line around each one's own interval.

    Parameters
    ----------
    values : array (token, frame)
        Rows sum to 1.
    times : array (frame,)
        Seconds at which frames are centred.
    tokens : DataFrame
        ``text``, ``start``, ``end`` of each row.
    title, text : str
        Above and below: what was written; model and method.
    """
    count = len(values)
    ax = axes(ax, 42 + min(count * (ROW if count <= FEW else THIN), 180))
    edges = _edges(times)
    mesh = ax.pcolormesh(
        edges,
        np.arange(count + 1) - 0.5,
        np.sqrt(values),
        rasterized=True,
        cmap="Blues",
        vmin=0,
        vmax=float(np.sqrt(np.percentile(values.max(1), TOP))) or 1.0,
    )
    bar = ax.figure.colorbar(mesh, ax=ax, label="share of the token\nin a frame (root scale)", pad=0.02, extend="max")
    ticks = [tick for tick in bar.get_ticks() if 0 <= tick <= mesh.norm.vmax]
    bar.set_ticks(ticks, labels=[f"{tick**2:.2g}" for tick in ticks])
    starts, ends = (tokens[name].to_numpy(np.float64) for name in ("start", "end"))
    rows = np.tile(np.arange(count), 2)
    ax.vlines(np.concatenate([starts, ends]), rows - 0.5, rows + 0.5, color=INK, lw=0.7)
    if count <= FEW:
        ax.set_yticks(np.arange(count), [short(str(piece)) for piece in tokens["text"]], fontsize=SMALL)
    ax.set_ylim(count - 0.5, -0.5)
    ax.set_xlim(edges[0], edges[-1])
    ax.set_xlabel("seconds")
    ax.set_ylabel("" if count <= FEW else "token")
    heading(ax, title)
    note(ax, f"{text}. Upright lines: where each token begins and ends")
    describe(ax, title, tell_map(values, times, tokens))
    return ax


def tell_map(values: NDArray[np.floating], times: NDArray[np.floating], tokens: pd.DataFrame) -> str:
    """What is drawn, whether peaks move on with the text, and the token whose peak is highest and lowest."""
    first = f"Maps of {some(len(values), 'token')} (rows) over {times[-1] - times[0]:.1f} s."
    if not len(values):
        return first
    peaks = times[values.argmax(1)]
    forward = float((np.diff(peaks) >= 0).mean()) if len(peaks) > 1 else 1.0
    tops = values.max(1)
    high, low = int(tops.argmax()), int(tops.argmin())
    named = [f"{short(str(tokens['text'].iloc[k]))} ({tops[k]:.2g} at {peaks[k]:.2f} s)" for k in (high, low)]
    return (
        f"{first} The peak moves forward or stays from one token to the next in {forward:.0%} of steps. The sharpest peak is "
        f"that of {named[0]}, the flattest that of {named[1]}."
    )


@styled
def draw_layers(table: pd.DataFrame, title: str, text: str) -> "Figure":
    """Mass inside the word and entropy by layer, each with its 95 % interval, and causal weights where they are.

    ``table``: as of :func:`depthscope.studies.asr.depth.by_layer`, with ``causal`` (and its interval) if it was measured.
    """
    shown = [
        (name, label)
        for name, label in (
            ("inside", "mass inside the word"),
            ("entropy", "entropy (0 to 1)"),
            ("causal", "cost without the layer (nats)"),
        )
        if name in table and table[name].notna().any()
    ]
    figure = sheet(78)
    depth = int(table["layer"].max())
    for number, (name, label) in enumerate(shown):
        ax = figure.add_subplot(1, len(shown), number + 1)
        colour = COLOURS[number]
        if f"{name}_low" in table:
            ax.fill_between(table["layer"], table[f"{name}_low"], table[f"{name}_high"], color=colour, alpha=0.18, lw=0)
        ax.plot(table["layer"], table[name], color=colour, marker=MARKERS[number], ms=3)
        ax.set_title(label, loc="left")
        depth_axis(ax, depth)
        _whole(ax.xaxis)
        ax.set_ylim(bottom=min(0.0, float(table[name].min())))
    title_above(figure, title)
    note_below(figure, text)
    describe(figure, title, tell_layers(table, shown))
    return figure


def tell_layers(table: pd.DataFrame, shown: Sequence[tuple[str, str]]) -> str:
    """Where each is largest and smallest."""
    said = []
    for name, label in shown:
        high, low = table.iloc[int(table[name].argmax())], table.iloc[int(table[name].argmin())]
        said.append(
            f"{label.capitalize()} is largest at layer {int(high['layer'])} ({high[name]:.3g}) and smallest at layer "
            f"{int(low['layer'])} ({low[name]:.3g})."
        )
    return " ".join(said)


@styled
def draw_heads(table: pd.DataFrame, title: str, text: str, ax: "Axes | None" = None) -> "Axes":
    """Grid of layers and heads: mass inside the next word as colour, the role as a letter.

    ``table``: ``layer``, ``head``, ``mass_next``, ``role`` (may be empty): the table of ``Roles``.
    """
    grid = table.pivot(index="head", columns="layer", values="mass_next")
    ax = axes(ax, 34 + min(6 * len(grid), 130), 150)
    columns, rows = grid.columns.to_numpy(np.float64), grid.index.to_numpy(np.float64)
    top = float(np.nanmax(grid.to_numpy())) or 1.0
    mesh = ax.pcolormesh(
        columns, rows, grid.to_numpy(), rasterized=True, cmap="Blues", vmin=0, vmax=top, shading="nearest"
    )
    ax.figure.colorbar(mesh, ax=ax, label="mass inside the next word", pad=0.02)
    letters = _letters(table)
    for _, row in table.iterrows():
        letter = letters.get(str(row["role"]), "")
        dark = row["mass_next"] > 0.6 * top
        look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": SMALL, "color": "#ffffff" if dark else INK}
        if letter:
            ax.text(row["layer"], row["head"], letter, **look)
    ax.invert_yaxis()
    _whole(ax.xaxis)
    _whole(ax.yaxis)
    ax.set_xlabel("layer")
    ax.set_ylabel("head")
    heading(ax, title)
    legend = "; ".join(f"{letter}: {role}" for role, letter in letters.items())
    note(ax, f"{text}. {legend}" if legend else text)
    describe(ax, title, tell_heads(table))
    return ax


def _letters(table: pd.DataFrame) -> dict[str, str]:
    """A letter for each role that is there, its own or the next that is free."""
    found: dict[str, str] = {}
    for role in sorted({str(role) for role in table["role"].dropna() if str(role)}):
        letter = MARKS.get(role, role[0].upper())
        if letter:
            free = (one for one in (letter, *role.upper(), *"ABCDEFGHIJ") if one not in found.values() and one.strip())
            found[role] = next(free)
    return found


def tell_heads(table: pd.DataFrame, many: int = 3) -> str:
    """How many heads have which role, and which have most mass inside the next word."""
    best = table.sort_values("mass_next", ascending=False, kind="stable").head(many)
    named = names_text(
        f"layer {int(r['layer'])} head {int(r['head'])} ({r['mass_next']:.2f})" for _, r in best.iterrows()
    )
    counts = table["role"].replace("", np.nan).dropna().value_counts()
    roles = names_text(f"{count} {role}" for role, count in counts.items())
    return f"{some(len(table), 'head')}. Most mass inside the next word: {named}." + (
        f" Roles: {roles}." if roles else ""
    )


@styled
def draw_heard(words: pd.DataFrame, title: str, text: str, ax: "Axes | None" = None) -> "Axes":
    """What silence where it attends costs each word, against its log probability, by verdict; wrong words ringed if known.

    ``words``: ``heard`` (or else ``total``), ``log_p``, ``verdict``, and ``wrong`` (true or false) if it is known.
    """
    ax = axes(ax, 92, 150)
    cost = _cost(words)
    for number, (verdict, rows) in enumerate(words.groupby("verdict", sort=True)):
        look: dict[str, Any] = {"marker": MARKERS[number], "ms": 4, "ls": "none", "alpha": 0.75}
        ax.plot(rows["log_p"], rows[cost], color=COLOURS[number], label=f"{verdict} ({len(rows)})", **look)
    if "wrong" in words and words["wrong"].any():
        wrong = words[words["wrong"].astype(bool)]
        ring: dict[str, Any] = {"marker": "o", "ms": 8, "ls": "none", "mfc": "none", "mec": INK}
        ax.plot(wrong["log_p"], wrong[cost], label=f"wrong ({len(wrong)})", **ring)
    ax.axhline(0, color=RULE, lw=0.6)
    ax.set_xlabel("log p of the word")
    where = "of the whole sound" if cost == "total" else "where it attends, beyond elsewhere"
    ax.set_ylabel(f"cost of silence {where} (nats)")
    ax.legend()
    heading(ax, title)
    note(ax, text)
    describe(ax, title, tell_heard(words))
    return ax


def _cost(words: pd.DataFrame) -> str:
    return "heard" if "heard" in words and words["heard"].notna().any() else "total"


def tell_heard(words: pd.DataFrame) -> str:
    """How many words have which verdict, and how cost and probability go together."""
    counts = names_text(f"{count} {verdict}" for verdict, count in words["verdict"].value_counts().items())
    known = words[[_cost(words), "log_p"]].dropna()
    said = f"{some(len(words), 'word')}: {counts}."
    if len(known) > 2 and (known.nunique() > 1).all():
        rho = float(known.corr("spearman").to_numpy()[0, 1])
        said += f" Rank correlation of cost and log p: {rho:+.2f}."
    if "wrong" in words:
        said += f" {some(int(words['wrong'].astype(bool).sum()), 'word')} known to be wrong."
    return said


@styled
def draw_rivals(table: pd.DataFrame, measures: Sequence[tuple[str, str]], title: str, text: str) -> "Figure":
    """One panel a measure, one row a method: its mean with its 95 % interval.

    Parameters
    ----------
    table : DataFrame
        ``method``; of each measure a column, with ``NAME_low`` and ``NAME_high`` if there is an interval. Rows called
        ``chance`` and ``ceiling`` are drawn as lines across.
    measures : sequence of (name, label)
    """
    lines = table[table["method"].isin(("chance", "ceiling"))]
    rows = table[~table["method"].isin(("chance", "ceiling"))]
    figure = sheet(30 + 5.2 * max(len(rows), 3))
    places = np.arange(len(rows))
    for number, (name, label) in enumerate(measures):
        ax = figure.add_subplot(1, len(measures), number + 1)
        for _, line in lines.iterrows():
            ax.axvline(line[name], color=RULE if line["method"] == "chance" else MUTED, lw=0.8, ls=(0, (4, 3)))
        low, high = (rows.get(f"{name}_{end}", rows[name]) for end in ("low", "high"))
        ax.hlines(places, low, high, color=COLOURS[1], lw=1.2)
        ax.plot(rows[name], places, "o", color=COLOURS[1], ms=3.5)
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.grid(axis="y", color=FAINT, lw=0.5)
        ax.set_yticks(places, list(rows["method"]) if not number else [""] * len(rows), fontsize=SMALL)
        ax.set_title(label, loc="left", fontsize=SMALL + 0.5)
    title_above(figure, title)
    note_below(figure, f"{text}. Dashed: chance, and ceiling" if len(lines) else text)
    describe(figure, title, tell_rivals(rows, measures))
    return figure


def tell_rivals(rows: pd.DataFrame, measures: Sequence[tuple[str, str]]) -> str:
    """Of each measure the method with the largest and the smallest mean."""
    said = [f"{some(len(rows), 'method')}."]
    for name, label in measures:
        known = rows[rows[name].notna()]
        if len(known):
            high, low = known.iloc[int(known[name].argmax())], known.iloc[int(known[name].argmin())]
            said.append(
                f"{label}: largest {high['method']} ({high[name]:.3g}), smallest {low['method']} ({low[name]:.3g})."
            )
    return " ".join(said)


def _edges(times: NDArray[np.floating]) -> NDArray[np.float64]:
    """Borders of frames, half a step from their centres."""
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    middle = (times[1:] + times[:-1]) / 2
    edges: NDArray[np.float64] = np.concatenate([[times[0] - step / 2], middle, [times[-1] + step / 2]])
    return edges


def _whole(axis: Any) -> None:
    """Ticks at whole numbers alone."""
    axis.set_major_locator(require("matplotlib.ticker", "figures").MaxNLocator(integer=True))
