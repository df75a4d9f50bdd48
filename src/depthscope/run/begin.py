"""How every run of one model begins and ends: a folder, a model that is proven, a record of all that matters."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from depthscope.capture.word import Surprisal
from depthscope.drawing.beside import figures_beside
from depthscope.errors import check_count, require
from depthscope.report.part import Layout
from depthscope.run.clock import Clock
from depthscope.run.environment import environment
from depthscope.run.finish import check_finish, finish
from depthscope.run.tracer import Tracer
from depthscope.store.folder import RECORD, enter, run_folder
from depthscope.store.names import given
from depthscope.store.record import RunRecord


class Proven(Protocol):
    """What a run needs of a model, whether it reads or hears."""

    @property
    def checks(self) -> dict[str, str]: ...

    @property
    def device(self) -> Any: ...

    @property
    def fingerprint(self) -> str: ...


Loaded = TypeVar("Loaded", bound=Proven)


@dataclass(frozen=True)
class Begun(Generic[Loaded]):
    """A run under way. ``about``: its settings in words, for its summary, which the block fills in."""

    model: Loaded
    record: RunRecord
    tracer: Tracer
    clock: Clock
    about: dict[str, str] = field(default_factory=dict)


@contextmanager
def begin(
    study: str,
    asked: Mapping[str, Any],
    out: Path,
    *,
    layout: Layout,
    load: Callable[[], Loaded],
    ready: Callable[[Loaded], Mapping[str, str]],
    identity: Mapping[str, str],
    threads: int | None = None,
    token_budget: int | None = None,
    surprisal: Surprisal = "tokens",
    command: str = "",
    progress: bool = True,
) -> Iterator[Begun[Loaded]]:
    """Hold the folder, load and prove the model, and compare all that matters with what the folder was begun with.

    The run is called finished, and its page written, if the block ends well.

    Parameters
    ----------
    study : str
        By which the run is called in ``run.json``.
    asked : mapping
        Every setting that decides the result, whatever the study.
    layout : Layout
        Of the study, for the page.
    load : callable
        Makes the model; called once the folder is held.
    ready : callable
        Model -> checks for the record; raises where the model cannot do what is asked, before anything is traced.
    identity : mapping
        Digests of what is read beside the model.
    """
    check_finish()
    torch = require("torch", "models")
    torch.set_num_threads(_threads(threads, out) or torch.get_num_threads())
    record = RunRecord(study, dict(asked), command=command)
    with run_folder(out, record), figures_beside():
        clock = Clock(progress)
        with clock("load"):
            model = load()
        checks = ready(model)
        record.checks = {**model.checks, **checks}
        record.environment = environment(str(model.device), torch.get_num_threads())
        record.identity = {"model": model.fingerprint, **identity}
        record = _continue(out, record)
        run = Begun(model, record, Tracer(out, record, token_budget, progress, surprisal), clock)
        yield run
        finish(out, record, clock, layout, run.about)


def _threads(asked: int | None, out: Path) -> int | None:
    """What is asked for, else what the folder was begun with: the last bits of a result depend on it."""
    check_count("threads", asked)
    path = given(out, "a folder") / RECORD
    if asked is None and path.is_file():
        recorded = RunRecord.read(path).environment.get("threads", "")
        return int(recorded) if recorded.isdigit() else None
    return asked


def _continue(out: Path, record: RunRecord) -> RunRecord:
    """The record on disk, if it is of the same run; now that the model is known, compare that too."""
    path = out / RECORD
    if path.exists():
        before = RunRecord.read(path)
        enter(before, record, out)
        record.digests = before.digests
    record.write(path)
    return record
