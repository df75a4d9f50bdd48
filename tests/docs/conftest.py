"""What the tests of the documents share: the tutorial, run once, and the site, built once."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.docs.blocks import ROOT


@pytest.fixture(scope="session")
def tutorial(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The tutorial with its outputs."""
    return made_once("tutorial", execute) / "executed.ipynb"


def execute(folder: Path) -> None:
    from nbclient import NotebookClient

    notebook: Any = nbformat.read(ROOT / "docs" / "tutorial.ipynb", as_version=4)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    # a backend that another test of this process has chosen shows nothing in a notebook
    client.execute(env={name: value for name, value in os.environ.items() if name != "MPLBACKEND"})
    nbformat.write(notebook, folder / "executed.ipynb")


@pytest.fixture(scope="session")
def site(tutorial: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "DEPTHSCOPE_TUTORIAL": str(tutorial), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    return folder
