"""Names inside folders are names, never paths: whatever a record says is looked for in its own folder and nowhere else."""

from pathlib import Path, PurePath, PurePosixPath

from depthscope.errors import DepthscopeError


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
