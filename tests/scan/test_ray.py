"""A scan by workers of Ray, one of them killed on the way: the files of a scan by this process, to the byte."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

import depthscope as ds
from depthscope.store.manifest import file_sha256
from tests.scan.conftest import SMALL

pytest.importorskip("ray")


def files_of(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): file_sha256(p) for p in sorted(folder.rglob("*.parquet"))}


def ancestors(process: int) -> list[int]:
    found = []
    while process > 1:
        try:
            # after its name, which may hold anything, come its state and its parent
            process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
        found.append(process)
    return found


def workers() -> list[int]:
    """Processes of actors that this process has begun through Ray, and no other test beside it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            name = path.read_bytes()
        except OSError:  # it has just ended
            continue
        if name.startswith(b"ray::_Host") and os.getpid() in ancestors(int(path.parent.name)):
            found.append(int(path.parent.name))
    return found


@pytest.fixture
def killer():
    """Kills one worker once ``ready()``; says whether it did."""
    done = threading.Event()
    killed: list[int] = []

    def watch(ready):
        while not done.is_set():
            if ready() and (found := workers()):
                os.kill(found[0], signal.SIGKILL)
                killed.append(found[0])
                return
            time.sleep(0.002)

    def start(ready):
        threading.Thread(target=watch, args=(ready,), daemon=True).start()
        return killed

    yield start
    done.set()


@pytest.mark.thorough
def test_two_workers_of_whom_one_is_killed_write_the_files_of_one_process(network, corpus, tmp_path, killer):
    alone = ds.scan_corpus(str(network), corpus, tmp_path / "alone", **{**SMALL, "part_tokens": 40})
    out = tmp_path / "ray"
    killed = killer(lambda: len(list(out.glob("tokens/part-*.parquet"))) >= 3)
    many = ds.scan_corpus(str(network), corpus, out, engine="ray", workers=2, threads=1, **{**SMALL, "part_tokens": 40})
    assert killed, "the scan was over before anything could be killed"
    assert len(files_of(alone.folder)) > 30
    assert files_of(out) == files_of(alone.folder)
    assert many.record.answer == alone.record.answer
    # and one engine goes on with what the other has begun
    for path in sorted(out.glob("tokens/*"))[3:]:
        path.unlink()
    ds.scan_corpus(str(network), corpus, out, **{**SMALL, "part_tokens": 40})
    assert files_of(out) == files_of(alone.folder)


@pytest.mark.thorough
def test_workers_that_read_on_the_roll_write_the_files_of_one_process(network, corpus, tmp_path):
    options = {**SMALL, "part_tokens": 80, "reading": "rolling", "measures": ["norm", "surprisal"]}
    alone = ds.scan_corpus(str(network), corpus, tmp_path / "alone", **options)
    many = ds.scan_corpus(str(network), corpus, tmp_path / "ray", engine="ray", workers=2, threads=1, **options)
    assert files_of(many.folder) == files_of(alone.folder)
    assert many.record.resolved == alone.record.resolved
