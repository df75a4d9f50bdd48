"""How much of an effect would be left if covariates were measured with error."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from depthscope.drawing.alt import describe
from depthscope.drawing.style import COLOURS, RULE, heading, note, sheet, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# value, lower and upper end
Ends = tuple[float, float, float]
# an end that may be anything is drawn here, beyond what is shown
FAR = 9.0


@styled
def draw_reliability(left: Mapping[float, Ends], limits: tuple[float, float], title: str, text: str) -> "Axes":
    """Draw the share that is left, with its interval, against the reliability that is assumed; returns the axes.

    Parameters
    ----------
    left : mapping
        By reliability, in (0, 1].
    limits : (float, float)
        Below the first, nothing that matters is left; above the second, all of it.
    title, text : str
        Above and below: what is shown; n, settings, seed.
    """
    places = sorted(left)
    values, low, high = np.clip(list(zip(*(left[place] for place in places), strict=True)), -FAR, FAR)
    figure = sheet(80)
    ax = figure.subplots()
    for level, style in ((0.0, "-"), (1.0, "-"), *((limit, ":") for limit in limits)):
        ax.axhline(level, color=RULE, lw=0.7, ls=style, zorder=1)
    ax.fill_between(places, low, high, color=COLOURS[0], alpha=0.2, lw=0, zorder=2)
    ax.plot(places, values, color=COLOURS[0], marker="o", ms=3, zorder=3)
    # far ends of an interval that holds everything would hide the rest
    ax.set_ylim(max(min(-0.2, *low), -1.5), min(max(1.2, *high), 2.5))
    ax.set_xlim(max(places) + 0.01, min(places) - 0.01)
    ax.set_xlabel("assumed reliability of the differences of the covariates")
    ax.set_ylabel("share of the effect left")
    heading(ax, title)
    note(ax, text)
    told = ", ".join(f"{100 * left[place][0]:.0f} % at {place:g}" for place in reversed(places))
    describe(figure, title, f"Share of the effect that is left, by assumed reliability: {told}.")
    return ax
