"""A finished run is sealed: its record says of every file what it was, and what is read from the folder is that or refused."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depthscope.errors import DepthscopeError, listed
from depthscope.store.folder import RECORD, finished_run
from depthscope.store.manifest import file_sha256
from depthscope.store.names import inside
from depthscope.store.record import RunRecord

SUMMARY = "summary.md"
REPORT = "report.html"  # made of all the rest, and made again whenever it is wanted
# stores have digests of their content in the record, shards go, and either may have thousands of files
APART = (".zarr", ".shards")
END = f"/{RECORD}"


def seal(folder: Path) -> dict[str, dict[str, Any]]:
    """Bytes and SHA-256 of every file of a run, by its name with slashes: for ``files`` of its record.

    Left out: the record and the page, hidden files, links, stores and shards, and runs below this one: see :func:`runs_below`.
    """
    return describe(folder, (path.relative_to(folder).as_posix() for path in _files(folder) if path.name != REPORT))


def runs_below(folder: Path) -> dict[str, str]:
    """SHA-256 of the records of the runs directly below, which seal all the rest of them: for ``digests`` of the record."""
    records = {f"{path.parent.name}/{RECORD}": path for path in sorted(folder.glob(f"*/{RECORD}"))}
    return {
        name: file_sha256(path)
        for name, path in records.items()
        if not name.startswith(".") and not path.is_symlink() and not path.parent.is_symlink()
    }


def describe(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Bytes and SHA-256 of some files of a folder."""
    paths = {name: folder / name for name in sorted(names)}
    return {name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)} for name, path in paths.items()}


def _files(folder: Path) -> Iterable[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == RECORD or path.is_symlink():
            continue
        if path.is_file():
            yield path
        elif path.is_dir() and path.suffix not in APART and not (path / RECORD).exists():
            yield from _files(path)


@dataclass(frozen=True)
class Sealed:
    """A finished run that is only read. Whoever reads a file of it asks here for its path, and gets one that was checked.

    ``run = Sealed.opened(folder, "way out of the sentence")``, then ``run.file("cse.nc")``: None if the run wrote no such file
    or it is gone; an error if it is not the file that the run wrote. Files that somebody added are not there for it. Stores
    (``NAME.zarr``) are checked by their content: ``read_zarr(inside(folder, "NAME.zarr"), run.record.digests.get("NAME"))``.

    Attributes
    ----------
    folder : Path
    record : RunRecord
    """

    folder: Path
    record: RunRecord

    @classmethod
    def opened(cls, folder: Path, way_out: str) -> "Sealed":
        """The run in a folder, if it is finished; see :func:`depthscope.store.folder.finished_run` for what is refused."""
        return cls(folder, finished_run(folder, way_out))

    def file(self, name: str) -> Path | None:
        """The file of that name, checked: size first, then SHA-256.

        Raises
        ------
        DepthscopeError
            It is not the one that the run wrote, or lies outside the folder.
        """
        path, known = inside(self.folder, name), self.record.files
        if (known and name not in known) or not path.is_file():
            return None
        if known:
            about = known[name]
            if path.stat().st_size != about.get("bytes") or file_sha256(path) != about.get("sha256"):
                raise DepthscopeError(
                    f"{path}: changed since the run wrote it (its digest is not the one in {RECORD}); put the original back, "
                    "or run the study again in another folder"
                )
        return path

    def names(self, below: str) -> list[str]:
        """The files that the run wrote directly into a folder of its own, in the order of their names."""
        if self.record.files:
            return sorted(name for name in self.record.files if os.path.dirname(name) == below)  # noqa: PTH120 - no path
        folder = inside(self.folder, below)
        return sorted(f"{below}/{path.name}" for path in folder.iterdir()) if folder.is_dir() else []

    @property
    def runs(self) -> list[str]:
        """Names of the folders directly below that hold a run of this one: of a run without digests, all that hold a run."""
        below = self.record.digests if self.record.files else runs_below(self.folder)
        return sorted(name.removesuffix(END) for name in below if name.endswith(END) and name.count("/") == 1)

    def run(self, name: str) -> Path:
        """The folder of one of the ``runs``, its record checked; it is opened as a run of its own.

        Raises
        ------
        DepthscopeError
            The record is not the one that was there when this run was finished, or lies outside the folder.
        """
        record = inside(self.folder, name + END)
        if self.record.files and (not record.is_file() or file_sha256(record) != self.record.digests.get(name + END)):
            raise DepthscopeError(
                f"{record}: changed since the run above it was finished, or gone; run that one again, or put the original back"
            )
        return record.parent

    @property
    def unchecked(self) -> list[str]:
        """That nothing can be checked, if it is so."""
        if self.record.files:
            return []
        version = self.record.environment.get("depthscope", "a version before 0.6.1")
        return [
            f"The run was written by depthscope {version} without digests of its files: whether they are still what it wrote "
            "cannot be told."
        ]

    @property
    def gone(self) -> list[str]:
        """Which of the files that the run wrote are not there any more, if any, in a sentence."""
        stores = [f"{name}.zarr" for name in self.record.digests if "/" not in name]
        names = [name for name in [*self.record.files, *stores] if not inside(self.folder, name).exists()]
        if not names or not self.record.files:
            return []
        return [
            f"Of the files that the run wrote, these are not in its folder any more: {listed(f'`{n}`' for n in names)}."
        ]
