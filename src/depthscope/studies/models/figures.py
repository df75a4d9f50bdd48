"""The figures of one contrast in several models."""

from collections.abc import Sequence
from pathlib import Path

from depthscope.drawing.depths import Panel, draw_depths
from depthscope.drawing.saving import save
from depthscope.studies.contrast.figures import write_forest
from depthscope.studies.contrast.results import Compared
from depthscope.studies.models.results import Studied, fixed_range


def write_figures(folder: Path, models: Sequence[Studied], rows: Sequence[Compared], text: str) -> list[Path]:
    """Draw the effects of all models, one below the other, ``forest``; and dz along the depth of each, ``depths``."""
    name = models[0].main.name
    written = write_forest(folder, rows, f"{name} in every model", text)
    axes = draw_depths(panels(models), fixed_range(models), f"{name} along the depth of each model", text)
    return [*written, *save(axes[0].figure, folder / "depths")]


def panels(models: Sequence[Studied]) -> list[Panel]:
    """What is drawn of each model."""
    return [Panel(f"{m.label} ({m.depth} layers, n = {m.main.n})", m.main.table, m.main.spans) for m in models]
