"""A file on a server, read in parts: of a large archive only the members that are wanted are sent."""

import http.client
import io
from typing import TYPE_CHECKING
from urllib.error import HTTPError

from depthscope.errors import DepthscopeError
from depthscope.model.pretrained.web import UnreachableError, open_address, reason, shown

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK = 1 << 19  # of one request


def open_remote(address: str, size: int) -> io.BufferedReader:
    """The file at ``address``, of ``size`` bytes, to be read at any place.

    A server that sends no parts sends the whole, once.

    Raises
    ------
    DepthscopeError
        While it is read: the server refuses, is out of reach, or sends less than it should.
    """
    return io.BufferedReader(_Remote(address, size), BLOCK)


class _Remote(io.RawIOBase):
    def __init__(self, address: str, size: int) -> None:
        self.address, self.size, self.place = address, size, 0
        self.all: bytes | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.place, io.SEEK_END: self.size}[whence]
        return self.place

    def tell(self) -> int:
        return self.place

    def readinto(self, buffer: "WriteableBuffer") -> int:
        target = memoryview(buffer).cast("B")
        stop = min(self.place + len(target), self.size)
        if stop <= self.place:
            return 0
        part = self._part(self.place, stop)
        if len(part) != stop - self.place:
            raise DepthscopeError(
                f"{shown(self.address)}: it sends {len(part):,} of {stop - self.place:,} bytes; try again"
            )
        target[: len(part)] = part
        self.place = stop
        return len(part)

    def _part(self, start: int, stop: int) -> bytes:
        if self.all is not None:
            return self.all[start:stop]
        try:
            with open_address(self.address, {"Range": f"bytes={start}-{stop - 1}"}) as response:
                content: bytes = response.read()
        except HTTPError as refusal:
            raise DepthscopeError(
                f"{shown(self.address)} answers {refusal.code} {refusal.reason}; use another index"
            ) from None
        except (UnreachableError, OSError, http.client.HTTPException) as problem:
            raise DepthscopeError(f"{shown(self.address)} is out of reach ({reason(problem)}); try again") from None
        if response.status == 206:
            return content
        self.all = content
        return content[start:stop]
