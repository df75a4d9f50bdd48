"""A measure along depth, one line per condition."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from depthscope.drawing.alt import Span, clusters_text, describe
from depthscope.drawing.difference import leave_room, mark_clusters, total_depth
from depthscope.drawing.style import COLOURS, axes, depth_axis, heading, note, styled
from depthscope.words import names_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PALETTE = COLOURS[:-1]
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1)))


@styled
def draw_conditions(
    layers: xr.Dataset,
    spans: Sequence[Span],
    title: str,
    text: str,
    ax: "Axes | None" = None,
    unit: str = "CSE",
    contrast: str = "",
    of: str = "conditions",
) -> "Axes":
    """Draw ``mean``, ``low`` and ``high`` over (condition, layer), with the clusters of a ``contrast`` behind them.

    ``of`` says what the conditions are.
    """
    ax = axes(ax)
    mark_clusters(ax, spans)
    for i, condition in enumerate(str(c) for c in layers["condition"].values):
        one = layers.sel(condition=condition)
        # three colours, then the next three dashed: more than three are hard to distinguish by colour alone
        colour, dashes = PALETTE[i % len(PALETTE)], DASHES[i // 3 % len(DASHES)]
        ax.fill_between(one["layer"], one["low"], one["high"], color=colour, alpha=0.18, lw=0)
        ax.plot(one["layer"], one["mean"], color=colour, lw=1.3, ls=dashes, label=f"{condition} (n = {int(one['n'])})")
    leave_room(ax, spans)
    ax.set_ylabel(unit)
    heading(ax, title)
    depth_axis(ax, total_depth(layers))
    ax.legend(loc="best", handlelength=2.4)
    note(ax, text)
    describe(ax, title, tell_conditions(layers, unit, of), clusters_text(spans, contrast) if contrast else "")
    return ax


def tell_conditions(layers: xr.Dataset, unit: str, of: str = "conditions") -> str:
    """Which conditions there are, and which is highest and lowest."""
    names = [str(name) for name in layers["condition"].values]
    means = layers["mean"].mean("layer").values
    bounded = layers["low"].notnull().any("layer").values
    drawn = "mean and 95 % interval" if bounded.any() else "mean"
    if bounded.any() and not bounded.all():
        drawn += f" (no interval for {names_text(np.array(names)[~bounded])})"
    if len(names) == 1:
        return f"{unit} by layer, {drawn}: {means[0]:.3g} on average over the layers."
    high, low = int(np.nanargmax(means)), int(np.nanargmin(means))
    return (
        f"{unit} by layer, {drawn}, for {len(names)} {of} ({names_text(names)}): averaged over the "
        f"layers highest for {names[high]} ({means[high]:.3g}), lowest for {names[low]} ({means[low]:.3g})."
    )
