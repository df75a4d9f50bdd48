"""Figures become files in a process beside this one, while it goes on: that is half of the time that they take."""

import os
import pickle
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Job = tuple[bytes, list[Path]]
Write = Callable[[Any, Any, list[Path]], None]


class Beside:
    """The process, which begins with the first figure, and ends with this one however that ends."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[Job | None] = queue.Queue()
        self._undone: list[Job] = []
        self._problems: list[BaseException] = []
        self._thread: threading.Thread | None = None

    def give(self, write: Write, figure: "Figure", words: Any, paths: list[Path]) -> None:
        """Let it call ``write(figure, words, paths)``, for a figure that is laid out, and its text alternative."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._hand_over, daemon=True)
            self._thread.start()
        self._jobs.put((pickle.dumps((write, figure, words)), paths))

    def wait(self) -> None:
        """Until everything is written: what still waits is done here meanwhile. What went wrong there is raised here; what a
        process that died left is done here.
        """
        while (job := self._next()) is not None:
            try:
                _write(*job)
            finally:
                self._jobs.task_done()
        self._jobs.join()
        undone, self._undone = self._undone, []
        for job in undone:
            _write(*job)
        if self._problems:
            raise self._problems.pop(0)

    def _next(self) -> Job | None:
        try:
            return self._jobs.get_nowait()
        except queue.Empty:
            return None

    def end(self) -> None:
        """Let the process go."""
        if self._thread is not None:
            self._jobs.put(None)

    def _hand_over(self) -> None:
        # begun anew, not forked: threads of torch would be forked in whatever state they are
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        with ours:
            while True:
                job = self._jobs.get()
                if job is None:
                    return
                try:
                    ours.send(job)
                    problem = ours.recv()
                    if problem is not None:
                        self._problems.append(problem)
                except (EOFError, OSError):
                    self._undone.append(job)  # not here: figures are drawn by one thread at a time
                finally:
                    self._jobs.task_done()


def _serve(ours: Connection) -> None:
    """Write figures until the other end is closed, which the system does for a process that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the process that waits
    while True:
        try:
            job = ours.recv()
        except EOFError:
            return
        try:
            _write(*job)
        except Exception as problem:  # whatever it is, it is the other's to tell
            ours.send(problem)
        else:
            ours.send(None)


def _write(drawn: bytes, paths: list[Path]) -> None:
    write, figure, words = pickle.loads(drawn)
    write(figure, words, paths)


# set by the command line, whose process can be begun again; a script of a user may have no guard against that
allowed = False
_now: Beside | None = None


def current() -> Beside | None:
    """Where figures go now; None: into files at once."""
    return _now


@contextmanager
def figures_beside() -> Iterator[None]:
    """Within it, figures are written beside what goes on, where that is allowed and there is a second processor.

    Whoever needs the files calls :func:`wait_for_figures` first.
    """
    global _now
    if not allowed or _now is not None or (os.cpu_count() or 1) < 2:
        yield
        return
    _now = Beside()
    try:
        yield
    finally:
        _now.end()
        _now = None


def wait_for_figures() -> None:
    """Until every figure that was saved is a file."""
    if _now is not None:
        _now.wait()
