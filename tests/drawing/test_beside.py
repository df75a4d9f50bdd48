"""Figures that another process writes: the same files, its faults told here, and nothing left behind when it dies."""

import os
import subprocess
import sys
import time
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest

from depthscope.drawing import beside
from depthscope.drawing.alt import describe
from depthscope.drawing.saving import save
from depthscope.drawing.style import axes, depth_axis, heading, note, styled


@styled
def drawn(title: str, ax=None):
    ax = axes(ax)
    ax.plot(np.arange(1, 11), np.arange(10.0))
    ax.imshow(np.eye(3), extent=(1, 4, 0, 3), aspect="auto")
    heading(ax, title)
    depth_axis(ax, 10)
    note(ax, "n = 10")
    describe(ax, title, "A line and a picture.")
    return ax


@pytest.fixture
def allowed(monkeypatch):
    monkeypatch.setattr(beside, "allowed", True)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


@pytest.mark.parametrize("title", ["A plain title", "Names in \u05e9\u05dc\u05d5\u05dd and $x$ | <b>"])
def test_the_files_are_the_same_to_the_byte(allowed, every_format, tmp_path, title):
    here = save(drawn(title).figure, tmp_path / "here")
    with beside.figures_beside():
        there = save(drawn(title).figure, tmp_path / "there")
        beside.wait_for_figures()
        assert [path.suffix for path in there] == [".png", ".svg", ".pdf"]
        assert [path.read_bytes() for path in there] == [path.read_bytes() for path in here]


def test_where_it_is_not_allowed_files_are_there_at_once(every_format, tmp_path):
    with beside.figures_beside():
        assert beside.current() is None
        assert all(path.is_file() for path in save(drawn("x").figure, tmp_path / "x"))


def test_what_goes_wrong_there_is_raised_here(allowed, every_format, tmp_path):
    with beside.figures_beside():
        save(drawn("x").figure, tmp_path / "nowhere" / "x")
        with pytest.raises(FileNotFoundError):
            beside.wait_for_figures()


def test_what_a_process_that_was_killed_left_is_done_here(allowed, every_format, tmp_path):
    before = active_children()
    with beside.figures_beside():
        for name in ("one", "two", "three"):
            paths = save(drawn(name).figure, tmp_path / name)
        while not (new := [one for one in active_children() if one not in before]):
            time.sleep(0.01)
        new[0].kill()
        beside.wait_for_figures()
        assert all(path.stat().st_size for path in paths)
    assert len(list(tmp_path.iterdir())) == 9


KILLED = """
import os, sys, time
from multiprocessing import active_children
from pathlib import Path
from depthscope.drawing import beside
from depthscope.drawing.saving import save
from tests.drawing.test_beside import drawn

if __name__ == "__main__":
    beside.allowed, os.cpu_count = True, lambda: 2
    with beside.figures_beside():
        save(drawn("x").figure, Path(sys.argv[1]) / "x")
        beside.wait_for_figures()
        print(*(one.pid for one in active_children()), flush=True)
        time.sleep(60)
"""


def test_it_ends_when_the_process_that_began_it_is_killed(tmp_path):
    (tmp_path / "killed.py").write_text(KILLED, encoding="utf-8")
    paths = os.pathsep.join([str(Path.cwd()), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, tmp_path / "killed.py", tmp_path],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    (child,) = map(int, process.stdout.readline().split())
    process.kill()
    process.wait()
    told = Path(f"/proc/{child}/cmdline")
    for _ in range(600):
        if not told.exists() or b"spawn_main" not in told.read_bytes():
            return
        time.sleep(0.05)
    pytest.fail("it goes on by itself")
