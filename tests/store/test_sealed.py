"""What is read from a finished run is what the run wrote."""

import pytest

from depthscope.store.record import RunRecord
from depthscope.store.sealed import Sealed, seal


@pytest.fixture
def folder(tmp_path):
    for name in ("figures", "trajectories.zarr", "x.shards", "below"):
        (tmp_path / name).mkdir()
    for name in ("cse.nc", "items.csv", "figures/a.svg", "figures/a.png"):
        (tmp_path / name).write_text(name)
    for name in ("report.html", ".lock", "trajectories.zarr/0", "x.shards/1", "below/run.json", "below/b.csv"):
        (tmp_path / name).write_text("apart")
    (tmp_path / "link.csv").symlink_to("items.csv")
    RunRecord("metaphor", {}, status="finished", files=seal(tmp_path)).write(tmp_path / "run.json")
    return tmp_path


def opened(folder):
    return Sealed.opened(folder, "give another")


def test_the_files_of_the_run_are_sealed_and_nothing_else(folder):
    assert list(opened(folder).record.files) == ["cse.nc", "figures/a.png", "figures/a.svg", "items.csv"]
    assert opened(folder).file("figures/a.svg") == folder / "figures" / "a.svg"
    assert opened(folder).names("figures") == ["figures/a.png", "figures/a.svg"]
    assert opened(folder).names("") == ["cse.nc", "items.csv"]
    assert opened(folder).unchecked == opened(folder).gone == []


def test_sealing_again_changes_nothing(folder):
    assert seal(folder) == opened(folder).record.files


@pytest.mark.parametrize("text", ["cse.nd", "cse.n", "cse.nc ", ""])
def test_a_file_that_changed_is_refused(folder, refuses, text):
    (folder / "cse.nc").write_text(text)
    with refuses(str(folder / "cse.nc"), "changed since the run wrote it", "put the original back"):
        opened(folder).file("cse.nc")


def test_a_file_that_was_added_is_not_there_and_one_that_is_gone_is_told(folder):
    (folder / "mine.csv").write_text("mine")
    (folder / "cse.nc").unlink()
    run = opened(folder)
    assert run.file("mine.csv") is run.file("cse.nc") is None
    assert run.gone == ["Of the files that the run wrote, these are not in its folder any more: `cse.nc`."]


def test_without_digests_files_are_read_and_that_is_said(folder):
    RunRecord("metaphor", {}, status="finished", environment={"depthscope": "0.6.0"}).write(folder / "run.json")
    run = opened(folder)
    assert run.file("cse.nc") == folder / "cse.nc"
    assert run.file("nothing.csv") is None
    assert run.names("figures") == ["figures/a.png", "figures/a.svg"]
    assert run.names("nothing") == []
    assert "0.6.0 without digests" in run.unchecked[0]


@pytest.mark.parametrize("name", ["../run.json", "/etc/hostname"])
def test_a_name_that_leads_out_is_refused_even_if_the_record_has_a_digest_for_it(folder, refuses, name):
    run = opened(folder)
    run.record.files[name] = {"bytes": 1, "sha256": "0"}
    with refuses("no name of something inside"):
        run.file(name)
