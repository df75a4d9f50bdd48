"""A training, drawn."""

from typing import TYPE_CHECKING

import pandas as pd

from depthscope.capture.sites import read_site
from depthscope.drawing.alt import describe
from depthscope.drawing.style import COLOURS, MUTED, axes, heading, note, styled
from depthscope.studies.sae.results import DEPTHS, Training

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DASHES = ("-", "--", ":", "-.")


@styled
def draw_training(training: Training, source: str, ax: "Axes | None" = None) -> "Axes":
    """Explained variance of the batches along the tokens, a line for each dictionary."""
    ax = axes(ax)
    told = []
    for i, (name, part) in enumerate(training.curve.groupby("dictionary", sort=False)):
        smooth = part["explained"].rolling(9, min_periods=1, center=True).mean()
        ax.plot(
            part["tokens"],
            smooth,
            color=COLOURS[i % len(COLOURS)],
            linestyle=DASHES[i // len(COLOURS) % len(DASHES)],
            label=str(name),
        )
        told.append(f"{name} ends at {smooth.iloc[-1]:.2f}")
    ax.set_xlabel("tokens")
    ax.set_ylabel("explained variance")
    shown = training.curve["explained"]
    ax.set_ylim(max(-0.05, float(shown.quantile(0.02)) - 0.05), 1)
    if len(told) > 1:
        ax.legend(frameon=False, loc="lower right")
    heading(ax, "What the dictionaries explain while they learn")
    note(ax, source)
    describe(ax, "Explained variance along the tokens of the training", "; ".join(told) + ".")
    return ax


@styled
def draw_scores(scores: pd.DataFrame, score: str, source: str, ax: "Axes | None" = None) -> "Axes":
    """One score of all dictionaries by the layer that they read, with what stands in their place."""
    ax = axes(ax)
    part = scores[scores["score"] == score].copy()
    part["layer"] = [read_site(str(site)).layer for site in part["site"]]
    mine = part[part["kind"] == "dictionary"].sort_values("layer")
    bars = [mine["value"] - mine["low"].fillna(mine["value"]), mine["high"].fillna(mine["value"]) - mine["value"]]
    ax.errorbar(mine["layer"], mine["value"], bars, fmt="o", color=COLOURS[0], label="dictionaries", capsize=2)
    if mine["control_value"].notna().any():
        ax.plot(mine["layer"], mine["control_value"], "x", color=MUTED, label=str(mine["control"].iloc[0]))
    others = part[part["kind"] == "control"]
    for i, (name, rows) in enumerate(others.groupby("dictionary", sort=False), 1):
        ax.plot(
            rows["layer"], rows["value"], "s^vD"[i % 4], color=COLOURS[i % len(COLOURS)], label=str(name), mfc="none"
        )
    ax.set_xlabel("layer")
    ax.set_ylabel(DEPTHS.get(score, score))
    ax.set_xticks(sorted(set(mine["layer"])))
    ax.legend(frameon=False, loc="best")
    heading(ax, f"{DEPTHS.get(score, score)[0].upper()}{DEPTHS.get(score, score)[1:]} by layer")
    note(ax, source)
    told = "; ".join(f"{row['dictionary']} {row['value']:.3f}" for row in mine.to_dict("records"))
    describe(ax, f"{DEPTHS.get(score, score)} of the dictionaries by layer", f"{told}.")
    return ax
