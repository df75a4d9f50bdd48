"""The metaphor study: stimuli, model, capture, instrument, statistics, report, in one run folder."""

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.capture.tokens import Subtoken
from depthscope.capture.trace import Keep
from depthscope.errors import DepthscopeError, check_choice, listed, require
from depthscope.instrument.cse import cse
from depthscope.model.load import load
from depthscope.model.model import Model
from depthscope.model.untrained import untrained
from depthscope.report.evidence import Evidence
from depthscope.report.summary import evidence_lines
from depthscope.statistics.contrast import contrast
from depthscope.statistics.result import Contrast
from depthscope.statistics.terms import Terms, parse_terms
from depthscope.stimuli.covariates import with_covariates
from depthscope.stimuli.read import read_stimuli
from depthscope.stimuli.sample import sample_items
from depthscope.store.folder import RECORD, enter, run_folder
from depthscope.store.record import RunRecord
from depthscope.studies.clock import Clock
from depthscope.studies.confounds import CONFOUNDS
from depthscope.studies.contrasts import check_pairs
from depthscope.studies.environment import environment
from depthscope.studies.evidence import EFFORTS, Level, Sources, gather
from depthscope.studies.trajectories import Tracer, by_target_token
from depthscope.studies.writing import Findings, remarks, write_findings


