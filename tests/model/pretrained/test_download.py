"""Downloads over real HTTP: continued, verified, and refused in one sentence."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from depthscope.model.pretrained.download import ATTEMPTS, download
from tests.model.pretrained.served import Index

CONTENT = np.random.default_rng(0).bytes(1_500_000)
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class Got:
    """The target of a download, and the bytes it was told of."""

    def __init__(self, index: Index, folder: Path) -> None:
        index.files["/x.whl"] = CONTENT
        self.address, self.path, self.told = f"{index.address}/x.whl", folder / "x.whl", 0
        self.part = folder / "x.whl.part"

    def tell(self, count: int) -> None:
        self.told += count

    def bring(self, digest: str = DIGEST) -> None:
        self.told = 0
        download(self.address, self.path, len(CONTENT), digest, self.tell)


@pytest.fixture
def got(index: Index, tmp_path: Path) -> Got:
    return Got(index, tmp_path)


def test_a_download_cut_in_half_continues_where_it_was_cut(index: Index, got: Got) -> None:
    index.cut, index.cuts = 600_000, 2
    got.bring()
    assert got.path.read_bytes() == CONTENT
    assert index.downloads == [None, "bytes=600000-", "bytes=1200000-"]
    assert got.told == len(CONTENT)
    assert not got.part.exists()


def test_what_an_earlier_process_left_is_continued(index: Index, got: Got) -> None:
    got.part.write_bytes(CONTENT[:1_000_000])
    got.bring()
    assert got.path.read_bytes() == CONTENT
    assert index.downloads == ["bytes=1000000-"]
    assert got.told == len(CONTENT)


def test_a_server_without_ranges_sends_everything_again(index: Index, got: Got) -> None:
    index.ranges = False
    got.part.write_bytes(CONTENT[:1_000_000])
    got.bring()
    assert got.path.read_bytes() == CONTENT
    assert got.told == len(CONTENT)


def test_a_finished_download_asks_nothing(index: Index, got: Got) -> None:
    got.bring()
    index.asked.clear()
    got.bring()
    assert index.asked == []
    assert got.told == len(CONTENT)


def test_a_line_that_stays_dead_is_given_up_and_what_came_is_kept(index: Index, got: Got, refuses: Any) -> None:
    index.ranges, index.cut, index.cuts = False, 600_000, 99
    with refuses("x.whl", "stopped at 1 of 2 MB", "try again, it continues"):
        got.bring()
    assert len(index.downloads) == 1 + ATTEMPTS
    assert got.part.stat().st_size == 600_000
    assert not got.path.exists()


@pytest.mark.parametrize("before", [0, 700_000, len(CONTENT), len(CONTENT) + 1])
def test_other_bytes_are_refused_by_both_hashes_and_removed(got: Got, before: int, refuses: Any) -> None:
    got.part.write_bytes(b"x" * before)
    wanted = "sha256:" + "ab" * 32 if before == 0 else DIGEST
    with refuses("x.whl: SHA-256 is ", f"expected {wanted[7:19]}..", "removed, try again"):
        got.bring(wanted)
    assert not got.part.exists()
    assert not got.path.exists()
    got.bring()
    assert got.path.read_bytes() == CONTENT


def test_a_longer_file_is_not_swallowed_whole(index: Index, got: Got, refuses: Any) -> None:
    index.files["/x.whl"] = CONTENT * 2
    with refuses("x.whl: SHA-256 is "):
        got.bring()


def test_npm_pins_by_another_hash(got: Got, refuses: Any) -> None:
    got.bring(f"sha512:{hashlib.sha512(CONTENT).hexdigest()}")
    with refuses("SHA-512 is "):
        got.bring("sha512:" + "ab" * 64)


def test_a_missing_archive_is_refused_at_once(index: Index, got: Got, refuses: Any) -> None:
    del index.files["/x.whl"]
    with refuses("x.whl", "answers 404", got.address):
        got.bring()
    assert len(index.asked) == 1
