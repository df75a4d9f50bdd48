"""Tables of a run folder, as a reader wants them: numbers with their intervals, sorted by what they mean."""

import base64
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isinf, isnan
from typing import Any

import pandas as pd

from depthscope.report.page.content import Cell, Download, Table
from depthscope.words import p_text


@dataclass(frozen=True)
class Column:
    """A column of the page: ``form`` is written with the fields of a row, and sorted by the first of them.

    A cell is empty where that field is missing; ``{p:p}`` writes a p.
    """

    head: str
    form: str


def tabulate(key: str, caption: str, frame: pd.DataFrame, columns: Sequence[Column]) -> Table | None:
    """Show those ``columns`` whose fields the frame has; None if nothing is left to show."""
    known = [column for column in columns if set(_fields(column.form)) <= set(frame.columns)]
    if frame.empty or not known:
        return None
    records = frame.to_dict("records")
    every = [[_cell(column, {str(k): v for k, v in row.items()}) for column in known] for row in records]
    told = [i for i in range(len(known)) if any(row[i].text for row in every)]
    known, rows = [known[i] for i in told], [[row[i] for i in told] for row in every]
    numeric = [i for i in range(len(known)) if all(not isinstance(row[i].sort, str) for row in rows)]
    return Table(key, caption, [column.head for column in known], rows, frozenset(numeric))


def csv_download(name: str, text: str) -> Download:
    """A CSV file inside the page."""
    return Download(name, f"data:text/csv;charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}")


def _fields(form: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(form) if name]


def _cell(column: Column, row: Mapping[str, Any]) -> Cell:
    first = row[_fields(column.form)[0]]
    if _missing(first):
        return Cell("", None)
    text = _FORMATTER.vformat(column.form, (), row)
    return Cell(text, str(first) if isinstance(first, str) else float(first))


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and isnan(value)) or value == ""


class _Formatter(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> Any:
        if format_spec == "p":
            return p_text(float(value))
        if _missing(value):
            return "?"
        if isinstance(value, float) and isinf(value):  # the end of an interval that has none
            return "open"
        # a column of whole numbers with gaps comes back as floats
        whole = format_spec == "" and isinstance(value, float) and value.is_integer()
        return str(int(value)) if whole else super().format_field(value, format_spec)


_FORMATTER = _Formatter()
