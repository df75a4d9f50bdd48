"""The figures of the mechanism of a contrast, written into a folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from depthscope.drawing.saving import save
from depthscope.drawing.style import heading, look
from depthscope.statistics.classify import Estimate
from depthscope.statistics.result import Contrast
from depthscope.studies.contrast.figures import write_quantities_figure
from depthscope.studies.mechanism.baselines import CSE, FEEDS, Baselines, adds, gain_of, signed
from depthscope.studies.mechanism.draw_baselines import MeasurePanel, ScoreRow, draw_baselines
from depthscope.studies.mechanism.draw_heads import draw_heads
from depthscope.studies.mechanism.draw_parts import draw_exchange, draw_parts
from depthscope.studies.mechanism.results import PART_NAMES, Exchange, Mechanism

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def write_mechanism_figures(folder: Path, m: Mechanism, source: str) -> list[Path]:
    """``scales``, ``energy-map``, ``relative``, ``parts``, ``heads`` and ``patching``."""
    folder.mkdir(exist_ok=True)
    text = f"{source}; {m.main.settings_text}"
    written = _plane_figure(
        folder / "scales", m.attribution.share, f"{m.main.name}: share of energy by scale and layer", source
    )
    if m.attribution.map is not None:
        title = f"{m.main.name}: log-ratio of energy by scale and layer, whatever the weights"
        written += _plane_figure(folder / "energy-map", m.attribution.map, title, source)
    if m.beside is not None:
        written += write_quantities_figure(folder, m.beside, source)
    if m.attribution.parts:
        tables = {PART_NAMES[name]: c.table for name, c in m.attribution.parts.items()}
        title = f"{m.main.name}: where the difference in CSE comes from"
        written += save(draw_parts(tables, m.main.table, m.window, title, text).figure, folder / "parts")
    if m.heads is not None:
        table = m.heads.contrast.table.transpose("layer", "attention_head")
        title = f"{m.main.name}: which heads the difference in CSE comes from"
        written += save(draw_heads(table["difference"], m.heads.shown, title, text).figure, folder / "heads")
    if m.exchange is not None:
        written += save(_exchange_axes(m, m.exchange, source).figure, folder / "patching")
    return written


def _plane_figure(path: Path, c: Contrast, title: str, source: str) -> list[Path]:
    ax = c.plot()
    with look():
        heading(ax, f"{title}\n({source})")
    return save(ax.figure, path)


def _exchange_axes(m: Mechanism, e: Exchange, source: str) -> "Axes":
    a, b = m.main.a, m.main.b
    layers = e.by_layer.table["layer"].values
    single = e.carried["effect_run"].sel(patch=(e.carried["first"] == e.carried["last"]) & (e.carried["first"] > 0))
    means = {
        f"{own} text, state of {other}": single.sel(run=own).mean("item").isel(patch=slice(0, len(layers)))
        for own, other in ((a, b), (b, a))
    }
    title = f"{m.main.name}: exchange of the target's state with its twin's"
    window = m.window if m.found else None
    text = f"{source}; {e.by_layer.settings_text}"
    return draw_exchange(e.by_layer.table, means, window, e.by_layer.spans, title, text)


def write_baselines_figure(folder: Path, b: Baselines, source: str) -> list[Path]:
    """``baselines``: every measure by depth, and what a classifier makes of them."""
    folder.mkdir(parents=True, exist_ok=True)
    figure = draw_baselines(
        _panels(b),
        b.window,
        _score_rows(b),
        _said(b),
        f"{b.main.name}: CSE beside simpler measures",
        f"{source}; {b.main.settings_text}",
    )
    return save(figure, folder / "baselines")


def _panels(b: Baselines) -> list[MeasurePanel]:
    held: Mapping[str, Contrast | None] = {CSE: b.beyond.get("all"), **{n: b.given_cse.get(n) for n in b.measures}}
    panels = []
    for name, contrast in {CSE: b.main, **b.measures}.items():
        given = held[name]
        panels.append(
            MeasurePanel(
                b.label(name),
                contrast.table,
                contrast.spans,
                given.table["dz"] if given is not None else None,
                "at equal simpler measures" if name == CSE else "at equal CSE",
            )
        )
    return panels


def _score_rows(b: Baselines) -> list[ScoreRow]:
    names = list(next(iter(b.classified.values())).scores) if b.classified else []
    return [ScoreRow(n, {FEEDS[c.feed]: _triple(c.scores[n].auc) for c in b.classified.values()}) for n in names]


def _said(b: Baselines) -> str:
    gains = {FEEDS[feed]: gain_of(c) for feed, c in b.classified.items()}
    told = [
        f"{feed} {signed(gain.auc.value)}, {'adds' if adds(gain) else 'not shown to add'}"
        for feed, gain in gains.items()
    ]
    return f"What CSE adds to AUC: {'; '.join(told)}" if told else ""


def _triple(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high
