"""How time and memory are taken, and how they are shown."""

import gc
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of the table: ours against theirs, and the goal for the ratio."""

    work: str
    against: str
    ours: str
    theirs: str
    ratio: float
    goal: str
    met: bool

    def markdown(self) -> str:
        goal = f"{self.goal} {'met' if self.met else 'MISSED'}" if self.goal else ""
        ratio = f"{self.ratio:,.0f}" if self.ratio >= 10 else f"{self.ratio:.2f}"
        return f"| {self.work} | {self.against} | {self.ours} | {self.theirs} | {ratio} | {goal} |"


HEADER = "| work | against | depthscope | the other | ratio | goal |\n|---|---|---|---|---|---|"


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor()


def mebibytes(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB"


def cpu_seconds(work: Callable[[], Any], repeats: int = 1) -> float:
    """Median CPU time of all threads."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return median(times)


def wall_seconds(*works: Callable[[], Any], repeats: int = 7, settle: Callable[[], Any] = lambda: None) -> list[float]:
    """Median wall time of each, taken in turns so that a busy machine is busy for all of them.

    ``settle`` waits for what a device was asked for and has not done yet.
    """
    times: list[list[float]] = [[] for _ in works]
    for work in works:
        work()
    settle()
    for _ in range(repeats):
        for taken, work in zip(times, works, strict=True):
            start = time.perf_counter()
            work()
            settle()
            taken.append(time.perf_counter() - start)
    return [median(taken) for taken in times]


def peak_bytes(work: Callable[[], Any], repeated: bool = False) -> int:
    """Memory that the process needs on top of what it holds when the work starts (Linux).

    The work is done once before, unless it is ``repeated`` already: buffers that libraries keep for ever are not the work's.
    """
    import ctypes

    if not repeated:
        work()
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # forget the old peak
    before = _status("VmRSS")
    work()
    return max(0, _status("VmHWM") - before)


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise LookupError(name)
