"""The metaphor study on every set of stimuli there is, with one model, and what they say together."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from depthscope.errors import DepthscopeError
from depthscope.model.load import load_text
from depthscope.report.codebook import write_tables
from depthscope.run.result import FinishedRun
from depthscope.run.several import comparison, shared_settings, statistics_text
from depthscope.store.folder import RECORD
from depthscope.store.record import RunRecord
from depthscope.studies.contrast.figures import plot_forest
from depthscope.studies.contrast.results import Compared, Evidence
from depthscope.studies.contrast.settings import Settings, check_depth, prepare
from depthscope.studies.contrast.study import run_metaphor
from depthscope.studies.corpora.codebook import TABLES
from depthscope.studies.corpora.figures import write_figures
from depthscope.studies.corpora.page import ANALYSES, LAYOUT
from depthscope.studies.corpora.results import compare_sets, sets_table
from depthscope.studies.corpora.words import answer, controls, intro, replications, title
from depthscope.telling import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# sets by name, and how many of their items: of VUA, 200 naturalistic pairs, as the paper has them
SETS: dict[str, int | None] = {"builtin": None, "cardillo": None, "impli": None, "vua": 200, "mohx": None}
BUILTIN = "builtin"


@dataclass(frozen=True)
class Corpora(FinishedRun):
    """A finished study over sets."""

    folder: Path
    evidence: dict[str, Evidence]
    rows: list[Compared] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def told(self) -> list[str | Sheet]:
        said = replications(self.rows, self.evidence)
        return [*ANALYSES.sheets(sets_table(self.rows), ""), "", said, *self.ending]

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the contrast in every set; returns matplotlib axes."""
        return plot_forest(self.rows, "The contrast in every set", ax=ax)


def run_corpora(
    settings: Settings,
    out: Path,
    *,
    sets: dict[str, int | None] | None = None,
    command: str = "",
    progress: bool = True,
) -> Corpora:
    """Run the metaphor study on each of the ``sets`` into a folder of its own below ``out``; then compare them.

    The first set chooses the layers at which all are compared. Whatever is wrong with any set (no such file, a condition
    that it lacks) is said before the model is loaded. Continues where it was killed.
    """
    sets = SETS if sets is None else sets
    if settings.evidence == "none":
        raise DepthscopeError("evidence 'none' leaves nothing to compare sets by: choose quick or full")
    each = {name: _settings(settings, name, count) for name, count in sets.items()}
    for name, one in each.items():
        try:
            prepare(one)
        except DepthscopeError as problem:
            raise DepthscopeError(f"set {name}: {problem}") from None
    record = RunRecord("corpora", {**shared_settings(settings, "stimuli", "sample"), "sets": sets}, command=command)
    with comparison(out, record, progress, LAYOUT) as clock:
        with clock("load"):
            model = load_text(settings.model, **settings.load)
        check_depth(model, settings)
        record.write(out / RECORD)
        evidence = {}
        for name, one in each.items():
            with clock(name):
                found = run_metaphor(one, out / name, command=command, progress=progress, model=model).evidence
            if found is not None:
                evidence[name] = found
        with clock("report"):
            rows = compare_sets(evidence)
            _write(out, settings, evidence, rows, record)
    return Corpora(out, evidence, rows, clock.seconds)


def _settings(settings: Settings, name: str, count: int | None) -> Settings:
    return replace(settings, stimuli=name, sample=count, folder=None if name == BUILTIN else settings.folder)


def _write(
    out: Path, settings: Settings, evidence: dict[str, Evidence], rows: list[Compared], record: RunRecord
) -> None:
    main = next(iter(evidence.values())).main
    write_tables(out, {"sets.csv": sets_table(rows)}, TABLES)
    text = f"{Path(settings.model).name}; {statistics_text(main)}"
    write_figures(out / "figures", rows, main.name, text)
    record.title, record.answer = title(evidence, settings.model), answer(rows, evidence, settings.model)
    record.words = {"models": [intro(evidence)], "controls": controls(evidence)}
