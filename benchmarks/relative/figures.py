"""Two figures: how the sign depends on the setting, and where it does not depend on it."""

from pathlib import Path

import numpy as np

from benchmarks.relative.measures import Effect
from benchmarks.relative.settings import sixteen
from depthscope.drawing.style import COLOURS, FAINT, INK, MUTED, PAGE, RULE, inches, look
from depthscope.errors import require

# (contrast, model) -> quantity -> an effect for each setting
Rows = dict[tuple[str, str], dict[str, list[Effect]]]
BY_NORM = ("CSE, L2", "CSE, L1", "relative CSE", "slope of directions")
SHOWN = ("CSE", "relative CSE", "slope of directions")
# the contrasts that are drawn; the table has all
DRAWN = ("metaphor - literal", "anomalous - literal", "metaphor - anomalous", "metaphor - apt")
L2, L1 = COLOURS[1], COLOURS[0]
SIGNIFICANT = 0.05


def settings(rows: Rows, path: Path) -> None:
    """For the first contrast of each of two models: dz in all settings, in ascending order; CSE under each norm."""
    plt = require("matplotlib.pyplot", "figures")
    chosen = [key for key in rows if key[0] == next(iter(rows))[0]]
    with look():
        size = (inches(PAGE), 2.3 * len(chosen) + 0.5)
        figure, panels = plt.subplots(len(chosen), 3, figsize=size, sharey=True, squeeze=False, layout="constrained")
        for line, (contrast, model) in zip(panels, chosen, strict=True):
            cells = rows[contrast, model]
            ascending(line[0], cells["CSE, L2"], L2, "L2")
            ascending(line[0], cells["CSE, L1"], L1, "L1")
            line[0].legend(loc="upper left", fontsize=7)
            ascending(line[1], cells["relative CSE"], INK, "")
            ascending(line[2], cells["slope of directions"], INK, "")
            for ax, title in zip(line, SHOWN, strict=True):
                ax.axhline(0, color=RULE, lw=0.8, zorder=0)
                ax.set_title(title, loc="left", fontsize=8)
                ax.set_xticks([1, len(cells["relative CSE"])])
            line[0].set_ylabel(f"{model}\ndz, {contrast.split(': ')[1]}")
        for ax in panels[-1]:
            ax.set_xlabel("settings, in ascending order")
        figure.savefig(path, dpi=150, metadata={"Software": None})


def ascending(ax, effects: list[Effect], colour: str, label: str) -> None:
    """One point a setting; hollow where its p is .05 or more."""
    ordered = sorted(effects)
    x = np.arange(1, len(ordered) + 1)
    sure = np.array([one.p < SIGNIFICANT for one in ordered])
    dz = np.array([one.dz for one in ordered])
    ax.plot(x[sure], dz[sure], "o", ms=2.6, mew=0.5, color=colour, label=label)
    ax.plot(x[~sure], dz[~sure], "o", ms=2.6, mew=0.5, color=colour, mfc="none")


def models(rows: Rows, path: Path) -> None:
    """One line for each contrast and model, one point for each setting; CSE alone differs between the norms.

    Grey: where p would be .05 or more.
    """
    plt = require("matplotlib.pyplot", "figures")
    norms = [one.choices["norm"] for one in sixteen(30)]
    contrasts = [one for one in dict.fromkeys(contrast for contrast, _ in rows) if one.endswith(DRAWN)]
    places, y = {}, 0.0
    for contrast in contrasts:
        for key in (one for one in rows if one[0] == contrast):
            places[key] = y
            y += 1
        y += 1.6
    with look():
        figure, panels = plt.subplots(
            1, 3, figsize=(inches(PAGE), 0.115 * y + 0.9), sharex=True, sharey=True, layout="constrained"
        )
        for ax, quantity in zip(panels, SHOWN, strict=True):
            ax.axvline(0, color=RULE, lw=0.8, zorder=0)
            for key, at in places.items():
                effects = rows[key][quantity]
                bound = 1.96 / np.sqrt(max(one.n for one in effects))
                ax.barh(at, 2 * bound, left=-bound, height=0.9, color=FAINT, lw=0, zorder=-1)
                for norm, colour in (("L2", L2), ("L1", L1)) if quantity == "CSE" else (("L2", INK),):
                    dz = [one.dz for one, known in zip(effects, norms, strict=True) if known == norm]
                    label = norm if quantity == "CSE" and at == 0 else None
                    ax.plot(dz, np.full(len(dz), at), "o", color=colour, ms=2.2, mew=0, label=label)
            for contrast in contrasts:
                top = min(at for key, at in places.items() if key[0] == contrast)
                if ax is panels[0]:
                    ax.annotate(
                        contrast, (0, top - 0.75), xycoords=("axes fraction", "data"), fontsize=6.5, va="center"
                    )
            ax.set_title(quantity, loc="left", fontsize=8)
            ax.set_xlabel("dz")
        panels[0].set_yticks(list(places.values()), [model for _, model in places], fontsize=5.5, color=MUTED)
        panels[0].set_ylim(y - 1.5, -1.5)
        panels[0].legend(loc="lower left", fontsize=7, markerscale=2, handletextpad=0.2)
        figure.savefig(path, dpi=150, metadata={"Software": None})
