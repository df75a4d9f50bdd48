"""A training, drawn."""

from typing import TYPE_CHECKING

from depthscope.drawing.alt import describe
from depthscope.drawing.style import COLOURS, axes, heading, note, styled
from depthscope.studies.sae.results import Training

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
