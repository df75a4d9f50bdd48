"""Files that appear whole or not at all."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nobody can tell there whether a scratch file is still written, so none is swept away
    fcntl = None  # type: ignore[assignment]


@contextmanager
def atomic(path: Path, *, sweep: bool = False) -> Iterator[Path]:
    """A scratch path beside ``path``; renamed into its place when the block ends well, removed when it does not.

    The file has the permissions that the user's umask leaves. With ``sweep``, what a killed process left of the same file is
    removed; that lists the folder, which takes long where there are thousands of files.
    """
    if sweep:
        _sweep(path)
    scratch, handle = _scratch(path)
    mode = stat.S_IMODE(scratch.stat().st_mode)
    try:
        yield scratch
        # safetensors puts a file of its own in the place of ours, which nobody else may read
        if stat.S_IMODE(scratch.stat().st_mode) != mode:
            scratch.chmod(mode)
        with scratch.open("rb") as stream:
            os.fsync(stream.fileno())
        scratch.replace(path)
    finally:
        if handle is not None:
            os.close(handle)
        scratch.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """UTF-8; halves of characters, as in names of files that are not UTF-8, are spelt out."""
    with atomic(path, sweep=True) as scratch:
        scratch.write_bytes(text.encode("utf-8", "backslashreplace"))


def _scratch(path: Path) -> tuple[Path, int | None]:
    """A new file beside ``path``, and a handle that holds its lock as long as it is written, where there are such locks."""
    while True:
        scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        with suppress(FileExistsError):
            handle = os.open(scratch, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            if fcntl is None:
                os.close(handle)
                return scratch, None
            _locked(handle)
            if scratch.exists():  # nobody swept it away before it was locked
                return scratch, handle
            os.close(handle)


def _sweep(path: Path) -> None:
    """Scratch files of ``path`` that nobody holds: their process was killed."""
    begin = f".{path.name}."
    # no pattern: a name may hold what stands for any character
    for stale in path.parent.iterdir() if fcntl else ():
        if stale.name.startswith(begin) and len(stale.name) == len(begin) + 8 and stale.is_file():
            with suppress(OSError):
                handle = os.open(stale, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
                try:
                    if _locked(handle):
                        stale.unlink()
                finally:
                    os.close(handle)


def _locked(handle: int) -> bool:
    """Whether the lock of an open file could be had; released when it is closed, also by a kill."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
