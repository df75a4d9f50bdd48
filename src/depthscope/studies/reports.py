"""Pages of finished runs, built again from what their folders hold, whatever study they are of."""

from collections.abc import Iterable
from pathlib import Path

from depthscope.errors import DepthscopeError, listed
from depthscope.report.page.content import Page
from depthscope.report.page.run import WAY_OUT, run_page, write_report
from depthscope.report.part import Layout
from depthscope.store.folder import RECORD, finished_run
from depthscope.store.names import given
from depthscope.store.record import RunRecord
from depthscope.studies.registry import WINGS, WITHIN, layout_of


def write_reports(folders: Iterable[Path]) -> tuple[list[Path], list[str], list[str]]:
    """Write the pages of runs, and first those of the runs directly below them.

    Returns
    -------
    (written, passed, problems)
        The pages; a sentence for each run below a folder whose study is not installed; and one for each folder that neither is
        a finished run nor holds one, or is damaged. None of them keeps another from its page.
    """
    written: list[Path] = []
    passed: list[str] = []
    problems: list[str] = []
    for folder in folders:
        try:
            runs, unknown = _runs(given(folder, "a run folder"))
        except DepthscopeError as problem:
            problems.append(str(problem))
            continue
        passed += unknown
        for run in runs:
            try:
                written.append(report(run))
            except DepthscopeError as problem:
                problems.append(str(problem))
    return written, passed, problems


def report(folder: Path) -> Path:
    """Write ``report.html`` of one finished run.

    Raises
    ------
    DepthscopeError
        As :func:`depthscope.report.page.run.write_report`; a study that is not installed.
    """
    return write_report(folder, *_opened(folder))


def page_of(folder: Path) -> Page:
    """The same page, before it is written."""
    return run_page(folder, *_opened(folder))


def _opened(folder: Path) -> tuple[Layout, RunRecord]:
    record = finished_run(folder, WAY_OUT)
    if record.study not in WINGS:
        raise DepthscopeError(_unknown(folder, record.study))
    return layout_of(record.study), record


def _runs(folder: Path) -> tuple[list[Path], list[str]]:
    """The runs below a folder, then itself if it is a run, or if there is nothing else to ask about; and who is passed over."""
    below = sorted(path.parent for path in folder.glob(f"*/{RECORD}")) if folder.is_dir() else []
    named = [(run, _study(run)) for run in below]
    known = [run for run, study in named if study is None or study in WINGS]
    passed = [
        f"passed over: {_unknown(run, study)}" for run, study in named if study and study not in (*WINGS, *WITHIN)
    ]
    return [*known, folder] if not known or (folder / RECORD).is_file() else known, passed


def _study(run: Path) -> str | None:
    """What a run is of; None of a damaged record, which is reported when its page is written."""
    try:
        return RunRecord.read(run / RECORD).study
    except DepthscopeError:
        return None


def _unknown(folder: Path, study: str) -> str:
    return (
        f"{folder / RECORD}: a study called {study!r}, which this version does not know (it knows {listed(WINGS, 20)}); "
        "use the version that ran it"
    )
