"""Control-C in a terminal reaches pytest and its workers; the suite ends at once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# as a command line does: what interrupts it becomes a status
SWALLOWS = """
import time
from pathlib import Path

def test_swallows():
    Path(__file__).with_suffix(".begun").touch()
    try:
        time.sleep(120)
    except KeyboardInterrupt:
        pass

def test_after():
    Path(__file__).with_suffix(".after").touch()
"""
RAISES = """
from pathlib import Path
import pytest

def test_raises():
    with pytest.raises(KeyboardInterrupt):
        raise KeyboardInterrupt

def test_after():
    Path(__file__).with_suffix(".after").touch()
"""


def a_pytest(folder: Path, *words: str) -> "subprocess.Popen[str]":
    """A real one, in a process group of its own, as a shell starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "tests.interrupts", "-p", "xdist", "-p", "no:cacheprovider", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_one_interrupt_ends_a_session_whose_tests_swallow_it(tmp_path, workers):
    names = ["test_one", "test_two"][: max(1, workers)]
    for name in names:
        (tmp_path / f"{name}.py").write_text(SWALLOWS)
    process = a_pytest(tmp_path, "-n", str(workers), "--dist", "loadfile")
    try:
        while not all((tmp_path / f"{name}.begun").exists() for name in names):
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        told, _ = process.communicate(timeout=100)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, told
    assert "KeyboardInterrupt" in told
    assert not list(tmp_path.glob("*.after"))


def test_an_interrupt_of_a_test_of_its_own_ends_nothing(tmp_path):
    (tmp_path / "test_one.py").write_text(RAISES)
    process = a_pytest(tmp_path)
    told, _ = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert (tmp_path / "test_one.after").exists()


def test_this_session_notices_interrupts(request):
    assert request.config.pluginmanager.has_plugin("tests.interrupts")
