"""What the texts of each condition are like, covariate by covariate."""

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from depthscope.drawing.alt import describe
from depthscope.drawing.style import COLOURS, NAMES, PAGE, PAPER, note_below, sheet, styled, title_above
from depthscope.errors import require
from depthscope.words import names_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACROSS = 3
# letters that fit below one panel before names must be slanted
ROOM = 30
# mm of a panel
HIGH = 54.0


@styled
def draw_covariates(values: xr.Dataset, title: str, text: str) -> "Axes":
    """Draw every value of every covariate in its condition, with its quartiles; returns the first axes.

    Parameters
    ----------
    values : Dataset over (item, condition)
        One variable per covariate, which may hold NaN; attribute ``units`` labels its axis.
    title, text : str
        Above and below: what is shown; n, settings, seed.
    """
    names = [str(name) for name in values.data_vars]
    count = max(len(names), 1)
    across, down = min(count, ACROSS), ceil(count / ACROSS)
    figure = sheet(18 + HIGH * down, PAGE * max(across, 2) / ACROSS)
    title_above(figure, title)
    grid = figure.add_gridspec(down, across)
    panels: list[Axes] = [figure.add_subplot(grid[divmod(i, across)]) for i in range(count)]
    for ax, name in zip(panels, names, strict=False):
        _draw_panel(ax, values[name].transpose("item", "condition"), name)
    note_below(figure, text)
    describe(figure, title, *(tell_covariate(values[name], name) for name in names))
    return panels[0]


def tell_covariate(values: xr.DataArray, name: str) -> str:
    """Between which medians the conditions lie."""
    medians = values.astype(np.float64).median("item").values
    known = medians[np.isfinite(medians)]
    if not known.size:
        return f"{name}: no values."
    units = f" {unit}" if (unit := str(values.attrs.get("units", ""))) else ""
    if known.size == 1 or known.min() == known.max():
        return f"{name}: median {known[0]:.3g}{units} in every condition."
    ends = known.min(), known.max()
    low, high = (names_text(values["condition"].values[np.isclose(medians, end, atol=0)]) for end in ends)
    return f"{name}: medians from {ends[0]:.3g}{units} ({low}) to {ends[1]:.3g} ({high})."


def _draw_panel(ax: "Axes", values: xr.DataArray, name: str) -> None:
    conditions = [str(condition) for condition in values["condition"].values]
    numbers = values.values.astype(np.float64)
    stroke = require("matplotlib.patheffects", "figures").withStroke
    # the same jitter in every panel and every run
    generator = np.random.default_rng(0)
    for i in range(len(conditions)):
        column = numbers[np.isfinite(numbers[:, i]), i]
        if not column.size:
            continue
        colour = COLOURS[i % len(COLOURS)]
        x = i + generator.uniform(-0.34, 0.34, column.size)
        # thousands of points: as an image they keep a vector figure small
        ax.plot(x, column, "o", ms=2.2, color=colour, alpha=0.28, mew=0, zorder=1, rasterized=True)
        look: dict[str, Any] = {
            "boxprops": {"facecolor": colour, "edgecolor": "none"},
            # the rim shows where the quartiles coincide and there is no box to stand out from
            "medianprops": {
                "color": PAPER,
                "linewidth": 1.6,
                "solid_capstyle": "butt",
                "path_effects": [stroke(linewidth=3.4, foreground=colour)],
            },
            "whiskerprops": {"color": colour, "linewidth": 1.1},
        }
        ax.boxplot(
            [column], positions=[i], widths=0.26, patch_artist=True, showfliers=False, showcaps=False, zorder=3, **look
        )
    long = sum(len(condition) for condition in conditions) > ROOM
    slant: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if long else {}
    ax.set_xticks(range(len(conditions)), conditions, fontsize=NAMES, **slant)
    ax.set_xlim(-0.6, len(conditions) - 0.4)
    ax.tick_params(axis="y", labelsize=NAMES)
    if not (numbers[np.isfinite(numbers)] % 1).any():
        ax.yaxis.set_major_locator(require("matplotlib.ticker", "figures").MaxNLocator("auto", integer=True))
    ax.set_title(name, loc="left", fontsize=8)
    ax.set_ylabel(str(values.attrs.get("units", "")), fontsize=NAMES)
