"""Files are whole or absent."""

import os
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from depthscope.store.datasets import write_zarr
from depthscope.store.files import atomic, write_text


def test_a_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "a.txt"
    with atomic(path) as scratch:
        scratch.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
def test_the_old_file_stays_when_the_block_fails(tmp_path, kind):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail():
        with atomic(path) as scratch:
            scratch.write_text("half")
            raise kind

    with pytest.raises(kind):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_text_is_utf8_and_readable_by_others(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "Café 👩‍👩‍👧\n")
    assert path.read_bytes() == "Café 👩‍👩‍👧\n".encode()
    assert path.stat().st_mode & 0o777 == 0o644


def test_so_has_one_that_a_library_puts_in_the_place_of_ours(tmp_path):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    plain, path = tmp_path / "plain", tmp_path / "a.safetensors"
    plain.touch()
    with atomic(path) as scratch:
        save_file({"a": np.zeros(2)}, scratch)
    assert path.stat().st_mode == plain.stat().st_mode


def test_permissions_are_those_that_the_umask_leaves(tmp_path):
    before = os.umask(0o077)
    try:
        write_text(tmp_path / "a.txt", "mine alone")
        write_zarr(xr.Dataset({"a": ("x", [1.0])}), tmp_path / "a.zarr")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "a.zarr").stat().st_mode & 0o777 == 0o700


def test_names_that_are_not_utf8_are_spelt_out(tmp_path):
    write_text(tmp_path / "a.txt", os.fsdecode(b"m\xffdel"))
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "m\\udcffdel"


KILLED = """
import os, signal, sys
from pathlib import Path
from depthscope.store.files import atomic
with atomic(Path(sys.argv[1])) as scratch:
    scratch.write_text("half")
    print("writing", flush=True)
    sys.stdin.read() if sys.argv[2] == "wait" else os.kill(os.getpid(), signal.SIGKILL)
"""


def writing(path, how):
    command = [sys.executable, "-c", KILLED, str(path), how]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_what_a_kill_left_is_swept_away_and_what_is_being_written_is_not(tmp_path):
    path = tmp_path / "report[1].html"
    killed = writing(path, "kill")
    killed.communicate()
    assert len(list(tmp_path.iterdir())) == 1
    alive = writing(path, "wait")
    assert alive.stdout.readline() == "writing\n"
    (tmp_path / ".report[1].html.own").write_text("not of ours")
    write_text(path, "mine")
    assert len(list(tmp_path.iterdir())) == 3
    alive.communicate("")
    assert alive.returncode == 0
    assert path.read_text() == "half"  # the last one to end
    assert {one.name for one in tmp_path.iterdir()} == {path.name, ".report[1].html.own"}
