"""Killed, interrupted and continued runs, in real processes: the same bytes as a run that nobody disturbed."""

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.running import QUICK, RESULTS, record_of, results_of

pytestmark = pytest.mark.usefixtures("every_format")

ITEMS = 150


@pytest.fixture(scope="module")
def stimuli(tmp_path_factory):
    """Many short texts: with a budget of one token, each is a shard of its own."""
    rows = [
        (f"i{i:03d}", condition, f"{text} {i} {'and on ' * (i % 7)}to a wall.", "wall")
        for i in range(ITEMS)
        for condition, text in (("metaphor", "Her silence grew by"), ("literal", "He walked the old garden for"))
    ]
    path = tmp_path_factory.mktemp("many") / "many.csv"
    pd.DataFrame(rows, columns=["item", "condition", "text", "target"]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def words(model_folder, stimuli):
    # told, not found: the library that finds languages unpacks itself into a temporary file, which a limit forbids
    table = ("--stimuli", str(stimuli), "--language", "en")
    return ("run", "metaphor", "--model", str(model_folder), *table, "--token-budget", "1", *QUICK)


@pytest.fixture
def again(depthscope, words):
    """``again(out)``: the same command in this process, from start or from where it was left, to its end."""

    def call(out):
        return depthscope(*words, "--out", out)

    return call


@pytest.fixture(scope="module")
def undisturbed(words, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    subprocess.run([sys.executable, "-m", "depthscope", *words, "--out", out], check=True, stdout=subprocess.DEVNULL)
    return results_of(out)


class Started:
    """A run in a process of its own."""

    def __init__(self, words: tuple[str, ...], out: Path, **options) -> None:
        command = [sys.executable, "-m", "depthscope", *words, "--out", str(out)]
        self.out = out
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options
        )

    def wait_until(self, reached) -> None:
        while not reached():
            assert self.process.poll() is None, self.process.stderr.read()
            time.sleep(0.005)

    def send(self, kind: signal.Signals) -> int:
        while True:
            self.process.send_signal(kind)
            try:
                _, self.complaint = self.process.communicate(timeout=20)
            except (
                subprocess.TimeoutExpired
            ):  # Python drops an interrupt that comes inside a finaliser: one presses again
                continue
            return self.process.returncode

    def __enter__(self) -> "Started":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()


def shards_of(out: Path) -> dict[str, tuple[int, int]]:
    """Finished shards, each with what a rewrite would change."""
    found = {}
    for path in (out / "trajectories.shards").glob("batch-*.npz"):
        status = path.stat()
        found[path.name] = (status.st_ino, status.st_mtime_ns)
    return found


def count_of_shards(out: Path) -> int:
    """So cheap that whoever waits leaves the processor to the run."""
    folder = out / "trajectories.shards"
    return sum(path.name.startswith("batch-") for path in folder.iterdir()) if folder.is_dir() else 0


def is_kept(finished: dict, out: Path) -> bool:
    now = shards_of(out)
    return all(now[name] == stamp for name, stamp in finished.items())


def test_a_run_killed_again_and_again_ends_in_the_same_bytes(words, again, undisturbed, tmp_path):
    out = tmp_path / "run"
    finished: dict = {}
    for kind, count in (
        (signal.SIGKILL, 1),
        (signal.SIGINT, 90),
        (signal.SIGKILL, 150),
    ):
        with Started(words, out) as run:
            run.wait_until(lambda count=count: count_of_shards(out) >= count)
            status = run.send(kind)
        assert status == (130 if kind is signal.SIGINT else -signal.SIGKILL)
        assert is_kept(finished, out)  # nothing was paid for twice
        finished = shards_of(out)
        assert count <= len(finished) < 2 * ITEMS
        assert record_of(out)["status"] == "running"
        if kind is signal.SIGINT:
            assert "interrupted; run the same command again" in run.complaint
            assert "Traceback" not in run.complaint
    # what a write leaves behind that is killed half way
    (out / "trajectories.shards" / ".batch-000299.npz.x").write_bytes(b"half")
    (out / ".trajectories.zarr.x").mkdir()
    (out / ".trajectories.zarr.x" / ".zgroup").write_text("half")
    assert again(out).status == 0
    assert results_of(out) == undisturbed
    assert record_of(out)["status"] == "finished"
    assert not list(out.glob("*.shards"))
    assert not list(out.glob(".trajectories*"))


@pytest.mark.thorough
def test_a_run_killed_after_the_tracing_is_not_traced_again(words, again, undisturbed, tmp_path):
    out = tmp_path / "run"
    with Started(words, out) as run:
        run.wait_until(lambda: (out / "run.json").exists() and record_of(out)["digests"])
        assert run.send(signal.SIGKILL) == -signal.SIGKILL
    assert record_of(out)["status"] == "running"
    chunk = out / "trajectories.zarr" / "gram" / ".zarray"
    stamp = chunk.stat().st_mtime_ns
    assert again(out).status == 0
    assert chunk.stat().st_mtime_ns == stamp
    assert results_of(out) == undisturbed


def test_a_second_process_is_refused_while_the_first_one_lives(words, again, tmp_path):
    out = tmp_path / "run"
    with Started(words, out) as run:
        run.wait_until(lambda: count_of_shards(out) >= 1)
        run.process.send_signal(signal.SIGSTOP)
        finished = shards_of(out)
        sentence = again(out).sentence
        assert is_kept(finished, out)
    assert f"{out}: another run is writing there" in sentence
    assert "--out" in sentence


@pytest.fixture
def out_of_room(words, tmp_path):
    """A run that had room for its shards, and none for the trajectories: the folder, and what was complained of."""
    out = tmp_path / "run"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    with Started(words, out, preexec_fn=limit) as run:
        _, complaint = run.process.communicate()
        assert run.process.returncode == 2
    return out, complaint


def test_no_room_and_a_damaged_shard_give_sentences_and_a_run_that_can_be_continued(again, undisturbed, out_of_room):
    out, complaint = out_of_room
    assert "depthscope: no space left to write" in complaint
    assert "run the same command again" in complaint
    assert "Traceback" not in complaint
    assert len(shards_of(out)) == 2 * ITEMS

    shard = out / "trajectories.shards" / "batch-000007.npz"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    sentence = again(out).sentence
    assert "batch-000007.npz: damaged" in sentence
    assert "delete this one file" in sentence

    shard.unlink()
    assert again(out).status == 0
    assert results_of(out) == undisturbed


def test_a_full_disk_gives_a_sentence_and_a_run_that_can_be_continued(words, again, undisturbed, small_disk):
    place, remount = small_disk
    finished: dict = {}
    for size in ("128k", "600k", "1300k"):  # the last is enough for all shards, not for the trajectories
        assert remount(f"size={size}") == 0
        sentence = again(place / "run").sentence
        assert "no space left to write" in sentence
        assert "run the same command again" in sentence
        assert is_kept(finished, place / "run")
        assert len(shards_of(place / "run")) > len(finished)
        finished = shards_of(place / "run")
    assert len(finished) == 2 * ITEMS
    remount("size=100m")
    assert again(place / "run").status == 0
    assert results_of(place / "run") == undisturbed


def test_a_file_system_without_writing_gives_a_sentence(again, small_disk):
    place, remount = small_disk
    assert remount("ro") == 0
    sentence = again(place / "run").sentence
    assert str(place) in sentence
    assert "no permission to write" in sentence


def test_results_named_here_are_those_a_run_leaves(undisturbed):
    assert set(RESULTS) < set(undisturbed)
    assert len(undisturbed["clusters.csv"].splitlines()) > 1  # there is something to compare
