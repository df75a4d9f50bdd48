"""What is shown of a table of a run folder: written once, for the page, for ``summary.md`` and for a terminal."""

import base64
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import groupby
from math import isinf, isnan, nan
from typing import Any

import pandas as pd

from depthscope.telling import Sheet
from depthscope.words import effect_text, p_text, range_text, size_text


@dataclass(frozen=True)
class Download:
    """A file that travels inside the page: its ``name``, and its content as a ``data:`` address.

    Without an address it is too large, and lies beside the page.
    """

    name: str
    href: str = ""


@dataclass(frozen=True)
class Cell:
    """One cell: what is read, and what it is sorted by."""

    text: str
    sort: float | str | None = None


@dataclass(frozen=True)
class Table:
    """A table that can be sorted. ``numeric`` columns are set flush right; more than ``MANY`` rows can be searched.

    ``folded``: it opens when it is asked for. ``grouped``: the first column names the group of a row. ``narrow``: the columns
    that a terminal shows, the others being too many for it.
    """

    key: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numeric: frozenset[int] = frozenset()
    downloads: Sequence[Download] = ()
    folded: bool = False
    grouped: bool = False
    narrow: frozenset[int] = frozenset()

    MANY = 12

    @property
    def searchable(self) -> bool:
        return len(self.rows) > self.MANY

    def markdown(self) -> str:
        """As Markdown; of each group the first row alone names it."""
        lines = [f"| {' | '.join(map(cell_text, self.columns))} |", "|---" * len(self.columns) + "|"]
        before = None
        for row in self.rows:
            cells = [one.text for one in row]
            if self.grouped:
                before, cells[0] = cells[0], "" if cells[0] == before else cells[0]
            lines.append(f"| {' | '.join(map(cell_text, cells))} |")
        return "\n".join(lines)

    def sheet(self, title: str | None = None) -> Sheet:
        """For a terminal, under its caption or another ``title``; groups are headings of their rows."""
        shown = [i for i in range(len(self.columns)) if i in self.narrow]
        title = self.caption if title is None else title
        if not self.grouped:
            return Sheet([self.columns[i] for i in shown], [[row[i].text for i in shown] for row in self.rows], title)
        shown = [i for i in shown if i]
        return Sheet([self.columns[i] for i in shown], list(self._by_group(shown)), title)

    def _by_group(self, shown: Sequence[int]) -> Iterator[Sequence[str]]:
        for group, rows in groupby(self.rows, lambda row: row[0].text):
            yield (group,)
            yield from ([row[i].text for i in shown] for row in rows)


def cell_text(text: object) -> str:
    """Text for a cell of a Markdown table, which a vertical bar or the end of the line would close."""
    return " ".join(str(text).split()).replace("|", "\\|")


@dataclass(frozen=True)
class Column:
    """A column that is shown: ``form`` is written with the fields of a row, and sorted by the first of them.

    A cell is empty where that field is missing; ``{p:p}`` writes a p, ``{count:size}`` a number of bytes, ``{first:to last}`` a
    range of two fields, ``{dz:effect low high}`` an effect with its interval.
    ``narrow``: a terminal shows it too.
    """

    head: str
    form: str
    narrow: bool = True


@dataclass(frozen=True)
class TableForm:
    """Which columns of a CSV file are shown, and how.

    Attributes
    ----------
    file : str
        In the run folder, e.g. ``clusters.csv``.
    caption : str
    columns : sequence of Column
        Those whose fields the table lacks, or has no value of, are left out.
    groups : tuple of str
        Patterns of the rows that are shown, if rows have a ``group``.
    folded : bool
        It opens on the page when it is asked for.
    grouped : bool
        The first column names the group of a row.
    """

    file: str
    caption: str
    columns: Sequence[Column]
    groups: tuple[str, ...] = ("*",)
    folded: bool = False
    grouped: bool = False

    def of(self, frame: pd.DataFrame, key: str = "") -> Table | None:
        """The table that shows a frame; None if there is nothing to show. ``key`` is unique on a page."""
        if "group" in frame:
            frame = frame[[any(fnmatchcase(str(group), one) for one in self.groups) for group in frame["group"]]]
        found = tabulate(key or self.file, self.caption, frame, self.columns)
        return found and replace(found, folded=self.folded, grouped=self.grouped)

    def sheets(self, frame: pd.DataFrame, title: str | None = None) -> list[Sheet]:
        """The same for a terminal: one sheet, or none if there is nothing to show."""
        found = self.of(frame)
        return [] if found is None else [found.sheet(title)]


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
    narrow = frozenset(i for i, column in enumerate(known) if column.narrow)
    return Table(key, caption, [column.head for column in known], rows, frozenset(numeric), narrow=narrow)


def csv_download(name: str, text: str) -> Download:
    """A CSV file inside the page."""
    return Download(name, f"data:text/csv;charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}")


# what follows a field that is the start of a range: the name of the field that is its end
TO = "to "
# what follows a field that is an effect: the names of the fields that are the ends of its interval
EFFECT = "effect "


def _fields(form: str) -> list[str]:
    parts = [(name, spec or "") for _, name, spec, _ in string.Formatter().parse(form) if name]
    return [one for name, spec in parts for one in (name, *_named(spec))]


def _named(spec: str) -> list[str]:
    """Other fields that a specification names."""
    return spec.split()[1:] if spec.startswith((TO, EFFECT)) else []


def _cell(column: Column, row: Mapping[str, Any]) -> Cell:
    first = row[_fields(column.form)[0]]
    if _missing(first):
        return Cell("", None)
    text = _Formatter(row).vformat(column.form, (), row)
    return Cell(text, str(first) if isinstance(first, str) else float(first))


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and isnan(value)) or value == ""


class _Formatter(string.Formatter):
    def __init__(self, row: Mapping[str, Any]) -> None:
        self.row = row

    def _numbers(self, spec: str) -> list[float]:
        return [nan if _missing(self.row[name]) else float(self.row[name]) for name in _named(spec)]

    def format_field(self, value: Any, format_spec: str) -> Any:
        if format_spec == "p":
            return p_text(float(value))
        if format_spec.startswith(TO):
            return range_text(float(value), *self._numbers(format_spec))
        if format_spec.startswith(EFFECT):
            return effect_text(float(value), *self._numbers(format_spec))
        if _missing(value):
            return "?"
        if isinstance(value, float) and isinf(value):  # the end of an interval that has none
            return "open"
        if format_spec == "size":
            return size_text(float(value))
        # a column of whole numbers with gaps comes back as floats
        whole = format_spec == "" and isinstance(value, float) and value.is_integer()
        return str(int(value)) if whole else super().format_field(value, format_spec)
