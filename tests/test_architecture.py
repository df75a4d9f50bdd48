"""The road runs one way: what a stage may import, read from its source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import depthscope as ds

SOURCE = Path(ds.__file__).parent
GROUND = ["errors", "version", "citation", "arrays", "entries", "summaries", "telling", "progress", "drawing", "store"]
ROAD = ["corpus", "stimuli", "model", "capture", "instrument", "statistics", "report", "studies", "scan", "cli"]


def imports(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        yield from (name.split(".")[1] for name in names if name.startswith("depthscope."))


@pytest.mark.parametrize("stage", [*GROUND, *ROAD])
def test_lower_stages_know_nothing_of_higher_ones(stage):
    files = [SOURCE / f"{stage}.py"] if (SOURCE / f"{stage}.py").exists() else sorted((SOURCE / stage).rglob("*.py"))
    assert files
    allowed = {*GROUND, *ROAD[: ROAD.index(stage) + 1]} if stage in ROAD else set(GROUND)
    for path in files:
        strangers = set(imports(path)) - allowed
        assert not strangers, f"{path.relative_to(SOURCE)} imports {strangers}"


def test_instruments_and_statistics_do_not_need_models():
    for stage in ("instrument", "statistics"):
        for path in (SOURCE / stage).glob("*.py"):
            assert not set(imports(path)) & {"model", "capture", "stimuli"}, path


def test_every_folder_is_a_stage_that_the_architecture_names():
    text = (SOURCE.parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    for folder in (p.name for p in SOURCE.iterdir() if p.is_dir() and p.name != "__pycache__"):
        assert f"`{folder}`" in text or f"· {folder}" in text, folder


def test_importing_costs_nothing_that_is_not_used():
    heavy = ["torch", "transformers", "pandas", "xarray", "scipy", "matplotlib", "numpy", "rich"]
    code = f"import sys, depthscope; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_public_names_are_there():
    for name in ds.__all__:
        assert getattr(ds, name) is not None
    assert {"load", "read_stimuli", "trace", "cse", "scalogram", "contrast"} <= set(dir(ds))
    with pytest.raises(AttributeError, match="nothing"):
        ds.nothing  # noqa: B018 - asking is the point
