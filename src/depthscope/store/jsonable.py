"""Values in what JSON knows."""

import math
from collections.abc import Mapping
from typing import Any


def jsonable(value: Any) -> Any:
    """The same in what JSON knows: what is not a number or not finite is ``null``, numbers of NumPy are numbers, paths text.

    In text, halves of characters, as in names of files that are not UTF-8, are spelt out: no file of UTF-8 holds them.
    """
    if isinstance(value, Mapping):
        return {_whole(str(name)): jsonable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(one) for one in value]
    if hasattr(value, "tolist"):  # of NumPy
        return jsonable(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int) else _whole(str(value))


def _whole(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
