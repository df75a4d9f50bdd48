"""Numbers as spreadsheets write them: decimal commas, separators of thousands, blanks."""

import re
from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd

from depthscope.errors import listed

Mark = Literal[".", ","]

MARKS: tuple[Mark, ...] = (".", ",")
# what programs write where there is no number
BLANK = frozenset(("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "#N/A", "#NV"))
_NUMBER = re.compile(r"[+-]?(?:\d[\d.,]*|[.,]\d+)(?:[eE][+-]?\d+)?")
_GROUPED = re.compile(r"(?<=\d)[ \u00a0\u2009\u202f'\u2019](?=\d{3}(?!\d))")


def written(cell: str) -> str:
    """The cell without spaces around it and between thousands, with a hyphen for a minus."""
    return _GROUPED.sub("", cell.strip().replace("\u2212", "-"))


def mark_of(cells: Sequence[str]) -> Mark | Literal["unclear", "both"] | None:
    """Which decimal mark a column uses, as far as its numbers show it.

    Returns
    -------
    "." or ",", ``"both"`` where they contradict each other, ``"unclear"`` where every comma may as well separate thousands
    (``1,234``), None for a column that shows none, or is not all numbers.
    """
    numbers = [written(cell) for cell in cells]
    numbers = [number for number in numbers if number not in BLANK]
    if not numbers or not all(_NUMBER.fullmatch(number) for number in numbers):
        return None
    shown = {mark for number in numbers if (mark := _shown(number)) is not None}
    if len(shown) == 2:
        return "both"
    if shown:
        return shown.pop()
    return "unclear" if any("," in number for number in numbers) else None


def _shown(number: str) -> Mark | None:
    """The decimal mark that one number shows beyond doubt."""
    number = re.split("[eE]", number.lstrip("+-"))[0]
    dots, commas = number.count("."), number.count(",")
    if dots and commas:  # one separates thousands, and the last one does not
        return "." if number.rindex(".") > number.rindex(",") else ","
    if dots > 1:
        return ","
    if commas > 1:
        return "."
    mark: Mark = "." if dots else ","
    whole, _, part = number.partition(mark)
    return mark if dots + commas and not _thousands(whole, part) else None


def _thousands(whole: str, part: str) -> bool:
    """As in 1,234: three digits behind, one to three before, the first of them not 0."""
    return len(part) == 3 and 1 <= len(whole) <= 3 and whole[0] != "0"


def plain(cells: Sequence[str], mark: Mark) -> list[str] | None:
    """The same numbers as Python writes them; None where one of them cannot be read so."""
    other = "," if mark == "." else "."
    found = []
    for cell in cells:
        number = written(cell)
        if number in BLANK:
            found.append(cell)
            continue
        if not re.fullmatch(rf"[+-]?(?:\d+|\d{{1,3}}(?:\{other}\d{{3}})+)?(?:\{mark}\d*)?(?:[eE][+-]?\d+)?", number):
            return None
        found.append(number.replace(other, "").replace(mark, "."))
    return found


def as_written(columns: dict[str, list[str]], decimal: Mark | None = None) -> dict[str, list[str]]:
    """Those columns that hold numbers, but not as Python writes them, rewritten; the others are not in the result.

    A column whose numbers can be read in two ways (``1,234``) follows ``decimal``, else what the other columns show; where
    these show nothing, or where they show decimal commas and it has dots before three digits, it is left as it is: text.
    """
    shown = {name: mark_of(cells) for name, cells in columns.items()}
    elsewhere = {mark for mark in shown.values() if mark in MARKS}
    found = {}
    for name, cells in columns.items():
        mark = shown[name]
        if mark is None and decimal == "," and any("." in cell for cell in cells):
            mark = "unclear"
        if mark == "unclear":
            mark = decimal or (next(iter(elsewhere)) if len(elsewhere) == 1 else "unclear")
        if mark not in MARKS:
            continue
        changed = plain(cells, "," if mark == "," else ".")
        if changed is not None and changed != cells:
            found[name] = changed
    return found


def no_numbers(column: "pd.Series[Any]") -> str:
    """Why a column of text is no covariate, and the way out."""
    values = [str(value) for value in column if not pd.isna(value)]
    if mark_of(values) in ("unclear", "both"):
        value = next(value for value in values if "," in value)
        return f"is not a column of numbers: {value!r} can be read in two ways, say decimal=',' or '.' (--decimal)"
    kinds = listed([repr(value[:20]) for value in dict.fromkeys(values) if value.strip()], 3) or "nothing"
    return f"is not a column of numbers (it holds {kinds}): code what can be counted or ordered as numbers, such as 0 and 1"
