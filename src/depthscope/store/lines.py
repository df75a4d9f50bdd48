"""What a line of a file must be, said in one place: UTF-8, and in files of JSON lines an object."""

import json
from pathlib import Path

from depthscope.errors import DepthscopeError


def not_utf8(path: Path | str, byte: int, line: int | None = None, more: str = "") -> DepthscopeError:
    """The byte counts from 0, the line from 1; in a compressed file both are those of the text in it.

    ``more``: what can be done besides.
    """
    where = f" (line {line})" if line is not None else ""
    return DepthscopeError(f"{path}: not UTF-8 at byte {byte}{where}; save the file as UTF-8{more}")


def json_row(path: Path | str, number: int, line: str) -> dict[str, object]:
    """The object in line ``number``."""
    try:
        row = json.loads(line)
    except json.JSONDecodeError as problem:
        what = f"is not JSON ({problem.msg}); mend or delete that line"
    except (ValueError, RecursionError):  # an integer of thousands of digits, a list in a list in a list ...
        what = "is no JSON that can be read; simplify it"
    else:
        if isinstance(row, dict):
            return row
        what = 'is not an object with columns; write one object per line, such as {"text": "..."}'
    raise DepthscopeError(f"{path}: line {number} {what}")
