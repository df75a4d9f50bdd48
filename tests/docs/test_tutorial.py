"""The tutorial notebook runs from top to bottom, and is kept without outputs."""

from pathlib import Path

import nbformat

from tests.docs.blocks import ROOT


def test_it_runs_from_top_to_bottom(tutorial: Path) -> None:
    cells = [cell for cell in nbformat.read(tutorial, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        assert cell.outputs, f"shows nothing:\n{cell.source}"


def test_its_figures_have_words_for_those_who_do_not_see_them(tutorial: Path) -> None:
    for cell in nbformat.read(tutorial, as_version=4).cells:
        drawn = [one for one in cell.get("outputs", []) if "image/png" in one.get("data", {})]
        assert not drawn or cell.metadata.get("alt"), cell.source


def test_it_is_kept_clean() -> None:
    for cell in nbformat.read(ROOT / "docs" / "tutorial.ipynb", as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