@dataclass(frozen=True)
class Settings:
    """Everything that is asked of a run. ``load``, ``cse`` and ``contrast`` hold keywords of those functions."""

    model: str = "embedded"
    stimuli: str = "builtin"
    folder: str | None = None
    sample: int | None = None
    language: str = "en"
    contrasts: tuple[str, ...] = ("metaphor-literal",)
    evidence: Level = "quick"
    confounds: tuple[str, ...] = CONFOUNDS
    subtoken: Subtoken = "last"
    keep: Keep = "gram"
    token_budget: int | None = None
    threads: int | None = None
    load: dict[str, Any] = field(default_factory=dict)
    cse: dict[str, Any] = field(default_factory=dict)
    contrast: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A finished run: where it is, and what it found."""

    folder: Path
    cse: xr.DataArray
    contrasts: list[Contrast]
    evidence: Evidence | None
    timings: dict[str, float]
    remarks: list[str]

    @property
    def told(self) -> list[str]:
        """The run in lines for a terminal: what was found, what stands against it, how long it took."""
        lines = [str(c) for c in self.contrasts]
        if self.evidence is not None:
            lines += ["", *evidence_lines(self.evidence)]
        lines += [f"note: {remark}" for remark in self.remarks]
        seconds = ", ".join(f"{stage} {s:.1f} s" for stage, s in self.timings.items())
        lines += ["", f"{seconds}; {sum(self.timings.values()):.0f} s in all"]
        return [*lines, f"run folder: {self.folder} (begin with summary.md, then figures/)"]


def run_metaphor(
    settings: Settings, out: Path, *, command: str = "", progress: bool = True, model: Model | None = None
) -> Run:
    """Run the study, or continue it, in the folder ``out``.

    Finished batches are not recomputed, and the result does not depend on interruptions. Cheap errors come first: the
    stimuli and the contrasts are checked before the folder is made, the folder before the model is loaded. A ``model`` that
    is loaded already is used as it is.
    """
    table, terms = prepare(settings)
    torch = require("torch", "models")
    torch.set_num_threads(_threads(settings.threads, out) or torch.get_num_threads())

    effort = EFFORTS[settings.evidence]
    options = {
        "cse": _with_defaults(cse, settings.cse),
        "contrast": _with_defaults(contrast, settings.contrast),
        "effort": asdict(effort) if effort else {},
    }
    asked = {name: value for name, value in asdict(settings).items() if name != "threads"}
    record = RunRecord("metaphor", {**asked, **options}, command=command)
    with run_folder(out, record):
        clock = Clock()
        with clock("load"):
            model = model or load(settings.model, **settings.load)
        check_depth(model, settings)
        record.checks = dict(model.checks)
        record.environment = environment(str(model.device), torch.get_num_threads())
        record.identity = {"model": model.fingerprint, "stimuli": _fingerprint(table)}
        record = _continue(out, record)
        tracer = Tracer(out, record, settings.token_budget, progress)
        with clock("trace"):
            traj = tracer("trajectories", model, table, subtoken=settings.subtoken, keep=settings.keep)
        with clock("analyse"):
            h = cse(traj, **settings.cse)
            contrasts = [contrast(h, one, **settings.contrast) for one in terms]
        evidence = None
        if effort is not None:
            evidence = gather(
                contrasts[0],
                _sources(tracer, model, table, terms[0], traj, h, settings),
                effort,
                confounds=settings.confounds,
                measure=settings.cse,
                options=settings.contrast,
                clock=clock,
                progress=progress,
            )
        found = Findings(traj, h, contrasts, evidence, remarks(traj, h))
        with clock("report"):
            write_findings(out, found, record, model=settings.model, stimuli=settings.stimuli, measure=settings.cse)
        record.status = "finished"
        record.timings = clock.seconds
        record.results = {c.name: [asdict(k) for k in c.clusters] for c in found.tested}
        record.write(out / RECORD)
    return Run(out, h, contrasts, evidence, clock.seconds, list(found.remarks))


def prepare(settings: Settings) -> tuple[pd.DataFrame, list[Terms]]:
    """The stimuli and the contrasts of a run, or the first thing that is wrong with them: all that needs no model."""
    table = read_stimuli(settings.stimuli, folder=settings.folder)
    if settings.sample is not None:
        table = sample_items(table, settings.sample)
    table = with_covariates(table, settings.language)
    conditions = list(dict.fromkeys(table["condition"]))
    terms = [parse_terms(text, conditions) for text in settings.contrasts]
    for one in terms:
        check_pairs(table, one)
    _check_confounds(settings.confounds, table)
    check_choice("evidence", settings.evidence, EFFORTS)
    _check_statistics(settings)
    return table, terms


def check_depth(model: Model, settings: Settings) -> None:
    """A dry run on as many orthogonal updates: a transform that does not fit the depth fails before the tracing."""
    cse(np.eye(model.depth), **settings.cse)


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


def _threads(asked: int | None, out: Path) -> int | None:
    """What is asked for, else what the folder was begun with: the last bits of a result depend on it."""
    if asked is not None and asked < 1:
        raise DepthscopeError(f"threads={asked}: give at least 1")
    path = out / RECORD
    if asked is None and path.is_file():
        recorded = RunRecord.read(path).environment.get("threads", "")
        return int(recorded) if recorded.isdigit() else None
    return asked


def _check_confounds(names: Sequence[str], table: pd.DataFrame) -> None:
    """A covariate is measured with the target or stands in the table as a number; anything else is a slip."""
    known = list(dict.fromkeys([*CONFOUNDS, *(str(c) for c in table if table[c].dtype.kind in "biuf")]))
    for name in names:
        if name not in known:
            what = "is not a column of numbers" if name in table else "there is no such column"
            raise DepthscopeError(f"confound {name!r}: {what}; choose among {listed(known, 20)}")


def _check_statistics(settings: Settings) -> None:
    """A dry run on two items without a difference: a setting that no test can take fails before the tracing."""
    labels = {"item": ["x", "y"], "condition": ["a", "b"]}
    nothing = xr.DataArray(np.zeros((2, 2, 1)), labels, dims=("item", "condition", "layer"))
    contrast(nothing, "a", "b", **settings.contrast)


def _with_defaults(function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """All keyword options of a function: the given ones, and the defaults of this version."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY} | given


def _fingerprint(table: pd.DataFrame) -> str:
    return hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()[:16]


def _continue(out: Path, record: RunRecord) -> RunRecord:
    """The record on disk, if it is of the same run; now that the model is known, compare that too."""
    path = out / RECORD
    if path.exists():
        before = RunRecord.read(path)
        enter(before, record, out)
        record.digests = before.digests
    record.write(path)
    return record
