"""A run folder: one writer at a time, one set of settings for ever."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from depthscope.errors import DepthscopeError, listed
from depthscope.store.names import given
from depthscope.store.record import RunRecord

RECORD = "run.json"
LOCK = ".lock"
DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
SUMMARY = "summary"  # folder of the tables that stand for tables too large to be read


@contextmanager
def run_folder(path: Path, record: RunRecord) -> Iterator[Path]:
    """Create or re-enter the folder, holding its lock; a finished run where nobody may write is entered without one.

    Raises
    ------
    DepthscopeError
        The folder cannot be written, is in use, holds other things or links, or belongs to a run with other settings.
    """
    if given(path, "a folder").exists() and not path.is_dir():
        raise DepthscopeError(f"{path}: is a file; choose another folder with --out")
    try:
        _make(path)
        _refuse_links(path)
        fresh = not (path / RECORD).exists()
        with _held(path):
            try:
                _claim(path, record)
                yield path
            except DepthscopeError:
                if fresh:
                    _leave_no_record(path)
                raise
            finally:
                _leave_no_empty(path)
    except Timeout:
        raise DepthscopeError(f"{path}: another run is writing there; wait for it, or choose another --out") from None
    except OSError as problem:
        if problem.errno == errno.ENAMETOOLONG:
            raise DepthscopeError(f"{path}: too long a name, or files in it have one; choose a shorter --out") from None
        if problem.errno not in DENIED:
            raise
        where, done = problem.filename or path, ", and the run there is finished: read it as it is" * _is_finished(path)
        raise DepthscopeError(f"{where}: no permission to write{done}; choose another --out") from None


@contextmanager
def _held(path: Path) -> Iterator[None]:
    lock = FileLock(path / LOCK, timeout=0)
    try:
        lock.acquire()
    except OSError as problem:
        # what is finished is read, and where nobody can write nobody has to be kept from it
        if problem.errno not in DENIED or not _is_finished(path):
            raise
        yield
        return
    try:
        yield
    finally:
        lock.release()


def _is_finished(path: Path) -> bool:
    try:
        return (path / RECORD).is_file() and RunRecord.read(path / RECORD).status == "finished"
    except DepthscopeError:
        return False


def _refuse_links(path: Path) -> None:
    """A link in a received folder would let a run write, or clear away, what is elsewhere."""
    for where, folders, files in os.walk(path):
        for name in (*folders, *files):
            found = Path(where, name)
            if found.is_symlink():
                raise DepthscopeError(
                    f"{found}: is a link, and a run writes into nothing but its own folder; put what it points to there, "
                    "or choose another --out"
                )


def finished_run(path: Path, way_out: str) -> RunRecord:
    """The record of a run that is finished.

    Raises
    ------
    DepthscopeError
        No folder, none of a run, a damaged one or one whose run is not finished; the sentence ends in the ``way_out``.
    """
    if not given(path, "a run folder").is_dir():
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


def _leave_no_record(path: Path) -> None:
    """A run that was refused before it kept anything does not keep its folder from the next one, which is asked better."""
    if {p.name for p in path.iterdir()} <= {LOCK, RECORD}:
        (path / RECORD).unlink(missing_ok=True)


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
