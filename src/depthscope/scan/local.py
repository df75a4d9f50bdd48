"""The engine that is there by default: one worker, in this process."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property

from depthscope.scan.job import About, Columns, Job
from depthscope.scan.worker import Recipe, Worker


class Local:
    """Measures each job when it is asked for; on a GPU, the next ones while this process reads and writes.

    Parameters
    ----------
    recipe : Recipe
    ahead : int, optional
        Jobs that are measured before they are asked for. Default: 1 on a GPU, which would wait for reader and writer; 0 on a
        CPU, which they need themselves, and where an interrupt would have to wait for the job that is under way.
    """

    def __init__(self, recipe: Recipe, ahead: int | None = None) -> None:
        self._worker: Worker = recipe.build()
        self._ahead = int(self._worker.model.device.type != "cpu") if ahead is None else ahead

    @cached_property
    def about(self) -> About:
        return self._worker.about()

    def run(self, jobs: Iterator[Job]) -> Iterator[tuple[Job, Columns]]:
        if not self._ahead:
            yield from ((job, self._worker.measure(job)) for job in jobs)
            return
        underway: deque[tuple[Job, Future[Columns]]] = deque()
        with ThreadPoolExecutor(1) as thread:
            for job in jobs:
                underway.append((job, thread.submit(self._worker.measure, job)))
                if len(underway) > self._ahead:
                    first, found = underway.popleft()
                    yield first, found.result()
            for first, found in underway:
                yield first, found.result()
