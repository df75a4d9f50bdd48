"""The figure of the simulations: every share with its interval, a tick where it should be, a panel for each question."""

from pathlib import Path
from textwrap import wrap

import numpy as np

from benchmarks.simulations.study import Row
from depthscope.drawing.style import COLOURS, INK, PAGE, inches, look
from depthscope.errors import require


def draw(found: dict[str, list[Row]], path: Path) -> None:
    plt = require("matplotlib.pyplot", "figures")
    found = {name: [row for row in rows if row.drawn] for name, rows in found.items()}
    heights = [len(rows) + 1 for rows in found.values()]
    with look():
        size = (inches(PAGE), 0.24 * sum(heights) + 1)
        figure, panels = plt.subplots(
            len(found), 1, figsize=size, height_ratios=heights, sharex=True, squeeze=False, layout="constrained"
        )
        for ax, (name, rows) in zip(panels[:, 0], found.items(), strict=True):
            y = np.arange(len(rows))[::-1]
            low, high = zip(*(row.rate.interval for row in rows), strict=True)
            ax.hlines(y, low, high, color=INK, lw=1.2)
            ax.plot([row.rate.share for row in rows], y, "o", color=INK, ms=4, label="claimed, 95 % interval")
            ax.plot([row.goal for row in rows], y, "|", color=COLOURS[0], ms=10, mew=2, label="should be")
            before = [(row.before.share, place) for row, place in zip(rows, y, strict=True) if row.before]
            ax.plot([x for x, _ in before], [place for _, place in before], "x", color=COLOURS[1], ms=5, label="0.6.0")
            ax.set_yticks(y, labels(rows), fontsize=6)
            ax.set_ylim(-0.7, len(rows) - 0.3)
            ax.set_title(name, loc="left", fontsize=8)
        ax.set_xlabel("share of simulated studies")
        figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=7)
        figure.savefig(path, dpi=150, metadata={"Software": None})


def labels(rows: list[Row]) -> list[str]:
    """What is claimed stands with the first of several rows that claim it."""
    found = []
    for last, row in zip([None, *rows], rows, strict=False):
        again = last is not None and last.claim == row.claim
        found.append("\n".join(wrap(row.simulated if again else f"{row.claim}: {row.simulated}", 78)))
    return found
