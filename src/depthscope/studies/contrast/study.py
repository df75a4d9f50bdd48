"""The metaphor study: stimuli, model, capture, instrument, statistics, report, in one run folder."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from depthscope.instrument.cse import cse
from depthscope.model.model import Model
from depthscope.model.untrained import untrained
from depthscope.run.result import FinishedRun
from depthscope.run.tracer import Tracer, by_target_token
from depthscope.statistics.contrast import contrast
from depthscope.statistics.result import Contrast
from depthscope.statistics.terms import Terms
from depthscope.studies.contrast.dependence import dependence
from depthscope.studies.contrast.gathering import EFFORTS, Sources, gather
from depthscope.studies.contrast.page import LAYOUT
from depthscope.studies.contrast.quantities import contrast_quantities, other_quantities
from depthscope.studies.contrast.remarks import language_remarks, remarks
from depthscope.studies.contrast.results import Evidence, Quantities
from depthscope.studies.contrast.settings import Settings, prepare, settled
from depthscope.studies.contrast.start import started
from depthscope.studies.contrast.terminal import contrast_told, evidence_told
from depthscope.studies.contrast.verdicts.dependence import dependence_words
from depthscope.studies.contrast.verdicts.quantities import quantities_words
from depthscope.studies.contrast.writing import Findings, write_findings
from depthscope.telling import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Run(FinishedRun):
    """A finished run: where it is, and what it found."""

    folder: Path
    cse: xr.DataArray
    contrasts: list[Contrast]
    quantities: Quantities
    evidence: Evidence | None
    timings: dict[str, float]
    remarks: list[str]

    @property
    def told(self) -> list[str | Sheet]:
        """The run for a terminal: what was found, what speaks against it, how long it took."""
        lines = [one for c in self.contrasts for one in ("", *contrast_told(c))][1:]
        lines += ["", *(f"{line}." for line in quantities_words(self.quantities))]
        if self.evidence is not None:
            lines += ["", *evidence_told(self.evidence)]
        lines += [f"note: {remark}" for remark in self.remarks]
        return [*lines, *self.ending]

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the first contrast by depth; returns matplotlib axes."""
        return self.contrasts[0].plot(ax)


def run_metaphor(
    settings: Settings, out: Path, *, command: str = "", progress: bool = True, model: Model | None = None
) -> Run:
    """Run the study, or continue it, in the folder ``out``.

    Finished batches are not recomputed, and the result does not depend on interruptions. Cheap errors come first: the
    stimuli and the contrasts are checked before the folder is made, the folder before the model is loaded. A ``model`` that
    is loaded already is used as it is.
    """
    given, settings = settings, settled(settings)
    table, terms = prepare(settings)
    effort = EFFORTS[settings.evidence]
    extra = {"effort": asdict(effort) if effort else {}}
    with started(
        "metaphor",
        settings,
        extra,
        table,
        out,
        layout=LAYOUT,
        command=command,
        progress=progress,
        terms=terms,
        model=model,
    ) as run:
        model, record, tracer, clock = run.model, run.record, run.tracer, run.clock
        with clock("trace"):
            traj = tracer("trajectories", model, table, subtoken=settings.subtoken, keep=settings.keep)
        with clock("analyse"):
            h = cse(traj, **settings.cse)
            contrasts = [contrast(h, one, **settings.contrast) for one in terms]
            others, missing = other_quantities(traj, settings.cse)
            quantities = contrast_quantities(others, missing, contrasts[0], settings.contrast)
        evidence = None
        if effort is not None:
            evidence = gather(
                contrasts[0],
                _sources(tracer, model, table, terms[0], traj, h, settings),
                effort,
                confounds=settings.confounds,
                reliability=settings.reliability,
                crossed=settings.crossed,
                measure=settings.cse,
                options=settings.contrast,
                clock=clock,
                progress=progress,
            )
        noticed = [
            *remarks(traj, h),
            *language_remarks(given, settings, table),
            *map(dependence_words, dependence(contrasts[0], table)),
        ]
        found = Findings(traj, h, others, contrasts, quantities, evidence, noticed)
        with clock("report"):
            write_findings(out, found, run, model=settings.model, stimuli=settings.stimuli, measure=settings.cse)
        record.results = {c.name: [asdict(k) for k in c.clusters] for c in found.tested}
    return Run(out, h, contrasts, quantities, evidence, clock.seconds, list(found.remarks))


def _sources(
    tracer: Tracer,
    model: Model,
    table: pd.DataFrame,
    main: Terms,
    traj: xr.Dataset,
    h: xr.DataArray,
    settings: Settings,
) -> Sources:
    compared = table[table["condition"].isin(main.conditions)]

    def target_tokens() -> dict[str, xr.Dataset]:
        return by_target_token(tracer, model, table, traj, settings.subtoken)

    def random(seed: int) -> xr.Dataset:
        return tracer(f"untrained-{seed}", lambda: untrained(model, seed), compared, subtoken=settings.subtoken)

    return Sources(table, traj, h, target_tokens, random)
