"""Where converted models stand, and how one gets there: whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from platformdirs import user_cache_path

from depthscope.errors import DepthscopeError
from depthscope.model.pretrained.entry import Pretrained

# Part of the folder's name: raise it when a conversion changes, and old folders are left alone.
FORMAT = 2


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
def building(folder: Path) -> Iterator[Path]:
    """A scratch folder beside ``folder``, renamed into its place when the block ends well.

    The caller holds the lock, so whatever an earlier process left beside it is dead.
    """
    for stale in folder.parent.glob(f"{folder.name}.part-*"):
        shutil.rmtree(stale, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{folder.name}.part-", dir=folder.parent))
    try:
        yield scratch
        scratch.chmod(0o755)  # mkdtemp's 0700 would lock other users out of a shared cache
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
