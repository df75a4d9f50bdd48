"""Arrays of numbers as a page holds them: their bytes, as text."""

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray


def coded(values: NDArray[Any], kind: type) -> str:
    """Base64 of the values as numbers of that ``kind``, the first byte the least, the rightmost dimension fastest."""
    little = np.dtype(kind).newbyteorder("<")
    return base64.b64encode(np.ascontiguousarray(values, dtype=little).tobytes()).decode()
