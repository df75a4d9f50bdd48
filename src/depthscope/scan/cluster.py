"""Many models at work under Ray: jobs go out to actors, columns come back, and a worker that dies costs one job's time."""

import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, Self

from depthscope.errors import DepthscopeError, listed, reason
from depthscope.scan.connection import TICK, Connection
from depthscope.scan.job import About, Columns, Job
from depthscope.version import __version__

AHEAD = 2  # jobs of one worker: the one it works at, and the next
ATTEMPTS = 3  # workers that one job, or one model, may kill
MAY_DIFFER = ("threads", "checks")  # of what workers say of themselves


class Worker(Protocol):
    """A model that measures."""

    def about(self) -> About: ...

    def measure(self, job: Job, attempt: int = 1) -> Columns: ...


class Cluster:
    """Actors of Ray, each with one model, on this machine or on a cluster that runs already.

    A context: it begins Ray (or joins the cluster at ``address``), and at its end no worker is left, nor is a Ray that it
    began. It joins a Ray that this process has begun itself and leaves it running.

    Parameters
    ----------
    workers : int
        Actors, 1 or more.
    address : str or None
        ``"host:port"`` of a cluster of which this machine is a node, ``"auto"`` for the one that runs here, or None for one
        of our own on this machine.
    threads : int
        CPU threads of each worker, 1 or more.
    gpus : float
        GPUs of each worker, 0 or more; below 1, workers share one.
    make : callable
        Builds the worker inside the actor. Picklable: a method of a dataclass of settings.
    patience : float
        Seconds to wait for room on the cluster, after the last worker that found some.

    Raises
    ------
    DepthscopeError
        Ray is not installed; nothing answers at the address; there is no room for so many workers; the cluster is gone.
    """

    def __init__(
        self,
        workers: int,
        *,
        address: str | None = None,
        threads: int = 1,
        gpus: float = 0.0,
        make: Callable[[], Worker],
        patience: float = 60.0,
    ) -> None:
        for name, value, least in (("workers", workers, 1), ("threads", threads, 1), ("gpus", gpus, 0)):
            if value < least:
                raise DepthscopeError(f"{name}={value}: must be {least} or more")
        self.workers, self.threads, self.gpus = workers, threads, gpus
        self.make, self.patience = make, patience
        self._connection = Connection(address, workers=workers, threads=threads, gpus=gpus)
        self._ray: Any = None
        self._actors: list[_Actor] = []
        self._calls: dict[Any, _Actor] = {}  # what we wait for, by whose it is
        self._unborn = 0  # workers that died before they were ready, in a row
        self._moved = 0.0  # when a worker last found a place
        self._first: tuple[str, About] | None = None  # where the first worker is, and what it says of itself

    def __enter__(self) -> Self:
        self._ray = self._connection.join()
        try:
            for _ in range(self.workers):
                self._hire()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, *problem: object) -> None:
        self._leave()

    @property
    def about(self) -> About:
        """Of the workers, which are all the same; waits for the first of them."""
        while self._first is None:
            self._step({})
        return self._first[1]

    def run(self, jobs: Iterator[Job]) -> Iterator[tuple[Job, Columns]]:
        """Each job with its columns, as they are finished, in any order.

        No more jobs are taken than twice the number of workers. A job whose worker dies goes to another one; each comes back
        once. The arrays are read-only and lie in shared memory, which is free again when they are dropped.

        Raises
        ------
        DepthscopeError
            What a worker refuses; a job at which three workers died; workers whose bits differ; a cluster that is gone.
            Any other exception of a worker comes with its traceback.
        """
        again: deque[Job] = deque()
        deaths: dict[int, int] = {}
        source = iter(jobs)
        exhausted = False
        try:
            while True:
                for actor in [a for a in self._actors if a.ready]:
                    while len(actor.jobs) < AHEAD and not (exhausted and not again):
                        job = again.popleft() if again else next(source, None)
                        if job is None:
                            exhausted = True
                        else:
                            self._give(actor, job, deaths.get(job.number, 0) + 1)
                if exhausted and not again and not any(actor.jobs for actor in self._actors):
                    return
                finished, unfinished = self._step(deaths)
                again.extendleft(reversed(unfinished))
                while finished:
                    yield finished.popleft()
        finally:
            # whoever leaves early does not want the rest
            for actor in self._actors:
                for reference in actor.jobs:
                    self._calls.pop(reference, None)
                actor.jobs.clear()

    def _leave(self) -> None:
        self._calls = {}
        actors, self._actors = self._actors, []
        if not self._connection.ours:
            for actor in actors:
                with suppress(self._ray.exceptions.RayError):  # what is lost need not be ended
                    self._ray.kill(actor.handle)
        self._connection.leave()

    def _hire(self, again: bool = False) -> None:
        """A new worker; it counts as ready when it has shown that it computes what the others do."""
        handle = (
            self._ray.remote(_Host)
            .options(
                num_cpus=self.threads,
                num_gpus=self.gpus,
                max_restarts=0,
                max_task_retries=0,
                scheduling_strategy="SPREAD",
                # before anything is imported there: libraries read it only once
                runtime_env={"env_vars": {"OMP_NUM_THREADS": str(self.threads)}},
            )
            .remote()
        )
        actor = _Actor(handle, time.monotonic(), again)
        actor.waits = handle.place.remote()
        self._actors.append(actor)
        self._calls[actor.waits] = actor

    def _give(self, actor: "_Actor", job: Job, attempt: int) -> None:
        reference = actor.handle.measure.remote(job, attempt)
        actor.jobs[reference] = job
        self._calls[reference] = actor

    def _step(self, deaths: dict[int, int]) -> tuple[deque[tuple[Job, Columns]], list[Job]]:
        """Wait a moment: what was finished, and what must be done again."""
        finished: deque[tuple[Job, Columns]] = deque()
        unfinished: list[Job] = []
        self._connection.answers()
        try:
            done, _ = self._ray.wait(list(self._calls), num_returns=1, timeout=TICK)
        except self._ray.exceptions.RayError as problem:
            raise self._connection.gone(problem) from None
        for reference in done:
            actor = self._calls[reference]
            if actor.ready:
                self._collect(actor, deaths, finished, unfinished)
            else:
                self._welcome(actor)
        self._check_room()
        return finished, unfinished

    def _collect(
        self, actor: "_Actor", deaths: dict[int, int], finished: deque[tuple[Job, Columns]], unfinished: list[Job]
    ) -> None:
        """What a worker has finished. If it is dead, it died at the first of its jobs that gave nothing.

        Unless it died so soon after a job that the columns were lost on their way: then that job counts as the cause.
        """
        dead: Exception | None = None
        for reference, job in list(actor.jobs.items()):
            if dead is None and not self._ray.wait([reference], timeout=0)[0]:
                return
            answer = self._answer(reference)
            if not isinstance(answer, _Lost):
                finished.append((job, answer))
                del actor.jobs[reference], self._calls[reference]
                continue
            unfinished.append(job)
            if dead is None:
                dead = answer.problem
                deaths[job.number] = deaths.get(job.number, 0) + 1
                if deaths[job.number] >= ATTEMPTS:
                    raise DepthscopeError(
                        f"{job.describe()}: {ATTEMPTS} workers died at this job, probably of too little memory; "
                        "use a smaller batch, or leave the document out"
                    )
        if dead is not None:
            self._replace(actor)

    def _welcome(self, actor: "_Actor") -> None:
        """One step of a new worker: it has a place, or it is ready."""
        answer = self._answer(actor.waits)
        del self._calls[actor.waits]
        if isinstance(answer, _Lost):
            self._unborn += 1
            if self._unborn >= ATTEMPTS:
                raise DepthscopeError(
                    f"{ATTEMPTS} workers died before they had loaded the model ({reason(answer.problem, 400)}): if memory is "
                    "short, ask for fewer workers or a smaller type of number"
                )
            self._replace(actor)
        elif not actor.placed:
            actor.placed, version = answer
            self._moved = time.monotonic()
            if version != __version__:
                raise DepthscopeError(
                    f"{actor.placed}: depthscope {version} is installed there, {__version__} here; install the same version "
                    "on every machine of the cluster"
                )
            actor.waits = actor.handle.build.remote(self.make)
            self._calls[actor.waits] = actor
        else:
            place, first = self._first = self._first or (actor.placed, answer)
            theirs = asdict(answer)
            differing = [
                name for name, ours in asdict(first).items() if ours != theirs[name] and name not in MAY_DIFFER
            ]
            if differing:
                raise DepthscopeError(
                    f"the workers on {place} and {actor.placed} differ (in {listed(differing)}), "
                    "so that results would depend on which of them measured; use machines and software of one kind"
                )
            actor.ready, self._unborn = True, 0

    def _replace(self, actor: "_Actor") -> None:
        self._actors.remove(actor)
        for reference in actor.jobs:
            del self._calls[reference]
        # to hire is to ask the head, which blocks for as long as it is silent
        while not self._connection.answers():
            time.sleep(TICK)
        # it may live, and only be out of reach
        self._ray.kill(actor.handle)
        self._hire(again=True)

    def _answer(self, reference: Any) -> Any:
        """What a call gave, or :class:`_Lost`."""
        raised = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except raised.RayTaskError as problem:
            cause = getattr(problem, "cause", None)
            if isinstance(cause, DepthscopeError):
                raise DepthscopeError(str(cause)) from None
            raise
        except raised.LocalRayletDiedError as problem:
            raise self._connection.gone(problem) from None
        except raised.RayError as problem:
            return _Lost(problem)

    def _check_room(self) -> None:
        """A worker that has waited for too long finds no place on the cluster."""
        now = time.monotonic()
        late = [a for a in self._actors if not a.placed and now - max(a.since, self._moved) > self.patience]
        if not late:
            return
        placed = [a for a in self._actors if a.placed]
        if placed and all(actor.again for actor in late):
            # the place of a dead worker is gone, perhaps with its machine; the others carry on
            for actor in late:
                self._ray.kill(actor.handle)
                self._actors.remove(actor)
                del self._calls[actor.waits]
            return
        needs = f"{self.threads} CPUs" + (f" and {self.gpus:g} GPUs" if self.gpus else "")
        raise DepthscopeError(
            f"{self.workers} workers: the Ray cluster has room for {len(placed)} with {needs} each (waited {self.patience:g} "
            "s for more); ask for fewer workers, or free the cluster"
        )


@dataclass
class _Actor:
    """A worker as the driver sees it."""

    handle: Any
    since: float
    again: bool  # in the place of a dead one
    waits: Any = None  # for its place, then for its model
    placed: str = ""  # on which machine
    ready: bool = False
    jobs: dict[Any, Job] = field(default_factory=dict)  # by reference, in the order in which they were given


@dataclass
class _Lost:
    """The answer of a worker that is no more."""

    problem: Exception


class _Host:
    """The actor. Its model is built by a call, not when it begins: what a call raises comes back as it is."""

    worker: Worker

    def place(self) -> tuple[str, str]:
        return socket.gethostname(), __version__

    def build(self, make: Callable[[], Worker]) -> About:
        self.worker = make()
        return self.worker.about()

    def measure(self, job: Job, attempt: int) -> Columns:
        return self.worker.measure(job, attempt)
