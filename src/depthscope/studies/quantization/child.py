"""Work in a process of its own, and what became of the process if it did not come back."""

import multiprocessing
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from depthscope.errors import DepthscopeError

EVENTS = "memory.events"  # of a control group: how often the system killed in it because memory ran out


class ProcessDiedError(DepthscopeError):
    """The process ended without an answer."""


def in_child(work: Callable[..., None], *given: Any) -> None:
    """Call ``work`` in a fresh process; what it raises is raised here.

    Raises
    ------
    ProcessDiedError
        It was killed, or ended by itself. Lack of memory is named where the system says that it was that.
    """
    # spawned, not forked: a fork would begin with our memory, and with the threads of torch in whatever state
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answered, args=(sender, work, given))
    before = memory_kills()
    process.start()
    sender.close()
    try:
        try:
            answer = receiver.recv()
        except EOFError:
            process.join()
            raise ProcessDiedError(ended(process.exitcode, memory_kills() > before)) from None
        process.join()
    finally:
        if process.is_alive():
            process.terminate()
            process.join()
    if answer is not None:
        raise answer


def _answered(sender: Connection, work: Callable[..., None], given: tuple[Any, ...]) -> None:
    try:
        work(*given)
    except BaseException as problem:
        problem.add_note("".join(traceback.format_exception(problem)))
        try:
            sender.send(problem)
        except Exception:  # it holds what cannot be sent
            sender.send(RuntimeError(f"{type(problem).__name__}: {problem}"))
        return
    sender.send(None)


def ended(status: int | None, memory: bool) -> str:
    """How a process ended, in words: by which signal, for lack of memory only where that is known."""
    if status is None or status >= 0:
        return f"its process ended without a result (exit status {status}); see what it printed, and run the same command again"
    name = signal.Signals(-status).name if -status in {one.value for one in signal.Signals} else f"signal {-status}"
    if memory and -status == signal.SIGKILL:
        return f"its process was killed by the system, which had no memory left ({name}); free some, or take a smaller model"
    return f"its process was killed ({name}), by whom is not known; run the same command again"


def memory_kills() -> int:
    """How often the system killed in our control group because memory ran out; 0 where it does not say."""
    try:
        group = Path("/proc/self/cgroup").read_text().rpartition("0::")[2].strip().lstrip("/")
        told = (Path("/sys/fs/cgroup") / group / EVENTS).read_text()
        return sum(int(line.split()[1]) for line in told.splitlines() if line.startswith("oom_kill "))
    except (OSError, ValueError, IndexError):
        return 0
