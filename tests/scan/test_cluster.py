"""Real workers under a real Ray: every job once, whoever dies; and a sentence for whatever cannot go on."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from depthscope.capture.windows import Window
from depthscope.errors import DepthscopeError
from depthscope.scan import cluster
from depthscope.scan.cluster import Cluster
from depthscope.scan.job import About, Asked, Columns, Job

ray = pytest.importorskip("ray")


@dataclass(frozen=True)
class Recipe:
    """A worker without a model, which does at a job what its document is called."""

    bits: str = "0"

    def build(self) -> "Calculator":
        if self.bits == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.bits == "refuses":
            raise DepthscopeError("tiny: no such model; give another")
        return Calculator(self.bits)


class Calculator:
    def __init__(self, bits: str) -> None:
        self.bits = str(os.getpid()) if bits == "differ" else bits

    def about(self) -> About:
        # threads and checks may differ from worker to worker
        return About(
            "m", "f", self.bits, 2, 1, 9, "float32", "cpu", "none", os.getpid(), True, True, {"a": str(os.getpid())}
        )

    def measure(self, job: Job, attempt: int = 1) -> Columns:
        do = job.windows[0].document
        if do == "dies" or (do == "dies once" and attempt == 1):
            time.sleep(0.5)  # what it finished before is on its way
            os.kill(os.getpid(), signal.SIGKILL)
        if do == "refuses":
            raise DepthscopeError("dies.txt: too long; use a shorter one")
        if do == "fails":
            raise ZeroDivisionError("a fault of ours")
        if do == "slow":
            time.sleep(0.3)
        ids = np.concatenate([window.ids for window in job.windows])
        return {
            "twice": np.stack([ids, 2 * ids], axis=-1).astype(np.float32),
            "attempt": np.full(len(ids), attempt, np.float32),
            "threads": np.full(len(ids), int(os.environ["OMP_NUM_THREADS"]), np.float32),
            "who": np.full(len(ids), os.getpid(), np.float32),
        }


def job(number: int, document: str = "fine") -> Job:
    ids = np.arange(5) + number
    return Job(number, [Window(document, 0, ids, (0, 5), ids, ids + 1)], Asked(()))


def results(engine: Cluster, jobs: list[Job]) -> dict[int, Columns]:
    found: dict[int, Columns] = {}
    for one, columns in engine.run(iter(jobs)):
        assert one.number not in found, "twice"
        found[one.number] = {name: np.array(column) for name, column in columns.items()}
    return found


@pytest.fixture(scope="module")
def two_cpus() -> Iterator[None]:
    """Ray of this process with room for two; clusters of the tests join it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")  # else it writes a token into the user's home
        library = cluster._library()
        library.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
        yield
        library.shutdown()


def test_every_job_comes_back_once_with_what_a_worker_here_would_say(two_cpus: None) -> None:
    jobs = [job(number) for number in range(40)]
    with Cluster(2, threads=1, make=Recipe().build) as engine:
        assert engine.about.bits == "0"
        found = results(engine, jobs)
        next(engine.run(iter(jobs)))  # left early, which leaves nothing to the next
        again = results(engine, jobs[:3])
    assert sorted(found) == list(range(40))
    assert sorted(again) == [0, 1, 2]
    for one in jobs:
        np.testing.assert_array_equal(found[one.number]["twice"][:, 1], 2.0 * one.windows[0].ids)
        assert set(found[one.number]["attempt"]) == {1.0}
        assert set(found[one.number]["threads"]) == {1.0}
    assert ray.is_initialized(), "a Ray that was there before stays"


def test_few_jobs_are_taken_ahead_and_every_worker_has_its_share(two_cpus: None) -> None:
    taken = returned = most = 0

    def counted() -> Iterator[Job]:
        nonlocal taken
        for number in range(14):
            taken += 1
            yield job(number, "slow")

    who = set()
    with Cluster(2, make=Recipe().build) as engine:
        for _, columns in engine.run(counted()):
            most = max(most, taken - returned)
            returned += 1
            who |= set(columns["who"])
    assert returned == 14
    assert most <= 2 * cluster.AHEAD
    assert len(who) == 2


def test_a_job_whose_worker_dies_is_done_by_another_with_less_memory(two_cpus: None) -> None:
    jobs = [job(number, "dies once" if number in (0, 4) else "fine") for number in range(9)]
    with Cluster(2, make=Recipe().build) as engine:
        found = results(engine, jobs)
    assert sorted(found) == list(range(9))
    # only those at which a worker died, not those that waited behind them
    assert [found[number]["attempt"][0] for number in range(9)] == [2, 1, 1, 1, 2, 1, 1, 1, 1]


