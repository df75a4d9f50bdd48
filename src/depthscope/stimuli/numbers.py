"""Numbers as spreadsheets write them: decimal commas, separators of thousands, blanks."""

import math
import re
from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd

from depthscope.errors import listed

Mark = Literal[".", ","]

MARKS: tuple[Mark, ...] = (".", ",")
# what programs write where there is no number
BLANK = frozenset(("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "<NA>", "#N/A", "#NV"))
_NUMBER = re.compile(r"[+-]?(?:[0-9][0-9.,]*|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?")
# groups of three behind one to three digits, the same sign between all; 030 123 is no number but a name for something
_SPACED = re.compile(r"[+-]?[1-9][0-9]{0,2}([ \u00a0\u2007\u2009\u202f'\u2019])[0-9]{3}(?:\1[0-9]{3})*(?:[.,][0-9]*)?")
_READABLE = {
    mark: re.compile(
        rf"[+-]?(?:[0-9]+|[1-9][0-9]{{0,2}}(?:\{other}[0-9]{{3}})+)?(?:\{mark}[0-9]*)?(?:[eE][+-]?[0-9]+)?"
    )
    for mark, other in zip(MARKS, reversed(MARKS), strict=True)
}
_ADDRESS = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})")


def written(cell: str) -> str:
    """The cell without spaces around it and between thousands, with a hyphen for a minus."""
    number = cell.strip().replace("\u2212", "-")
    spaced = _SPACED.fullmatch(number)
    return number.replace(spaced[1], "") if spaced else number


def mark_of(cells: Sequence[str]) -> Mark | Literal["unclear", "both"] | None:
    """Which decimal mark a column uses, as far as its numbers show it.

    Returns
    -------
    "." or ",", ``"both"`` where they contradict each other, ``"unclear"`` where every comma, or every dot, may as well separate
    thousands (``1,234``), None for a column that shows none, or is not all numbers. Dates and versions (``12.03.2024``) show
    one, but :func:`plain` cannot read them.
    """
    numbers = _numbers(cells)
    if not numbers:
        return None
    shown = {mark for number in numbers if (mark := _shown(number)) is not None}
    if len(shown) == 2:
        return "both" if all(any(_readable(number, mark) for mark in MARKS) for number in numbers) else None
    if shown:
        return shown.pop()
    return "unclear" if any(mark in number for number in numbers for mark in MARKS) else None


def _numbers(cells: Sequence[str]) -> list[str]:
    """The numbers of a column, without blanks; none if it holds anything else."""
    numbers = [number for cell in cells if (number := written(cell)) not in BLANK]
    return numbers if all(_NUMBER.fullmatch(number) for number in numbers) else []


def _readable(number: str, mark: Mark) -> bool:
    address = _ADDRESS.fullmatch(number)
    return _READABLE[mark].fullmatch(number) is not None and not (
        address and all(int(part) < 256 for part in address.groups())
    )


def _shown(number: str) -> Mark | None:
    """The decimal mark that one number shows beyond doubt."""
    number, *exponent = re.split("[eE]", number.lstrip("+-"))
    dots, commas = number.count("."), number.count(",")
    if dots and commas:  # one separates thousands, and the last one does not
        return "." if number.rindex(".") > number.rindex(",") else ","
    if dots > 1:
        return ","
    if commas > 1:
        return "."
    mark: Mark = "." if dots else ","
    whole, _, part = number.partition(mark)
    return mark if dots + commas and (exponent or not _thousands(whole, part)) else None


def _thousands(whole: str, part: str) -> bool:
    """As in 1,234: three digits behind, one to three before, the first of them not 0."""
    return len(part) == 3 and 1 <= len(whole) <= 3 and whole[0] != "0"


def plain(cells: Sequence[str], mark: Mark) -> list[str] | None:
    """The same numbers as Python writes them; None where one of them cannot be read so, as dates, versions and addresses."""
    other = "," if mark == "." else "."
    found = []
    for cell in cells:
        number = written(cell)
        if number in BLANK:
            found.append(number)
            continue
        if not _readable(number, mark):
            return None
        found.append(number.replace(other, "").replace(mark, "."))
    return found


def as_written(
    columns: dict[str, list[str]], decimal: Mark | None = None, separator: str = ","
) -> dict[str, list[str] | None]:
    """Those columns that hold numbers, but not as Python writes them, rewritten; None for one that is to stay text although
    Python would read it; the others are not in the result.

    A column whose numbers can be read in two ways (``1,234``, ``1.234``) follows ``decimal``. If that is not given, one with
    commas follows what the other columns show. One with dots has decimals if other columns show them too and none shows
    commas, or if no column shows anything and commas separate the cells, where decimal commas are rare.
    """
    shown = {name: mark_of(cells) for name, cells in columns.items()}
    elsewhere = {
        mark for name, mark in shown.items() if mark in MARKS and plain(columns[name], _mark(mark)) is not None
    }
    found: dict[str, list[str] | None] = {}
    for name, cells in columns.items():
        mark = shown[name]
        if mark is None and not _numbers(cells):
            continue
        if mark == "unclear":
            mark = decimal or _usual(cells, elsewhere, separator)
        if mark in ("unclear", "both"):
            if not any("," in cell for cell in cells):  # which Python would take for decimals
                found[name] = None
            continue
        changed = plain(cells, _mark(mark))
        if changed is not None and changed != cells:
            found[name] = changed
    return found


def _mark(shown: object) -> Mark:
    return "," if shown == "," else "."


def _usual(cells: Sequence[str], elsewhere: set[Mark | Any], separator: str) -> Mark | Literal["unclear"]:
    """The decimal mark of a column that does not show it, by the rest of the file."""
    commas = any("," in cell for cell in cells)
    if elsewhere == {"."} or (not elsewhere and not commas and separator == ","):
        return "."
    return "," if elsewhere == {","} and commas and not any("." in cell for cell in cells) else "unclear"


def finite(column: "pd.Series[Any]") -> bool:
    """Whether a column can be a covariate: numbers, none of them infinite; blanks are left aside."""
    return column.dtype.kind in "biuf" and not column.isin([math.inf, -math.inf]).any()


def two_ways(column: "pd.Series[Any]") -> bool:
    """Whether a column of text is of numbers that can be read in two ways."""
    return column.dtype.kind not in "biuf" and mark_of(_values(column)) in ("unclear", "both")


def _values(column: "pd.Series[Any]") -> list[str]:
    return [str(value) for value in column if not pd.isna(value)]


def no_numbers(column: "pd.Series[Any]") -> str:
    """Why a column of text is no covariate, and the way out."""
    values = _values(column)
    if endless := _endless(values):
        return (
            f"is not a column of numbers: {endless!r} is infinite; leave such a cell blank, or write what was measured"
        )
    if two_ways(column):
        value = next(value for value in values if any(mark in value for mark in MARKS))
        return f"is not a column of numbers: {value!r} can be read in two ways, say decimal=',' or '.' (--decimal)"
    kinds = listed([repr(value[:20]) for value in dict.fromkeys(values) if value.strip()], 3) or "nothing"
    return f"is not a column of numbers (it holds {kinds}): code what can be counted or ordered as numbers, such as 0 and 1"


def _endless(values: Sequence[str]) -> str:
    """The first that stands for infinity, where all are numbers to Python."""
    try:
        numbers = {value: float(value) for value in values if value not in BLANK}
    except ValueError:
        return ""
    return next((value for value, number in numbers.items() if math.isinf(number)), "")
