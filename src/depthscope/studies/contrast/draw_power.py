"""Detection rate over the number of items."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from depthscope.drawing.alt import describe
from depthscope.drawing.style import INK, MUTED, NAMES, RULE, UP, axes, heading, note, styled
from depthscope.errors import require
from depthscope.statistics.power import GOAL, enough_items, shrunken_dz

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# from small effects to large: they stand out from white and from a dark page, and in grey print are still in order
GRADES = ("#1F9E89", "#3B7FB5", "#8048C0")


@styled
def draw_power(power: xr.Dataset, title: str, text: str, ax: "Axes | None" = None) -> "Axes":
    """Draw the table of :func:`depthscope.statistics.power.power_curve`: one line per size of the effect.

    The effect observed stands out, with the interval of its rates, and dashed the same less what its choice adds; the dotted
    line marks the number of items available.
    """
    ax = axes(ax)
    sizes = power["n"].values
    shares = [float(share) for share in power["share"].values]
    colours = _graded(shares)
    ax.axhline(GOAL, color=RULE, lw=0.8, ls="--", zorder=1)
    # from the largest down, as the lines lie
    for i in np.argsort(shares)[::-1]:
        one, observed = power.isel(share=i), shares[i] == 1
        if observed:
            ax.fill_between(sizes, one["low"], one["high"], color=colours[i], alpha=0.18, lw=0)
        style: dict[str, Any] = {
            "ls": ":" if shares[i] == 0 else "-",
            "lw": 2.0 if observed else 1.2,
            "zorder": 4 if observed else 3,
        }
        label = _label(shares[i], float(one["dz"]))
        ax.plot(sizes, one["rate"], color=colours[i], marker="o", ms=3, label=label, **style)
    shrunken = float(power.attrs.get("shrunken", np.nan))
    if np.isfinite(shrunken):
        label = f"dz {shrunken_dz(power):.2f} (other halves)"
        ax.plot(sizes, power["shrunken_rate"], color=UP, ls="--", lw=1.6, marker="o", ms=3, zorder=5, label=label)
    ax.set_xscale("log")
    ax.set_xticks(sizes, [str(n) for n in sizes], fontsize=NAMES)
    ax.set_xticks([], minor=True)
    _mark_here(ax, float(power.attrs["items"]))
    ax.set_ylim(-0.02, 1.03)
    ax.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    ax.set_xlabel("number of items")
    ax.set_ylabel("share of studies that detect it")
    # room for the word above the dotted line
    heading(ax, title, pad=14)
    if shares:
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), title="effect", title_fontsize=NAMES)
    note(ax, text)
    describe(ax, title, tell_power(power))
    return ax


def tell_power(power: xr.Dataset) -> str:
    """From how many items the effect observed is detected as often as is usually asked for."""
    sizes = [int(n) for n in power["n"].values]
    first = f"Share of studies that detect an effect, by number of items ({sizes[0]} to {sizes[-1]}; available: "
    first += f"{int(power.attrs['items'])}), for {power.sizes['share']} sizes of the effect."
    if 1.0 not in power["share"].values:
        return first
    observed = power["rate"].sel(share=1.0)
    enough = enough_items(observed)
    reached = f"reaches {GOAL:.0%} from {enough[0]} items" if enough else f"does not reach {GOAL:.0%}"
    told = f"{first} The effect observed {reached}; at {sizes[-1]} items it is detected in {float(observed[-1]):.0%}"
    if not np.isfinite(power.attrs.get("shrunken", np.nan)):
        return f"{told}."
    return f"{told}, and less what its choice adds in {float(power['shrunken_rate'][-1]):.0%}."


def _graded(shares: list[float]) -> list[object]:
    """A colour per share: darker the larger; the observed effect and no effect have their own."""
    scale = require("matplotlib.colors", "figures").LinearSegmentedColormap.from_list("grades", GRADES)
    order = sorted(shares)
    special: dict[float, object] = {0.0: MUTED, 1.0: UP}
    steps = np.linspace(0, 1, max(len(order), 2))
    return [special.get(share, scale(steps[order.index(share)])) for share in shares]


def _label(share: float, dz: float) -> str:
    if share == 0:
        return "no effect"
    return f"dz {dz:.2f} (observed)" if share == 1 else f"dz {dz:.2f}"


def _mark_here(ax: "Axes", items: float) -> None:
    ax.axvline(items, color=INK, lw=0.9, ls=":", zorder=1)
    ax.annotate(
        "here",
        (items, 1),
        (0, 2),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=NAMES,
        color=INK,
    )
