"""What a line of a file must be, said in one place: UTF-8, not endless, and in files of JSON lines an object."""

import json
from pathlib import Path

from depthscope.errors import DepthscopeError

# bytes of a line, which is held whole, several times over while it is decoded and parsed
LONGEST = 2**26


def too_long(path: Path | str, line: int, way_out: str) -> DepthscopeError:
    """A line, counted from 1, of more than ``LONGEST`` bytes."""
    return DepthscopeError(
        f"{path}: the text of line {line} goes on for more than {LONGEST // 2**20} MiB, and is held in memory whole; {way_out}"
    )


def not_utf8(path: Path | str, byte: int, line: int | None = None, more: str = "") -> DepthscopeError:
    """The byte counts from 0, the line from 1; in a compressed file both are those of the text in it.

    ``more``: what else can be done.
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
