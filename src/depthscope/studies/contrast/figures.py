"""The figures of a run: PNG to look at, SVG for pages, PDF for papers."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.drawing.conditions import draw_conditions
from depthscope.drawing.depths import Panel, draw_depths
from depthscope.drawing.difference import total_depth
from depthscope.drawing.forest import draw_forest
from depthscope.drawing.saving import save
from depthscope.drawing.scalogram import draw_scalograms
from depthscope.drawing.style import heading, look
from depthscope.statistics.pairing import group_names
from depthscope.statistics.result import Contrast
from depthscope.statistics.shares import ALL, LITTLE
from depthscope.statistics.terms import Side
from depthscope.studies.contrast.draw_covariates import draw_covariates
from depthscope.studies.contrast.draw_items import draw_items
from depthscope.studies.contrast.draw_nulls import draw_nulls
from depthscope.studies.contrast.draw_power import draw_power
from depthscope.studies.contrast.draw_reliability import draw_reliability
from depthscope.studies.contrast.results import QUANTITY_NAMES, Compared, Evidence, Quantities
from depthscope.summaries import describe_layers
from depthscope.words import layers_text, names_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UNITS = {
    "surprisal": "bits",
    "log_frequency": "Zipf",
    "target_length": "characters",
    "token_index": "tokens before",
    "n_tokens": "in the text",
}


def write_figures(
    folder: Path, h: xr.DataArray, share: xr.DataArray, contrasts: Sequence[Contrast], source: str
) -> list[Path]:
    """Draw what was measured.

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
    folder.mkdir(exist_ok=True)
    written, taken = [], set[str]()
    main = contrasts[0]
    named = main.terms.conditions
    shown = h.sel(condition=[*named, *(c for c in h["condition"].values if c not in named)])
    ax = draw_conditions(
        describe_layers(shown),
        main.spans,
        f"CSE by depth{f'; shaded: {main.name}' if main.clusters else ''}",
        f"{source}; {main.settings_text}",
        contrast=main.name,
    )
    written += save(ax.figure, folder / "cse-by-condition")
    for c in contrasts:
        stem = file_stem(f"{c.a}-minus-{c.b}", taken)
        ax = c.plot()
        with look():
            heading(ax, f"{c.name} ({source})")
        written += save(ax.figure, folder / f"difference-{stem}")
        ax = draw_items(c.differences, f"{c.name}, item by item, largest mean first", f"{source}; n = {c.n}")
        written += save(ax.figure, folder / f"items-{stem}")
        written += save(_scalograms(share, c, source), folder / f"scalograms-{stem}")
    return written


def write_evidence_figures(folder: Path, h: xr.DataArray, evidence: Evidence, source: str) -> list[Path]:
    """Draw what speaks for and against the main contrast."""
    folder.mkdir(exist_ok=True)
    main, (first, last) = evidence.main, evidence.window
    text = f"{source}; {main.settings_text}"
    written = []
    title = f"CSE over {layers_text(first, last)}: {main.name}, its controls and its rivals"
    ax = plot_forest(
        evidence.compared,
        title,
        f"{text}; dz of the mean over these layers, 95 % intervals, filled: p <= .05; at the right: the cluster there",
    )
    written += save(ax.figure, folder / "evidence")
    names = [str(name) for name in dict.fromkeys(evidence.covariates.get("covariate", []))]
    if names:
        title = "Covariates by condition"
        values = xr.Dataset(
            {name: h[name].reset_coords(drop=True).assign_attrs(units=UNITS.get(name, "")) for name in names}
        )
        ax = draw_covariates(values, title, f"{source}; n = {h.sizes['item']} items")
        written += save(ax.figure, folder / "covariates")
    for held in evidence.confounding:
        if held.assumed:
            left = {one: (a.share.value, a.share.low, a.share.high) for one, a in held.assumed.items()}
            title = f"{held.contrast.name} with covariates held equal, if {names_text(held.noisy)} had errors"
            ax = draw_reliability(left, (LITTLE, ALL), title, f"{source}; n = {held.adjusted['all'].n}, 95 % intervals")
            written += save(ax.figure, folder / "reliability")
    if evidence.nulls:
        bands = [(f"{null.name} ({null.anywhere.draws} draws)", null.expected) for null in evidence.nulls]
        layers, (a, b) = describe_layers(h), main.terms.conditions[:2]
        ax = draw_nulls(
            layers, main.table, bands, (a, b), f"{main.name} and what nulls expect", f"{text} (1,000 on each draw)"
        )
        written += save(ax.figure, folder / "nulls")
    if evidence.curve is not None:
        written += save(evidence.curve.plot(source).figure, folder / "specifications")
    if evidence.power is not None:
        drawn, flips = (evidence.power.attrs[name] for name in ("draws", "permutations"))
        drawn = f"{drawn} studies drawn with replacement per point, {flips} flips each"
        ax = draw_power(evidence.power, f"{main.name}: how many items it takes", f"{text}; {drawn}")
        written += save(ax.figure, folder / "power")
    return written


def write_forest(folder: Path, rows: Sequence[Compared], title: str, text: str) -> list[Path]:
    """Draw effects of several sets or analyses, one below the other."""
    folder.mkdir(exist_ok=True)
    return save(plot_forest(rows, title, text).figure, folder / "forest")


def plot_forest(rows: Sequence[Compared], title: str, text: str = "", ax: "Axes | None" = None) -> "Axes":
    """The same drawing, for whoever draws it: returns the axes."""
    return draw_forest(pd.DataFrame([asdict(row) for row in rows]), title, text, ax=ax)


def write_quantities_figure(folder: Path, quantities: Quantities, source: str) -> list[Path]:
    """Draw the contrast of CSE, of CSE relative to norms, and of the slopes and the cosine, one below the other."""
    folder.mkdir(exist_ok=True)
    main = quantities.rows["cse"]
    panels = [Panel(QUANTITY_NAMES[name], contrast.table, contrast.spans) for name, contrast in quantities.rows.items()]
    depth = total_depth(main.table)
    fixed = quantities.window[0] / depth, quantities.window[1] / depth
    title = f"{main.name}: what depends on weights of the scales, and what does not"
    axes = draw_depths(panels, fixed, title, f"{source}; {main.settings_text}", of="quantities")
    return save(axes[0].figure, folder / "relative")


def file_stem(name: str, taken: set[str]) -> str:
    """A name that every file system takes, different from those already ``taken``."""
    # of letters that take several bytes fewer, so that there is room for what is put before and behind
    plain = re.sub(r"[^\w.-]+", "_", name)[:80].encode()[:160].decode(errors="ignore")
    stem = next(s for i in count(1) if (s := plain if i == 1 else f"{plain}-{i}") not in taken)
    taken.add(stem)
    return stem


def _scalograms(share: xr.DataArray, c: Contrast, source: str) -> "Figure":
    """Mean scalograms of both sides over the items tested, and their difference."""
    a, b = _mean(share, c.terms.left, c), _mean(share, c.terms.right, c)
    title = f"Share of wavelet energy over all scales; hatched: cone of influence ({source}; n = {c.n})"
    return draw_scalograms({c.a: a, c.b: b}, a - b, c.name, title, differences=len(c.terms.left) > 1)


def _mean(share: xr.DataArray, side: Side, c: Contrast) -> xr.DataArray:
    tested = np.isin(group_names(share), c.differences["item"].values.astype(str))
    means = [share.sel(condition=name, drop=True)[tested].mean("item", keep_attrs=True) for name in side]
    return means[0] if len(side) == 1 else means[0] - means[1]