def test_a_worker_killed_from_outside_costs_nothing_but_time(two_cpus: None) -> None:
    found: dict[int, float] = {}
    with Cluster(1, make=Recipe().build) as engine:
        for one, columns in engine.run(job(number, "slow") for number in range(6)):
            if not found:
                os.kill(int(columns["who"][0]), signal.SIGKILL)
            assert one.number not in found
            found[one.number] = columns["who"][0]
    assert sorted(found) == list(range(6))
    assert len(set(found.values())) == 2


def test_a_job_at_which_three_workers_died_is_named(two_cpus: None, refuses: Callable[..., Any]) -> None:
    jobs = [job(number, "dies" if number == 2 else "fine") for number in range(6)]
    with refuses("dies, tokens 0 to 4", "3 workers", "smaller batch"), Cluster(1, make=Recipe().build) as engine:
        results(engine, jobs)


def test_what_a_worker_refuses_is_the_same_sentence_and_a_fault_comes_with_its_traceback(two_cpus: None) -> None:
    with Cluster(1, make=Recipe().build) as engine:
        with pytest.raises(DepthscopeError, match=r"^dies.txt: too long; use a shorter one$"):
            results(engine, [job(0, "refuses")])
        with pytest.raises(ZeroDivisionError) as fault:
            results(engine, [job(0, "fails")])
        assert "in measure" in str(fault.value)
        assert "a fault of ours" in str(fault.value)
        assert sorted(results(engine, [job(3)])) == [3], "the worker is none the worse for it"


def test_what_building_refuses_is_the_same_sentence(two_cpus: None) -> None:
    with (
        Cluster(1, make=Recipe("refuses").build) as engine,
        pytest.raises(DepthscopeError, match=r"^tiny: no such model; give another$"),
    ):
        engine.about  # noqa: B018 - asking is the point


def test_workers_that_are_not_alike_are_refused(two_cpus: None, refuses: Callable[..., Any]) -> None:
    with refuses("not alike", "bits", "one kind"), Cluster(2, make=Recipe("differ").build) as engine:
        results(engine, [job(number, "slow") for number in range(30)])


def test_other_versions_are_refused(
    two_cpus: None, refuses: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "__version__", "0.0")
    with refuses("installed there, 0.0 here"), Cluster(1, make=Recipe().build) as engine:
        results(engine, [job(0)])


def test_a_model_at_which_workers_die_is_no_endless_trial(two_cpus: None, refuses: Callable[..., Any]) -> None:
    with refuses("3 workers died before", "fewer workers"), Cluster(1, make=Recipe("dies").build) as engine:
        results(engine, [job(0)])


def test_more_workers_than_there_is_room_for(two_cpus: None, refuses: Callable[..., Any]) -> None:
    with (
        refuses("3 workers", "room for 2 with 1 CPUs", "fewer workers"),
        Cluster(3, make=Recipe().build, patience=8.0) as engine,
    ):
        results(engine, [job(number, "slow") for number in range(400)])


@pytest.mark.parametrize("asked", [{"workers": 0}, {"threads": 0}, {"gpus": -1.0}])
def test_numbers_out_of_range(asked: dict[str, Any], refuses: Callable[..., Any]) -> None:
    with refuses(next(iter(asked)), "or more"):
        Cluster(**{"workers": 1, "make": Recipe().build, **asked})


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, refuses: Callable[..., Any]) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with refuses("depthscope[ray]"), Cluster(1, make=Recipe().build):
        pass


@pytest.mark.parametrize("address", ["", "here", "ray://10.0.0.1:10001", "10.0.0.1", ":6379", "host:port"])
def test_what_is_no_address(address: str, refuses: Callable[..., Any]) -> None:
    with refuses(f"{address}: not the address", "host:port"):
        cluster._try(address)


