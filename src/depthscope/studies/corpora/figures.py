"""The figure of one contrast in several sets of stimuli."""

from collections.abc import Sequence
from pathlib import Path

from depthscope.studies.contrast.figures import write_forest
from depthscope.studies.contrast.results import Compared


def write_figures(folder: Path, rows: Sequence[Compared], name: str, text: str) -> list[Path]:
    """Draw the effects of all sets, one below the other: ``forest``."""
    return write_forest(folder, rows, f"{name} in every set", text)
