"""A name for exactly these arrays."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over names, shapes, kinds and values; text counts by its letters, however it is stored."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        values = arrays[name]
        if values.dtype.kind in "OUT":
            total.update(f"{name} {values.shape} text".encode())
            for text in values.ravel().tolist():
                total.update(f"{len(str(text))} {text}".encode())
        else:
            total.update(f"{name} {values.shape} {values.dtype}".encode())
            total.update(np.ascontiguousarray(values).tobytes())
    return total.hexdigest()
