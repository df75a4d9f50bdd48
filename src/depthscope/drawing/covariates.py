"""What the texts of each condition are like, covariate by covariate."""

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from depthscope.drawing.style import COLOURS, RC, note
from depthscope.errors import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACROSS = 3
# letters that fit below one panel before names must be slanted
ROOM = 30


def draw_covariates(values: xr.Dataset, title: str, text: str) -> "Axes":
    """Draw every value of every covariate in its condition, with its quartiles; returns the first axes.

    Parameters
    ----------
    values : Dataset over (item, condition)
        One variable per covariate, which may hold NaN; attribute ``units`` labels its axis.
    title, text : str
        Above and below: what is shown; n, settings, seed.
    """
    plt = require("matplotlib.pyplot", "figures")
    names = [str(name) for name in values.data_vars]
    across = min(max(len(names), 1), ACROSS)
    down = ceil(max(len(names), 1) / across)
    with plt.rc_context(RC):
        figure = plt.figure(figsize=(max(2.25 * across, 3.4), 0.7 + 2.2 * down), layout="constrained")
        figure.suptitle(title, x=0.01, ha="left", fontsize=10)
        grid = figure.add_gridspec(down + 1, across, height_ratios=[*[1.0] * down, 0.001])
        panels: list[Axes] = [figure.add_subplot(grid[divmod(i, across)]) for i in range(max(len(names), 1))]
        for ax, name in zip(panels, names, strict=False):
            _draw_panel(ax, values[name].transpose("item", "condition"), name)
        # the note has a row of its own: below one panel, it would claim all of its width for that column
        foot = figure.add_subplot(grid[-1, :])
        foot.axis("off")
        note(foot, text)
        foot.texts[-1].xyann = (0, 0)
    return panels[0]


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
        ax.plot(x, column, "o", ms=2.2, color=colour, alpha=0.28, mew=0, zorder=1)
        look: dict[str, Any] = {
            "boxprops": {"facecolor": colour, "edgecolor": "none"},
            # the rim shows where the quartiles coincide and there is no box to stand out from
            "medianprops": {
                "color": "white",
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
    ax.set_xticks(range(len(conditions)), conditions, fontsize=7.5, **slant)
    ax.set_xlim(-0.6, len(conditions) - 0.4)
    ax.tick_params(axis="y", labelsize=7.5)
    if not (numbers[np.isfinite(numbers)] % 1).any():
        ax.yaxis.set_major_locator(require("matplotlib.ticker", "figures").MaxNLocator("auto", integer=True))
    ax.set_title(name, loc="left", fontsize=9)
    ax.set_ylabel(str(values.attrs.get("units", "")), fontsize=7.5)