def test_addresses_at_which_there_is_no_ray(monkeypatch: pytest.MonkeyPatch, refuses: Callable[..., Any]) -> None:
    monkeypatch.setattr(cluster, "CONNECT", 4.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with refuses(address, "no answer within 4 s", "ray start"):
            cluster._try(address)
    with refuses(address, "nothing listens", "ray start"):
        cluster._try(address)


# a driver of its own: it prints who works, lets one worker die, and goes on for ever
DRIVER = """
import sys
from depthscope.errors import DepthscopeError
from depthscope.scan import cluster
from tests.scan.test_cluster import Recipe, job

cluster.GRACE = 3.0
cluster.CONNECT = float(sys.argv[2]) if sys.argv[2:] else cluster.CONNECT
try:
    with cluster.Cluster(2, make=Recipe().build, address=sys.argv[1] if sys.argv[1:] else None) as engine:
        print("door", *(door[1] for door in engine._doors), flush=True)
        numbers = iter(range(10**6))
        jobs = (job(number, "dies once" if number == 3 else "slow") for number in numbers)
        for one, columns in engine.run(jobs):
            print("did", one.number, int(columns["who"][0]), flush=True)
except DepthscopeError as problem:
    print("refused", problem, flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


class Driver:
    """The driver in a group of its own, as from a terminal."""

    def __init__(self, folder: Path, *words: str, **env: str) -> None:
        self.errors = (folder / "stderr").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, *words],
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**os.environ, "RAY_AUTH_MODE": "disabled", **env},
            start_new_session=True,
        )
        self.lines: list[str] = []

    def until_job(self, number: int) -> set[int]:
        """Read on until that job is done; the workers so far."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith(f"did {number} "):
                return {int(line.split()[2]) for line in self.lines if line.startswith("did")}
        raise AssertionError(f"ended early: {self.lines} {self.stderr()}")

    def end(self) -> str:
        """Wait for the end: the last line."""
        rest, _ = self.process.communicate(timeout=40)
        self.lines += rest.splitlines()
        return self.lines[-1]

    def stderr(self) -> str:
        self.errors.seek(0)
        return self.errors.read()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self.errors.close()


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Callable[..., Driver]]:
    started: list[Driver] = []

    def start(*words: str, **env: str) -> Driver:
        started.append(Driver(tmp_path, *words, **env))
        return started[-1]

    yield start
    for one in started:
        one.close()


def commands(words: str) -> dict[int, str]:
    """Processes, by their number, that were started with these words."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has ended meanwhile
            continue
        if words in command:
            found[int(path.parent.name)] = command
    return found


def gone(process: int) -> bool:
    """Wait until a process has ended."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":  # ended, and nobody has asked how
            return True
        time.sleep(0.1)
    return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")


@needs_proc
def test_an_interrupt_ends_the_driver_and_all_workers_and_only_the_driver_has_spoken(
    driver: Callable[..., Driver],
) -> None:
    one = driver()
    workers = one.until_job(12)
    os.killpg(one.process.pid, signal.SIGINT)
    assert one.end() == "interrupted"
    assert all(line.split()[0] in ("door", "did", "interrupted") for line in one.lines), one.lines
    assert one.stderr() == ""
    assert all(gone(worker) for worker in workers)
    head = one.lines[0].split()[1]
    assert not [c for c in commands(f":{head} ").values() if "ray" in c], "what it began has ended with it"


@needs_proc
def test_a_lost_ray_of_ones_own_is_one_sentence(driver: Callable[..., Driver]) -> None:
    one = driver()
    one.until_job(4)
    ours = [p for p, command in commands("raylet/raylet ").items() if f":{one.lines[0].split()[1]} " in command]
    assert len(ours) == 1
    os.kill(ours[0], signal.SIGKILL)
    assert "is gone" in one.end()
    assert one.lines[-1].startswith("refused the Ray cluster at ")
    assert one.process.returncode == 0
    assert one.stderr() == ""


@needs_proc
def test_a_cluster_is_joined_by_those_who_may_and_its_loss_is_one_sentence(
    driver: Callable[..., Driver], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home = Path("/tmp") / f"ray-test-{port}"  # short: the names of its sockets are limited
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a" * 64}
    start = [str(Path(sys.executable).with_name("ray")), "start", "--head", f"--port={port}", "--num-cpus=2"]
    start += [
        "--include-dashboard=false",
        "--object-store-memory=100000000",
        f"--temp-dir={home}",
        "--disable-usage-stats",
    ]
    try:
        subprocess.run(start, env={**os.environ, **token}, check=True, capture_output=True)
        address = f"127.0.0.1:{port}"
        stranger = driver(address, "8")
        member = driver(address, **token)
        member.until_job(6)
        head = [p for p, command in commands(str(home)).items() if "gcs_server" in command.split()[0]]
        assert len(head) == 1
        assert "set RAY_AUTH_MODE=token" in stranger.end()
        os.kill(head[0], signal.SIGKILL)
        assert member.end().startswith("refused the Ray cluster at ")
        assert "is gone" in member.lines[-1]
        assert "run the same command again" in member.lines[-1]
        assert member.process.returncode == 0
        assert member.stderr() == stranger.stderr() == ""
    finally:
        for process in commands(str(home)):
            os.kill(process, signal.SIGKILL)
        shutil.rmtree(home, ignore_errors=True)
