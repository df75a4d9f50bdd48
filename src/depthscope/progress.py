"""How far a piece of work has come, shown through rich: in a terminal or a notebook, and only if it takes a while."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from depthscope.telling import clean

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

T = TypeVar("T")
Advance = Callable[[int], None]

DELAY = 1.0  # seconds; what is done sooner is not shown
WINDOW = 300.0  # seconds of the past from which the time that remains is estimated
REFRESH = 0.25  # seconds between two pictures in a notebook
BYTES = "B"


def each(items: Sequence[T], description: str, *, unit: str = "", shown: bool = True) -> Iterator[T]:
    """The ``items``, one after the other, with a bar that says how many of them are done."""
    with bar(len(items), description, unit=unit, shown=shown) as advance:
        for item in items:
            yield item
            advance(1)


def step(what: str, *, shown: bool = True) -> None:
    """Say on stderr what begins now, in a line of its own: also in a pipe or a log, where no bar is seen.

    Nothing is said if ``shown`` is false, or in a notebook, whose output is the answer.
    """
    if shown and not _in_notebook():
        # none at all, closed, or read by nobody: that must not end the work
        with suppress(AttributeError, ValueError, OSError):
            print(f"step: {clean(what)}", file=sys.stderr, flush=True)


@contextmanager
def bar(
    total: int, description: str, *, unit: str = "", shown: bool = True, said: Callable[[], str] | None = None
) -> Iterator[Advance]:
    """A bar for ``total`` steps; what the block is given takes the number of steps gained.

    Nothing is shown if ``shown`` is false, if stderr is neither a terminal nor a notebook, or within the first second. Bars
    inside bars, and bars of several threads, stand below each other. A bar is gone when its block ends.

    Parameters
    ----------
    total : int
        0 or more.
    unit : str
        What is counted, after the count; ``"B"`` for bytes.
    said : callable, optional
        What else is told behind the count, asked for whenever it moves.
    """
    if not (shown and total > 0 and _someone_looks()):
        yield lambda count: None
        return
    work = _Work(total, description, unit, said)
    try:
        yield work.advance
    finally:
        work.end()


class _Work:
    """One bar: it joins the display with the first step after :data:`DELAY` seconds."""

    def __init__(self, total: int, description: str, unit: str, said: Callable[[], str] | None) -> None:
        self.total, self.description, self.unit, self.said = total, description, unit, said
        self.done, self.start = 0, time.monotonic()
        self.task: TaskID | None = None

    def advance(self, count: int) -> None:
        self.done += count
        if self.task is not None:
            _DISPLAY.move(self.task, self.done, self.counted)
        elif self.done < self.total and time.monotonic() - self.start >= DELAY:
            self.task = _DISPLAY.add(self)

    def end(self) -> None:
        if self.task is not None:
            _DISPLAY.remove(self.task)

    @property
    def counted(self) -> str:
        if self.unit == BYTES:
            return f"{self.done / 1e6:.0f}/{self.total / 1e6:.0f} MB"
        count = f"{self.done}/{self.total} {self.unit}".rstrip()
        return f"{count} {self.said()}".rstrip() if self.said else count


class _Display:
    """All bars of the process. rich draws one live display at a time, so they share it: it begins with the first bar that is
    shown and ends with the last.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.progress: Progress | None = None
        self.notebook: _Notebook | None = None

    def add(self, work: _Work) -> "TaskID":
        with self.lock:
            progress = self.progress or self._begin()
            task = progress.add_task(work.description, total=work.total, completed=work.done, count=work.counted)
            # by the clock of rich, which has not run while the bar was hidden
            progress.tasks[-1].start_time = progress.get_time() - (time.monotonic() - work.start)
            self._draw()
            return task

    def move(self, task: "TaskID", done: int, counted: str) -> None:
        with self.lock:
            if self.progress is not None:
                self.progress.update(task, completed=done, count=counted)
                self._draw()

    def remove(self, task: "TaskID") -> None:
        with self.lock:
            if self.progress is None:
                return
            self.progress.remove_task(task)
            if self.progress.tasks:
                self._draw()
                return
            progress, notebook, self.progress, self.notebook = self.progress, self.notebook, None, None
            progress.stop()
            if notebook is not None:
                notebook.clear()

    def _begin(self) -> "Progress":
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        console = Console(stderr=True)
        notebook = _in_notebook()
        progress = Progress(
            # descriptions and counts hold names, which are never markup
            TextColumn("{task.description}", style="none", markup=False),
            BarColumn(min(40, max(8, console.width // 3)), complete_style="blue", finished_style="blue"),
            TextColumn("{task.fields[count]}", style="none", markup=False),
            TimeElapsedColumn(),
            TextColumn("<", style="none"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            speed_estimate_period=WINDOW,
            # what is printed goes where it was sent, which may be a file
            redirect_stdout=False,
            disable=notebook,
        )
        progress.start()
        self.progress, self.notebook = progress, _Notebook() if notebook else None
        return progress

    def _draw(self) -> None:
        # in a terminal a thread of rich draws; in a notebook it would need widgets
        if self.notebook is not None and self.progress is not None:
            self.notebook.draw(self.progress)


class _Notebook:
    """One output of the running cell, drawn again; any front end can do that, without widgets."""

    def __init__(self) -> None:
        self.handle: Any = None
        self.drawn = 0.0

    def draw(self, progress: "Progress") -> None:
        if self.handle is not None and time.monotonic() - self.drawn < REFRESH:
            return
        from IPython.display import display

        self.drawn = time.monotonic()
        picture = progress.make_tasks_table(progress.tasks)
        if self.handle is None:
            self.handle = display(picture, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self.handle.update(picture)

    def clear(self) -> None:
        if self.handle is not None:
            self.handle.update({"text/plain": ""}, raw=True)


_DISPLAY = _Display()


def _someone_looks() -> bool:
    """Without rich, which is not imported before a bar is shown."""
    try:
        terminal = sys.stderr.isatty()
    except (AttributeError, ValueError):  # none at all, or closed
        terminal = False
    return _in_notebook() or (terminal and os.environ.get("TERM", "").lower() not in ("dumb", "unknown"))


def _in_notebook() -> bool:
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    # IPython in a terminal is a terminal
    return shell is not None and hasattr(shell, "kernel")
