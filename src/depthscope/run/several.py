"""What studies of several runs share: a folder around the folders of the runs, and what stands beside them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from depthscope.drawing.beside import figures_beside
from depthscope.report.part import Layout
from depthscope.run.clock import Clock
from depthscope.run.finish import check_finish, finish
from depthscope.statistics.result import Contrast
from depthscope.store.folder import run_folder
from depthscope.store.record import RunRecord


def shared_settings(settings: Any, *varied: str) -> dict[str, Any]:
    """The settings that all the runs share, for the record: ``settings``, a dataclass, without ``varied`` and the threads."""
    return {name: value for name, value in asdict(settings).items() if name not in ("threads", *varied)}


@contextmanager
def comparison(out: Path, record: RunRecord, progress: bool, layout: Layout) -> Iterator[Clock]:
    """Hold the folder, and call the record finished if the block ends well. The block writes the record when it begins to."""
    check_finish()
    with run_folder(out, record), figures_beside():
        clock = Clock(progress)
        yield clock
        finish(out, record, clock, layout)


def statistics_text(main: Contrast) -> str:
    """What is the same in all runs, for the line below a figure that compares them."""
    s = main.settings
    flips = f"cluster mass, {s['permutations']:,} {main.drawn}, forming p {s['forming_p']:g}, seed {s['seed']}"
    return f"{flips}; 95 % intervals"
