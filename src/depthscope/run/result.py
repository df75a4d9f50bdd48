"""What a finished run is to whoever started it: a folder, and in a notebook its answer and its figure."""

from pathlib import Path
from typing import TYPE_CHECKING

from depthscope.drawing.card import card, picture
from depthscope.store.folder import RECORD
from depthscope.store.record import RunRecord
from depthscope.store.sealed import REPORT

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class FinishedRun:
    """Base of the results of all studies. They have a ``folder``, and draw themselves."""

    folder: Path
    timings: dict[str, float]

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw what matters most; returns matplotlib axes."""
        raise NotImplementedError

    @property
    def record(self) -> RunRecord:
        """What stands in ``run.json``."""
        return RunRecord.read(self.folder / RECORD)

    @property
    def ending(self) -> list[str]:
        """The last lines for a terminal: how long it took, and where it is."""
        seconds = ", ".join(f"{stage} {s:.1f} s" for stage, s in self.timings.items() if s)
        total = sum(self.timings.values())
        return ["", f"{seconds}; {total:.0f} s in all", f"run folder: {self.folder} (begin with {REPORT})"]

    def _repr_html_(self) -> str:
        record = self.record
        answer = [sentence.replace("**", "") for sentence in record.answer]
        return card(record.title, [*answer, str(self.folder / REPORT)], picture=picture(self.plot))
