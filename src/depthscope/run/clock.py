"""Which stage a run is in, and how long each took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from depthscope.progress import step


class Clock:
    """Wall time per stage, in seconds; each is announced as it begins, if ``told``."""

    def __init__(self, told: bool = False) -> None:
        self.told = told
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        step(stage, shown=self.told)
        start = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - start, 3)
