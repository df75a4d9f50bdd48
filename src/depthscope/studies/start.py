"""How every study of one model begins and ends: a folder, a model that is proven, a record of all that matters."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from depthscope.errors import check_count, require
from depthscope.instrument.cse import cse
from depthscope.model.load import load
from depthscope.model.model import Model
from depthscope.statistics.contrast import contrast
from depthscope.statistics.terms import Terms
from depthscope.store.folder import RECORD, enter, run_folder
from depthscope.store.names import given
from depthscope.store.record import RunRecord
from depthscope.studies.clock import Clock
from depthscope.studies.environment import environment
from depthscope.studies.finish import check_finish, finish
from depthscope.studies.floor import noise_floor
from depthscope.studies.settings import Settings, check_depth, with_defaults
from depthscope.studies.trajectories import Tracer
from depthscope.studies.usable import check_usable


@dataclass(frozen=True)
class Started:
    """A study under way."""

    model: Model
    record: RunRecord
    tracer: Tracer
    clock: Clock


@contextmanager
def started(
    study: str,
    settings: Settings,
    extra: dict[str, Any],
    table: pd.DataFrame,
    out: Path,
    *,
    command: str,
    progress: bool,
    terms: Sequence[Terms],
    model: Model | None = None,
) -> Iterator[Started]:
    """Hold the folder, load and prove the model, and compare all that matters with what the folder was begun with.

    The run is called finished if the block ends well. ``extra`` are settings of this study alone. That each contrast has
    pairs to be tested on, and the transform layers, is made sure of before the block begins.
    """
    check_finish()
    torch = require("torch", "models")
    torch.set_num_threads(_threads(settings.threads, out) or torch.get_num_threads())
    options = {"cse": with_defaults(cse, settings.cse), "contrast": with_defaults(contrast, settings.contrast)}
    asked = {name: value for name, value in asdict(settings).items() if name != "threads"}
    record = RunRecord(study, {**asked, **options, **extra}, command=command)
    with run_folder(out, record):
        clock = Clock(progress)
        with clock("load"):
            model = model or load(settings.model, **settings.load)
        check_depth(model, settings)
        check_usable(model, table, terms, settings)
        record.checks = {**model.checks, **noise_floor(model, table, settings.cse)}
        record.environment = environment(str(model.device), torch.get_num_threads())
        record.identity = {"model": model.fingerprint, "stimuli": _fingerprint(table)}
        record = _continue(out, record)
        yield Started(model, record, Tracer(out, record, settings.token_budget, progress, settings.surprisal), clock)
        finish(out, record, clock)


def _threads(asked: int | None, out: Path) -> int | None:
    """What is asked for, else what the folder was begun with: the last bits of a result depend on it."""
    check_count("threads", asked)
    path = given(out, "a folder") / RECORD
    if asked is None and path.is_file():
        recorded = RunRecord.read(path).environment.get("threads", "")
        return int(recorded) if recorded.isdigit() else None
    return asked


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
