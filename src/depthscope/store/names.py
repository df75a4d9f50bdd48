"""Names of files: those that a user gives are names that a file can have, those inside folders are names and never paths."""

import errno
import os
from pathlib import Path, PurePath, PurePosixPath

from depthscope.errors import DepthscopeError

SHOWN = 80  # characters of a name in a sentence, if it is longer than any name can be


def given(path: object, what: str = "a file or folder") -> Path:
    """The path that a user gave as the name of ``what``, whether there is something or not.

    Raises
    ------
    DepthscopeError
        It is no text and no path, or nothing can have that name: it is too long, or holds what no name can.
    """
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str) or not os.fspath(path):
        raise DepthscopeError(f"{path!r} is no name of {what}: give it as text or as a path")
    if not _possible(Path(path)):
        name = str(path)
        shown = name if len(name) <= SHOWN else f"{name[:SHOWN]}..."
        why = "too long for a name" if len(name) > SHOWN else "nothing can have such a name"
        raise DepthscopeError(f"{shown}: {why}; give another name of {what}")
    return Path(path)


def _possible(path: Path) -> bool:
    try:
        path.lstat()
    except OSError as problem:
        return problem.errno != errno.ENAMETOOLONG
    except ValueError:  # of a null byte, or of half a character
        return False
    return True


def inside(folder: Path, name: object) -> Path:
    """The place in ``folder`` that a record calls ``name``; slashes separate the folders in it.

    Raises
    ------
    DepthscopeError
        No name, an absolute one, one with ``..``, or one that a link leads out of the folder. Records come from other people.
    """
    text = name if isinstance(name, str) else ""
    odd = any(kind(text).anchor or ".." in kind(text).parts for kind in (PurePosixPath, PurePath))
    if not text.strip("./ ") or "\0" in text or odd:
        raise DepthscopeError(
            f"{folder}: a record in it names {name!r}, which is no name of something inside the folder; get the folder anew, "
            "or delete that entry"
        )
    path = folder / text
    if not _possible(path):
        raise DepthscopeError(
            f"{folder}: a record in it names what nothing can be called ({text[:SHOWN]!r}); get the folder anew"
        )
    if not leads_inside(path, folder):
        raise DepthscopeError(
            f"{path}: a link leads out of {folder}, and what is outside is neither read nor written; put the file itself there"
        )
    return path


def leads_inside(path: Path, folder: Path) -> bool:
    """Whether a path stays in the folder, whatever links it meets; a link in a circle leads nowhere."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        return False
