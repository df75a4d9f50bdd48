"""Real workers under a real Ray: every job once, whoever dies; and a sentence for whatever cannot go on."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from depthscope.capture.windows import Window
from depthscope.errors import DepthscopeError
from depthscope.scan import cluster, connection
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
        library = connection.library()
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
    with refuses("differ (in bits", "bits", "one kind"), Cluster(2, make=Recipe("differ").build) as engine:
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


@pytest.mark.thorough
def test_more_workers_than_there_is_room_for(two_cpus: None, refuses: Callable[..., Any]) -> None:
    with (
        refuses("3 workers", "room for 2 with 1 CPUs", "fewer workers"),
        Cluster(3, make=Recipe().build, patience=15.0) as engine,
    ):
        results(engine, [job(number, "slow") for number in range(400)])


@pytest.mark.parametrize("asked", [{"workers": 0}, {"threads": 0}, {"gpus": -1.0}])
def test_numbers_out_of_range(asked: dict[str, Any], refuses: Callable[..., Any]) -> None:
    with refuses(next(iter(asked)), "or more"):
        Cluster(**{"workers": 1, "make": Recipe().build, **asked})
