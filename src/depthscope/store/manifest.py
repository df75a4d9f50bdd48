"""A list of finished parts that grows line by line, and of which a kill can damage no more than the last line."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from depthscope.errors import DepthscopeError

Entry = dict[str, Any]


class Manifest:
    """Lines of JSON in ``path``, each on the disk before :meth:`add` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[Entry]:
        """All entries, in the order in which they were added."""
        if not self.path.is_file():
            return
        for number, line in enumerate(self.path.read_bytes().split(b"\n")[:-1], 1):
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):  # a list in a list in a list ...
                entry = None
            if not isinstance(entry, dict):
                raise DepthscopeError(
                    f"{self.path}: line {number} is damaged; delete this one line and run again, only its part is "
                    "computed anew"
                )
            yield entry

    def add(self, entry: Mapping[str, Any]) -> None:
        """Append an entry; what a kill had left of a line is overwritten."""
        line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
        self.path.touch()
        with self.path.open("r+b") as stream:
            whole = _whole(stream)
            stream.seek(whole)
            stream.truncate()
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())


def _whole(stream: Any) -> int:
    """Bytes up to the end of the last whole line."""
    size = stream.seek(0, os.SEEK_END)
    if size == 0:
        return 0
    # a line is some hundred bytes long; of a torn one at most so much has to be read
    back = min(size, 2**16)
    while True:
        stream.seek(size - back)
        found = stream.read(back).rfind(b"\n")
        if found >= 0 or back == size:
            return int(size - back + found + 1)
        back = min(size, back * 16)


def file_sha256(path: Path) -> str:
    """SHA-256 of the bytes of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
