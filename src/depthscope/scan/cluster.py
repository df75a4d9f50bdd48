"""Many models at work under Ray: jobs go out to actors, columns come back, and a worker that dies costs one job's time."""

import logging
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from types import ModuleType
from typing import Any, Protocol, Self

from depthscope.errors import DepthscopeError, listed, reason, require
from depthscope.scan.job import About, Columns, Job
from depthscope.version import __version__

AHEAD = 2  # jobs of one worker: the one it works at, and the next
ATTEMPTS = 3  # workers that one job, or one model, may kill
TICK = 1.0  # seconds between two looks at the cluster
GRACE = 15.0  # seconds of silence; Ray ends our process, without a sentence, 60 s after it has lost the head
CONNECT = 20.0  # seconds to reach a cluster that exists; Ray itself tries for minutes
STORE = 2**28  # bytes of shared memory per worker, taken only as results fill it
LARGEST_STORE = 2**32
MAY_DIFFER = ("threads", "checks")  # of what workers say of themselves


Door = tuple[str, int]  # host and port


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
        Seconds to wait for room on the cluster.

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
        self.workers, self.address, self.threads, self.gpus = workers, address, threads, gpus
        self.make, self.patience = make, patience
        self._ray: Any = None
        self._ours = False
        self._actors: list[_Actor] = []
        self._calls: dict[Any, _Actor] = {}  # what we wait for, by whose it is
        self._unborn = 0  # workers that died before they were ready, in a row
        self._first: tuple[str, About] | None = None  # where the first worker is, and what it says of itself
        self._doors: list[Door] = []  # of the head, and of the Ray of this machine
        self._looked = self._heard = 0.0

    def __enter__(self) -> Self:
        self._ray = ray = _library()
        self._ours = not ray.is_initialized()
        try:
            if self._ours:
                self._connect()
            self._doors = _doors(ray)
            self._looked = self._heard = time.monotonic()
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
        """Of the workers, which are all alike; waits for the first of them."""
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

    def _connect(self) -> None:
        ray = self._ray
        if self.address is not None:
            _try(self.address)
            ray.init(address=self.address, log_to_driver=False, configure_logging=False)
            return
        ray.init(
            address="local",
            num_cpus=self.workers * self.threads,
            include_dashboard=False,
            log_to_driver=False,
            configure_logging=False,
            object_store_memory=min(self.workers * STORE, LARGEST_STORE),
        )
        found = ray.cluster_resources().get("GPU", 0.0)
        if found < self.workers * self.gpus:
            raise DepthscopeError(
                f"{self.workers} workers with {self.gpus:g} GPUs each: this machine has {found:g}; ask for fewer workers, "
                "or for less of a GPU each"
            )

    def _leave(self) -> None:
        ray, self._calls = self._ray, {}
        actors, self._actors = self._actors, []
        if self._ours:
            ray.shutdown()
            return
        for actor in actors:
            with suppress(ray.exceptions.RayError):  # what is lost need not be told to go
                ray.kill(actor.handle)

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
        self._look()
        try:
            done, _ = self._ray.wait(list(self._calls), num_returns=1, timeout=TICK)
        except self._ray.exceptions.RayError as problem:
            raise self._gone(problem) from None
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
                    f"the workers on {place} and {actor.placed} are not alike ({listed(differing)} "
                    "differ), so that results would depend on which of them measured; use machines and software of one kind"
                )
            actor.ready, self._unborn = True, 0

    def _replace(self, actor: "_Actor") -> None:
        self._actors.remove(actor)
        for reference in actor.jobs:
            del self._calls[reference]
        # to hire is to ask the head, which blocks for as long as it is silent
        while not self._look():
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
            raise self._gone(problem) from None
        except raised.RayError as problem:
            return _Lost(problem)

    def _check_room(self) -> None:
        """Whoever has waited for too long has no place on the cluster."""
        late = [a for a in self._actors if not a.placed and time.monotonic() - a.since > self.patience]
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

    def _look(self) -> bool:
        """Do the head of the cluster and the Ray of this machine listen? Jobs may go on for a while if not."""
        now = time.monotonic()
        if now - self._looked < TICK:
            return self._heard >= self._looked
        self._looked = now
        if all(_listens(door) for door in self._doors):
            self._heard = time.monotonic()
        elif now - self._heard > GRACE:
            raise self._gone(None)
        return self._heard >= self._looked

    def _gone(self, problem: Exception | None) -> DepthscopeError:
        host, port = self._doors[0]
        said = f" ({reason(problem)})" if problem else ""
        return DepthscopeError(
            f"the Ray cluster at {host}:{port} is gone{said}; what is finished is kept: start the cluster again, and run the "
            "same command again"
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


def _library() -> ModuleType:
    """Ray, which is told before it is imported to keep quiet and to report to nobody."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # its documented switch for lines that are not to be shown: reports of dead workers would go to stdout
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    ray = require("ray", "ray")
    # what matters of it comes as an exception
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    return ray


def _try(address: str) -> None:
    """Refuse an address at which no cluster of Ray can be joined.

    Asked in a process of its own: Ray tries for minutes, cannot be interrupted, and writes to stderr while it does.
    """
    host, _, port = address.rpartition(":")
    if address != "auto" and not (host and "/" not in host and port.isdecimal()):
        raise DepthscopeError(
            f"{address}: not the address of a Ray cluster; give host:port, or auto, on a machine that is a node of it"
        )
    way_out = "start one with 'ray start --head', or leave the address out"
    if address != "auto" and not _listens(_door(address)):
        raise DepthscopeError(f"{address}: nothing listens there, so no Ray cluster can be joined; {way_out}")
    code = "import sys, ray; ray.init(address=sys.argv[1], log_to_driver=False)"
    try:
        tried = subprocess.run([sys.executable, "-c", code, address], capture_output=True, timeout=CONNECT)
    except subprocess.TimeoutExpired as waited:
        said = (waited.stderr or b"").decode(errors="replace")
        last = f"no answer within {CONNECT:g} s"
    else:
        if tried.returncode == 0:
            return
        said = tried.stderr.decode(errors="replace")
        last = (said.strip().splitlines() or ["no reason given"])[-1][:200]
    if "AuthToken" in said:
        # Ray gives its token to no address that was named, unless it is told to
        raise DepthscopeError(
            f"{address}: the Ray cluster asks for a token; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH unless the "
            "token is in ~/.ray/auth_token"
        )
    raise DepthscopeError(f"{address}: no Ray cluster can be joined ({last}); {way_out}")


def _doors(ray: Any) -> list[Door]:
    context = ray.get_runtime_context()
    ours = context.get_node_id()
    node = next(node for node in ray.nodes() if node["NodeID"] == ours)
    return [_door(context.gcs_address), (node["NodeManagerAddress"], int(node["NodeManagerPort"]))]


def _door(address: str) -> Door:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _listens(door: Door) -> bool:
    try:
        with socket.create_connection(door, timeout=3.0):
            return True
    except OSError:
        return False
