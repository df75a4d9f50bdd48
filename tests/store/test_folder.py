"""One writer at a time, one set of settings for ever."""

import subprocess
import sys

import pytest

from depthscope.errors import DepthscopeError
from depthscope.store.folder import LOCK, RECORD, run_folder
from depthscope.store.record import RunRecord

RUN = RunRecord("metaphor", {"model": "embedded", "subtoken": "last"})

HOLD = """
import sys, time
from pathlib import Path
from depthscope.errors import DepthscopeError
from depthscope.store.folder import run_folder
from depthscope.store.record import RunRecord
with run_folder(Path(sys.argv[1]), RunRecord("metaphor", {})):
    print("holding", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def started(tmp_path):
    """A folder in which a run has begun."""
    path = tmp_path / "a" / "b"
    with run_folder(path, RUN):
        RUN.write(path / RECORD)
    return path


def test_a_folder_is_made_with_its_parents_and_may_be_entered_again(started):
    with run_folder(started, RUN) as path:
        assert path == started


def test_a_folder_left_before_its_record_was_written_may_be_entered(tmp_path):
    (tmp_path / LOCK).touch()
    (tmp_path / ".run.json.k3j2").touch()  # killed in the first write
    with run_folder(tmp_path, RUN):
        pass


def test_other_settings_are_refused_with_their_names(started, refuses):
    other = RunRecord("metaphor", {"model": "embedded", "subtoken": "mean"})
    with (
        refuses(str(started), "subtoken (last, now mean)", "another --out", "delete the folder"),
        run_folder(started, other),
    ):
        pytest.fail("entered")


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path, refuses):
    (tmp_path / "thesis.tex").write_text("mine")
    with refuses(str(tmp_path), "thesis.tex", "empty --out"), run_folder(tmp_path, RUN):
        pytest.fail("entered")
    assert (tmp_path / "thesis.tex").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_second_writer_is_refused_until_the_first_has_left(started, refuses):
    with (
        run_folder(started, RUN),
        refuses(str(started), "another run is writing there", "--out"),
        run_folder(started, RUN),
    ):
        pytest.fail("entered")
    with run_folder(started, RUN):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path, refuses):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "holding\n"
        with refuses("another run is writing there"), run_folder(tmp_path, RUN):
            pytest.fail("entered")
    finally:
        holder.kill()
        holder.wait()
    with run_folder(tmp_path, RUN):
        pass


def test_a_file_is_no_folder(tmp_path, refuses):
    path = tmp_path / "file"
    path.touch()
    with refuses(str(path), "is a file", "--out"), run_folder(path, RUN):
        pytest.fail("entered")


@pytest.mark.parametrize("below", ["run", "deep/run"])
def test_a_folder_below_a_file_cannot_be_made(tmp_path, refuses, below):
    (tmp_path / "file").touch()
    with refuses(str(tmp_path / "file" / below), "cannot be made", "--out"), run_folder(tmp_path / "file" / below, RUN):
        pytest.fail("entered")


def test_a_dangling_link_is_refused(tmp_path, refuses):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with refuses("link", "cannot be made"), run_folder(tmp_path / "link", RUN):
        pytest.fail("entered")


@pytest.mark.parametrize("name", [".lock", "trajectories.shards", "figures", "deep/figures"])
def test_a_folder_with_a_link_is_refused_and_what_it_leads_to_is_left_alone(started, tmp_path, refuses, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_text("mine")
    link = started / name
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(outside / "mine" if name == LOCK else outside)
    with refuses(str(link), "is a link", "--out"), run_folder(started, RUN):
        pytest.fail("entered")
    assert (outside / "mine").read_text() == "mine"


def test_a_run_that_is_refused_before_it_kept_anything_leaves_its_folder_to_the_next(tmp_path, refuses):
    path = tmp_path / "run"
    with refuses("is a file"), run_folder(path, RUN):
        RUN.write(path / RECORD)
        with run_folder(path / RECORD, RUN):  # any refusal
            pytest.fail("entered")
    assert not path.exists()
    with run_folder(path, RunRecord("metaphor", {"model": "other"})):
        pass


def test_a_run_that_kept_something_keeps_its_record(started):
    (started / "trajectories.shards").mkdir()
    with pytest.raises(DepthscopeError), run_folder(started, RUN):
        raise DepthscopeError("no more")
    assert (started / RECORD).is_file()


def test_a_finished_folder_where_nobody_can_write_is_entered_and_an_unfinished_one_is_not(small_disk, refuses):
    place, remount = small_disk
    for name, status in (("done", "finished"), ("begun", "running")):
        (place / name).mkdir()
        RunRecord(RUN.study, RUN.settings, status=status).write(place / name / RECORD)
    assert remount("ro") == 0
    with run_folder(place / "done", RUN) as path:
        assert path == place / "done"
    with (
        refuses(str(place / "done"), "no permission to write", "is finished: read it as it is", "--out"),
        run_folder(place / "done", RUN) as path,
    ):
        RUN.write(path / RECORD)
    with refuses(str(place / "begun"), "no permission to write"), run_folder(place / "begun", RUN):
        pytest.fail("entered")
