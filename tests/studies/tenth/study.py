"""Settings in, a finished run folder out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import depthscope as ds
from depthscope.drawing.saving import save
from depthscope.run.begin import begin
from depthscope.run.result import FinishedRun
from depthscope.store.tables import write_csv
from depthscope.telling import Sheet
from tests.studies.tenth.figures import draw_norms
from tests.studies.tenth.page import LAYERS, LAYOUT
from tests.studies.tenth.results import Norms
from tests.studies.tenth.words import answer

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class NormsRun(FinishedRun):
    folder: Path
    norms: Norms
    timings: dict[str, float]

    @property
    def told(self) -> Sequence[str | Sheet]:
        table = LAYERS.of(self.norms.to_dataframe())
        return [*self.record.answer, table.sheet(), *self.ending]

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        return draw_norms(self.norms, ax)


def run_norms(
    model: str,
    text: str,
    out: Path,
    *,
    command: str = "",
    words: dict[str, list[str]] | None = None,
) -> NormsRun:
    """``words``: of the parts of the page; for tests of slips."""
    with begin(
        "norms",
        {"model": model, "text": text},
        out,
        layout=LAYOUT,
        load=lambda: ds.load(model),
        ready=lambda loaded: {},
        identity={"text": text},
        command=command,
        progress=False,
    ) as run:
        with run.clock("trace"):
            traj = ds.trace_text(run.model, text, progress=False)
        norms = Norms(traj["update_norm"].mean("token"))
        with run.clock("report"):
            write_csv(out / "layers.csv", norms.to_dataframe())
            (out / "figures").mkdir(exist_ok=True)
            save(draw_norms(norms).figure, out / "figures" / "norms")
            run.record.title = f"Norms in {Path(model).name}"
            run.record.answer = answer(norms, Path(model).name)
            run.record.words = words or {"norms": ["The mean over all tokens."]}
            run.about["model"] = model
    return NormsRun(out, norms, run.clock.seconds)
