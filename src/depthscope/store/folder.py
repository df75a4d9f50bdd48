"""A run folder: one writer at a time, one set of settings for ever."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from depthscope.errors import DepthscopeError, listed
from depthscope.store.record import RunRecord

RECORD = "run.json"
LOCK = ".lock"
SUMMARY = "summary"  # folder of the tables that stand for tables too large to be read


@contextmanager
def run_folder(path: Path, record: RunRecord) -> Iterator[Path]:
    """Create or re-enter the folder, holding its lock.

    Raises
    ------
    DepthscopeError
        The folder cannot be written, is in use, holds other things, or belongs to a run with other settings.
    """
    if path.exists() and not path.is_dir():
        raise DepthscopeError(f"{path}: is a file; choose another folder with --out")
    try:
        _make(path)
        lock = FileLock(path / LOCK, timeout=0)
        with lock:
            try:
                _claim(path, record)
                yield path
            finally:
                _leave_no_empty(path)
    except Timeout:
        raise DepthscopeError(f"{path}: another run is writing there; wait for it, or choose another --out") from None
    except PermissionError as problem:
        raise DepthscopeError(f"{problem.filename or path}: no permission to write; choose another --out") from None


def finished_run(path: Path, way_out: str) -> RunRecord:
    """The record of a run that is finished.

    Raises
    ------
    DepthscopeError
        No folder, none of a run, a damaged one or one whose run is not finished; the sentence ends in the ``way_out``.
    """
    if not path.is_dir():
        raise DepthscopeError(f"{path}: {'is a file' if path.exists() else 'there is no such folder'}; {way_out}")
    if not (path / RECORD).is_file():
        raise DepthscopeError(f"{path}: holds no {RECORD}, so it is no run folder; {way_out}")
    record = RunRecord.read(path / RECORD, way_out)
    if record.status != "finished":
        raise DepthscopeError(f"{path}: its run is not finished; {way_out}")
    return record


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileNotFoundError, NotADirectoryError, FileExistsError) as problem:
        raise DepthscopeError(f"{path}: cannot be made ({problem.strerror}); choose another --out") from None
    if not (path / LOCK).exists() and not (path / RECORD).exists():
        # somebody else's folder is left as it was, without even a lock in it
        _refuse_strangers(path)


def _leave_no_empty(path: Path) -> None:
    """A run that failed before it wrote anything leaves nothing behind."""
    if [p.name for p in path.iterdir()] == [LOCK]:
        (path / LOCK).unlink()
        path.rmdir()


def _claim(path: Path, record: RunRecord) -> None:
    stored = path / RECORD
    if stored.exists():
        enter(RunRecord.read(stored), record, path)
        return
    _refuse_strangers(path)


def _refuse_strangers(path: Path) -> None:
    strangers = [p.name for p in path.iterdir() if p.name != LOCK and not p.name.startswith(".run.json.")]
    if strangers:
        raise DepthscopeError(f"{path}: holds other files ({listed(sorted(strangers))}); choose an empty --out")


def enter(before: RunRecord, now: RunRecord, path: Path) -> None:
    """Refuse to continue a run with other settings, another model or other libraries; never mix."""
    differences = before.differences(now)
    if differences:
        raise DepthscopeError(
            f"{path}: holds a run with other settings: {listed(differences)}; choose another --out, or delete the folder"
        )
