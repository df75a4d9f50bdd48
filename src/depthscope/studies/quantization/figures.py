"""What a changed model does to states, to CSE and to a contrast, along depth; and what it is worth in bytes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from depthscope.drawing.alt import describe
from depthscope.drawing.difference import total_depth
from depthscope.drawing.saving import save
from depthscope.drawing.style import (
    COLOURS,
    FAINT,
    HELD,
    INK,
    MUTED,
    RULE,
    depth_axis,
    note_below,
    sheet,
    styled,
    title_above,
)
from depthscope.studies.quantization.results import Comparison
from depthscope.words import names_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "osD^vP*Xh<>dp"


@styled
def draw_schemes(
    errors: Mapping[str, xr.DataArray],
    ratios: Mapping[str, xr.DataArray],
    original: xr.Dataset,
    differences: Mapping[str, xr.DataArray],
    worth: Sequence[tuple[str, float, float]],
    limit: float,
    titles: tuple[str, str],
    text: str,
) -> "Figure":
    """Four panels, one colour per scheme.

    Parameters
    ----------
    errors : name -> DataArray over state
        Median relative error of the states 0 .. L.
    ratios : name -> DataArray over layer
        Drift of the measure over its spread between items.
    original : Dataset over layer
        ``difference``, ``low``, ``high`` of the contrast in the original.
    differences : name -> DataArray over layer
        The same difference in each changed model.
    worth : sequence of (name, bytes, share)
        Bytes of weights, and how far the effect may have moved as a share of its size.
    limit : float
        The share that is still accepted.
    titles : (str, str)
        Of the figure, and the name of the contrast.
    text : str
        Below: n, settings, seed.
    """
    figure = sheet(150)
    panels = figure.subplots(2, 2)
    looks = {name: (COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]) for i, name in enumerate(errors)}
    depth = total_depth(original)
    _lines(panels[0, 0], errors, "state", looks)
    panels[0, 0].set_title("Relative error of the states", loc="left")
    panels[0, 0].set_ylabel("|h' - h| / |h|, median")
    _lines(panels[0, 1], ratios, "layer", looks)
    panels[0, 1].set_title("Drift of CSE against the spread between items", loc="left")
    panels[0, 1].set_ylabel("RMS drift / SD of items")
    panels[0, 1].axhline(1, color=RULE, lw=0.6, ls=(0, (4, 3)))
    ax = panels[1, 0]
    ax.axhline(0, color=RULE, lw=0.6)
    ax.fill_between(original["layer"], original["low"], original["high"], color=FAINT, lw=0)
    ax.plot(original["layer"], original["difference"], color=INK, lw=1.8, label="original, 95 % interval")
    _lines(ax, differences, "layer", looks, lw=0.9)
    ax.set_title(titles[1], loc="left")
    ax.set_ylabel("difference in CSE")
    for panel in (panels[0, 0], panels[0, 1], ax):
        depth_axis(panel, depth)
    panels[0, 0].set(xlim=(-0.5, depth + 0.5), xlabel="state (0: embedding)")
    _worth(panels[1, 1], worth, limit, looks)
    panels[0, 0].legend(ncols=2)
    ax.legend()
    title_above(figure, titles[0])
    note_below(figure, text)
    describe(figure, titles[0], tell_schemes(errors, worth, limit))
    return figure


def tell_schemes(errors: Mapping[str, xr.DataArray], worth: Sequence[tuple[str, float, float]], limit: float) -> str:
    """Which schemes there are, how far they move the states, and which of them are accepted."""
    far = {name: float(np.nanmax(curve.values)) for name, curve in errors.items()}
    worst, best = max(far, key=far.__getitem__), min(far, key=far.__getitem__)
    accepted = [name for name, _, share in worth if share < limit]
    states = f"largest relative error of the states {far[best]:.2g} ({best}) to {far[worst]:.2g} ({worst})"
    return (
        f"Four panels by scheme ({names_text(errors)}): error of the states, drift of CSE, the contrast, and bytes against the "
        f"move of the effect; {states}. Effect moved by less than {limit:.0%}: {names_text(accepted) or 'no scheme'}."
    )


def _lines(
    ax: "Axes", curves: Mapping[str, xr.DataArray], axis: str, looks: Mapping[str, tuple[str, str]], lw: float = 1.2
) -> None:
    for name, curve in curves.items():
        colour, marker = looks[name]
        ax.plot(curve[axis], curve, color=colour, lw=lw, marker=marker, ms=2.5, label=name)
    if axis == "state" or not curves:
        ax.set_ylim(bottom=0)


def _worth(
    ax: "Axes", worth: Sequence[tuple[str, float, float]], limit: float, looks: Mapping[str, tuple[str, str]]
) -> None:
    shown = [(name, count / 1e6, share) for name, count, share in worth if np.isfinite(share)]
    for name, count, share in shown:
        colour, marker = looks[name]
        ax.plot(count, share, marker=marker, color=colour, ms=6, ls="none", label=name)
    ax.set_title("Bytes against the move of the effect", loc="left")
    ax.set(xlabel="weights, MB", ylabel="effect moved by at most")
    if not shown:
        ax.annotate("no effect in the original", (0.5, 0.5), xycoords="axes fraction", ha="center", color=MUTED)
        return
    ax.set_yscale("log")
    ax.margins(x=0.2, y=0.25)
    low, high = ax.get_ylim()
    low, high = min(low, limit / 2), max(high, limit * 2)
    ax.axhspan(low, limit, color=HELD, alpha=0.1, lw=0)
    ax.annotate(f"accepted: below {limit:.0%}", (0.01, limit), xycoords=("axes fraction", "data"), fontsize=7, va="top")
    ax.set_ylim(low, high)
    ticks = [t for t in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10) if low <= t <= high]
    ax.set_yticks(ticks, [f"{tick:.1%}" if tick < 0.01 else f"{tick:.0%}" for tick in ticks])
    ax.minorticks_off()
    ax.legend(loc="upper right")


def write_schemes(folder: Path, found: Comparison, limit: float, title: str) -> list[Path]:
    """``schemes``: what each scheme does to states, to CSE and to the contrast; nothing without a scheme."""
    drifts, original = found.drifts, found.original
    if not drifts:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    ratios = {name: drift.by_layer["ratio"] for name, drift in drifts.items()}
    differences = {name: drift.contrast.table["difference"] for name, drift in drifts.items()}
    worth = [(row.scheme, row.weight_bytes, row.share) for row in found.rows if row.scheme in drifts]
    figure = draw_schemes(
        found.errors, ratios, original.table, differences, worth, limit, (title, original.name), original.settings_text
    )
    return save(figure, folder / "schemes")
