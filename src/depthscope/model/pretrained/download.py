"""One archive: what came before is kept, what came is verified."""

import hashlib
import http.client
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from depthscope.errors import DepthscopeError
from depthscope.model.pretrained.web import UnreachableError, open_address, reason, shown

BLOCK = 1 << 18
ATTEMPTS = 4
PAUSE = 0.5


def download(address: str, path: Path, size: int, digest: str, tell: Callable[[int], object]) -> None:
    """Bring ``path`` about: ``size`` bytes with that ``digest`` (``sha256:HEX``).

    What is not complete is in ``path.part``, and the next call continues there if the server can. ``tell`` is given
    the number of bytes gained.

    Raises
    ------
    DepthscopeError
        The server refuses, the connection fails ``ATTEMPTS`` times without a byte gained, or the bytes are others.
    """
    if path.is_file():
        check_digest(path, digest)
        tell(size)
        return
    part = path.with_name(f"{path.name}.part")
    tell(_length(part))
    failures = 0
    while (before := _length(part)) < size:
        try:
            _continue(address, part, size, tell)
            problem = f"it ended after {_length(part):,} of {size:,} bytes"
        except HTTPError as refusal:
            if refusal.code < 500:
                raise DepthscopeError(
                    f"{path.name}: {shown(address)} answers {refusal.code} {refusal.reason}; use another index"
                ) from None
            problem = f"the server answers {refusal.code} {refusal.reason}"
        except UnreachableError as break_off:
            problem = str(break_off)
        gained = _length(part) > before
        failures = 0 if gained else failures + 1
        if failures == ATTEMPTS:
            raise DepthscopeError(
                f"{path.name}: the download stopped at {_length(part) / 1e6:.0f} of {size / 1e6:.0f} MB ({problem}); "
                "try again, it continues there"
            )
        if not gained:
            time.sleep(PAUSE * failures)
    check_digest(part, digest)
    part.rename(path)


def _continue(address: str, part: Path, size: int, tell: Callable[[int], object]) -> None:
    have = _length(part)
    headers = {"Range": f"bytes={have}-"} if have else {}
    with open_address(address, headers) as response:
        # a server that knows no ranges sends everything again
        goes_on = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if not goes_on:
            tell(-have)
            have = 0
        with part.open("ab" if goes_on else "wb") as stream:
            for block in _blocks(response):
                stream.write(block)
                tell(len(block))
                have += len(block)
                if have > size:  # some other file: its hash will say so
                    return


def _blocks(response: Any) -> Iterator[bytes]:
    try:
        while block := response.read(BLOCK):
            yield block
    except (OSError, http.client.HTTPException) as problem:
        raise UnreachableError(reason(problem)) from None


def _length(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def check_digest(path: Path, digest: str, way_out: str = "") -> None:
    """Refuse a file with other bytes; and remove it, so that the next try starts afresh, unless there is a ``way_out``."""
    algorithm, _, expected = digest.partition(":")
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, algorithm).hexdigest()
    if found == expected:
        return
    if not way_out:
        path.unlink()
        way_out = "the file is removed, try again, and if it comes back use another index"
    name = "SHA-" + algorithm.removeprefix("sha")
    raise DepthscopeError(
        f"{path.name.removesuffix('.part')}: {name} is {found[:12]}.., expected {expected[:12]}..; {way_out}"
    )
