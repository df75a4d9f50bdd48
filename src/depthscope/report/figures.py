"""The figures of a run, as PNG and SVG."""

import re
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from depthscope.drawing.conditions import draw_conditions
from depthscope.drawing.items import draw_items
from depthscope.drawing.scalogram import draw_scalogram
from depthscope.drawing.style import DIVERGING, RC
from depthscope.errors import require
from depthscope.report.tables import describe_layers
from depthscope.statistics.result import Contrast

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_figures(
    folder: Path, h: xr.DataArray, share: xr.DataArray, contrasts: Sequence[Contrast], source: str
) -> list[Path]:
    """Draw everything a run has to show.

    Parameters
    ----------
    h : DataArray (item, condition, layer)
    share : DataArray (item, condition, scale, layer)
        ``p(s | l)``.
    contrasts : sequence of Contrast
        The first one's clusters are marked behind the conditions.
    source : str
        Model and settings, for the line below each figure.
    """
    plt = require("matplotlib.pyplot", "figures")
    folder.mkdir(exist_ok=True)
    written, taken = [], set[str]()
    with plt.rc_context(RC):
        main = contrasts[0]
        shown = h.sel(condition=[main.a, main.b, *(c for c in h["condition"].values if c not in (main.a, main.b))])
        ax = draw_conditions(
            describe_layers(shown),
            main.spans,
            f"CSE by depth{f'; shaded: {main.name}' if main.clusters else ''}",
            f"{source}; {main.settings_text}",
        )
        written += _save(ax.figure, folder / "cse-by-condition")
        for c in contrasts:
            stem = file_stem(f"{c.a}-minus-{c.b}", taken)
            ax = c.plot()
            ax.set_title(f"{c.name} ({source})", loc="left")
            written += _save(ax.figure, folder / f"difference-{stem}")
            ax = draw_items(c.differences, f"{c.name}, item by item, largest mean first", f"{source}; n = {c.n}")
            written += _save(ax.figure, folder / f"items-{stem}")
            written += _save(_scalograms(share, c, source), folder / f"scalograms-{stem}")
    return written


def file_stem(name: str, taken: set[str]) -> str:
    """A name that every file system takes, told apart from those already ``taken``."""
    plain = re.sub(r"[^\w.-]+", "_", name)[:80]
    stem = next(s for i in count(1) if (s := plain if i == 1 else f"{plain}-{i}") not in taken)
    taken.add(stem)
    return stem


def _scalograms(share: xr.DataArray, c: Contrast, source: str) -> "Figure":
    """Mean scalograms of both conditions over the items tested, and their difference."""
    plt = require("matplotlib.pyplot", "figures")
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.2), layout="constrained")
    means = {name: _mean(share, name, c) for name in (c.a, c.b)}
    top = max(float(np.nanmax(m.values)) for m in means.values())
    for ax, (name, mean) in zip((left, middle), means.items(), strict=True):
        draw_scalogram(mean, name, ax, "mean share of energy", vmin=0, vmax=top)
    gap = means[c.a] - means[c.b]
    reach = float(np.nanmax(np.abs(gap.values))) or 1.0
    draw_scalogram(gap, c.name, right, "difference", cmap=DIVERGING, vmin=-reach, vmax=reach)
    figure.suptitle(
        f"Share of wavelet energy over all scales; hatched: cone of influence ({source}; n = {c.n})", fontsize=8
    )
    return figure  # type: ignore[no-any-return]


def _mean(share: xr.DataArray, condition: str, c: Contrast) -> xr.DataArray:
    names = share["group"] if "group" in share.coords else share["item"]
    tested = np.isin(names.values.astype(str), c.differences["item"].values.astype(str))
    return share.sel(condition=condition, drop=True)[tested].mean("item", keep_attrs=True)


def _save(figure: Any, stem: Path) -> list[Path]:
    plt = require("matplotlib.pyplot", "figures")
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in ("png", "svg")]
    figure.savefig(paths[0], dpi=200, metadata={"Software": None})
    figure.savefig(paths[1], metadata={"Date": None})
    plt.close(figure)
    return paths
