"""The arrays of a CTranslate2 ``model.bin``: a plain list of names, shapes and numbers."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthscope.errors import DepthscopeError

VERSION = 6
# the position in this list is the number in the file; bfloat16, the next one, is unknown to NumPy
KINDS = ("<f4", "<i1", "<i2", "<i4", "<f2")


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content, self.place = content, 0

    def take(self, size: int) -> bytes:
        self.place += size
        if self.place > len(self.content):
            raise ValueError("it is cut off")
        return self.content[self.place - size : self.place]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def text(self) -> str:
        return self.take(self.number(2))[:-1].decode()  # a zero ends it

    def array(self) -> NDArray[Any]:
        shape = [self.number(4) for _ in range(self.number(1))]
        kind = self.number(1)
        if kind >= len(KINDS):
            raise ValueError(f"numbers of kind {kind} are not known")
        return np.frombuffer(self.take(self.number(4)), KINDS[kind]).reshape(shape)


def read_arrays(path: Path, specification: str) -> dict[str, NDArray[Any]]:
    """Every variable of the file by its name, aliases among them.

    Parameters
    ----------
    specification : str
        The kind of model that the file must say it is, e.g. ``"WhisperSpec"``.

    Raises
    ------
    DepthscopeError
        Another format, version or model, or a file that is cut off.
    """
    reader = _Reader(path.read_bytes())
    try:
        version = reader.number(4)
        if version != VERSION:
            raise ValueError(f"version {version}, not {VERSION}")
        said = reader.text()
        if said != specification:
            raise ValueError(f"it holds a {said}, not a {specification}")
        reader.number(4)  # revision of that specification
        arrays = {reader.text(): reader.array() for _ in range(reader.number(4))}
        for _ in range(reader.number(4)):
            alias = reader.text()
            arrays[alias] = arrays[reader.text()]
    except (ValueError, KeyError) as problem:
        raise DepthscopeError(f"{path}: this CTranslate2 model cannot be read ({problem})") from None
    return arrays
