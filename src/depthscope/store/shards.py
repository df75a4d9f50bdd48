"""Finished batches, one file each: what a killed run has already paid for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthscope.errors import DepthscopeError
from depthscope.store.digest import digest
from depthscope.store.files import atomic

SEAL = "digest"  # is in each file beside the arrays: a damaged zip directory can hide one


@dataclass(frozen=True)
class Shards:
    """A folder of numbered ``.npz`` files."""

    folder: Path

    def load(self, number: int) -> dict[str, NDArray[Any]] | None:
        """The arrays of a finished batch, or None."""
        path = self._path(number)
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            seal = str(arrays.pop(SEAL))
            damage = "" if seal == digest(arrays) else "its numbers are not the ones that were written"
        except Exception as problem:  # zip and NumPy raise whatever the damage leads to
            damage = " ".join(f"{type(problem).__name__}: {problem}".split())
        if damage:
            raise DepthscopeError(
                f"{path}: damaged ({damage}); delete this one file and run again, only its batch is recomputed"
            )
        return arrays

    def save(self, number: int, arrays: dict[str, NDArray[Any]]) -> None:
        self.folder.mkdir(exist_ok=True)
        with atomic(self._path(number)) as scratch, scratch.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays, **{SEAL: np.array(digest(arrays))})

    def count(self) -> int:
        return len(list(self.folder.glob("batch-*.npz"))) if self.folder.is_dir() else 0

    def clear(self) -> None:
        """Remove the shards once their content is elsewhere."""
        if self.folder.is_dir():
            for path in self.folder.iterdir():
                path.unlink()
            self.folder.rmdir()

    def _path(self, number: int) -> Path:
        return self.folder / f"batch-{number:06d}.npz"
