"""Where converted models stand, and how one gets there: whole or not at all."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock
from platformdirs import user_cache_path

from depthscope.errors import DepthscopeError
from depthscope.model.pretrained.entry import Pretrained
from depthscope.store.files import write_text
from depthscope.store.manifest import file_sha256
from depthscope.store.sealed import describe

# Part of the folder's name: raise it when a conversion changes, and old folders are left alone.
FORMAT = 3
# what every file of the folder was when it was converted
SEAL = "converted.json"


def cache_folder() -> Path:
    """Where converted models are kept: ``$DEPTHSCOPE_CACHE``, else the system's cache folder."""
    chosen = os.environ.get("DEPTHSCOPE_CACHE")
    return Path(chosen) if chosen else user_cache_path("depthscope")


def model_folder(entry: Pretrained) -> Path:
    """Where the converted model stands once it is there."""
    try:
        # what one major version of transformers saves, another may not read
        saved_by = metadata.version("transformers").split(".")[0]
    except metadata.PackageNotFoundError:
        raise DepthscopeError(
            "this needs transformers, which is not installed: pip install 'depthscope[models]'"
        ) from None
    return cache_folder() / "models" / f"{entry.name}-{entry.sha256[:12]}-{FORMAT}-transformers{saved_by}"


def download_folder(entry: Pretrained) -> Path:
    """Where its archives stand until it is converted."""
    return cache_folder() / "downloads" / entry.name


@contextmanager
def locked(folder: Path, what: str, space: int) -> Iterator[None]:
    """While one process makes ``folder``, others wait.

    Parameters
    ----------
    what : str
        What it holds, for the sentence that says why it cannot be written.
    space : int
        Bytes that making it takes.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            yield
    except OSError as problem:
        raise DepthscopeError(
            f"{folder.parent}: {what} cannot be written there ({problem.strerror or problem}); "
            f"set DEPTHSCOPE_CACHE to a folder with {space / 1e6:.0f} MB of space"
        ) from None


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """A scratch folder beside ``folder``, renamed into its place when the block ends well.

    The caller holds the lock, so whatever an earlier process left beside it is dead.
    """
    for stale in folder.parent.glob(f"{folder.name}.part-*"):
        shutil.rmtree(stale, ignore_errors=True)
    scratch = folder.with_name(f"{folder.name}.part-{secrets.token_hex(4)}")
    scratch.mkdir()  # not mkdtemp's 0700, which would lock other users out of a shared cache
    try:
        yield scratch
        _seal(scratch)
        if folder.is_dir():  # a damaged one, kept until there is something better
            shutil.rmtree(folder)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def intact(folder: Path) -> bool:
    """Whether a converted model is there and every file is what it was when it was converted.

    A file of the same size and dates is taken for the same; one of the same size and other dates (a copied cache) is read,
    and its dates are written down if they can be. A file too many counts as damage: it could take the place of another.
    """
    try:
        known = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        if _names(folder) != sorted(known):
            return False
        moved = [name for name, about in known.items() if not _same(folder / name, about)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    if any(file_sha256(folder / name) != known[name]["sha256"] for name in moved):
        return False
    if moved:
        with suppress(OSError):
            _seal(folder)
    return True


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a converted model, as it was when :func:`intact` last found it whole."""
    known = json.loads((folder / SEAL).read_text(encoding="utf-8"))
    return {name: str(about["sha256"]) for name, about in sorted(known.items())}


def _seal(folder: Path) -> None:
    about = describe(folder, _names(folder))
    dated = {name: {**values, "dates": _dates(folder / name)} for name, values in about.items()}
    write_text(folder / SEAL, json.dumps(dated, indent=2) + "\n")


def _names(folder: Path) -> list[str]:
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if name != SEAL and not name.startswith("."))


def _same(path: Path, about: dict[str, Any]) -> bool:
    """By its dates, if it may be the same by its size."""
    if path.stat().st_size != about["bytes"]:
        raise ValueError(path.name)
    return bool(about["dates"] == _dates(path))


def _dates(path: Path) -> list[int]:
    """When it was written, and when anything about it was changed, which nobody can set back."""
    found = path.stat()
    return [found.st_mtime_ns, found.st_ctime_ns]
