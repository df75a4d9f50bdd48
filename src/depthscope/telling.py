"""What is told in a terminal: sentences and tables, before anybody knows how they will be shown."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# control characters, line ends of every kind, and what turns the direction of all that follows on the line
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
NUMBER = re.compile(r"([-+]?[\d.,]+( ?(MB|s|%))?|nan)?")


@dataclass(frozen=True)
class Sheet:
    """A table.

    Attributes
    ----------
    columns : sequence of str
        Two or more names.
    rows : sequence of sequences of str
        A cell for each column; or one cell alone, which is a heading for the rows below it.
    title : str
        A line above the table; may be empty.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""

    @property
    def full(self) -> list[Sequence[str]]:
        """The rows that are no headings."""
        return [row for row in self.rows if len(row) > 1]

    @property
    def numeric(self) -> list[bool]:
        """Of each column, whether it holds numbers alone."""
        columns = [[row[i] for row in self.full] for i in range(len(self.columns))]
        return [any(cells) and all(NUMBER.fullmatch(cell) for cell in cells) for cells in columns]


Told = Sequence[str | Sheet]


def clean(text: str) -> str:
    """On one line, and without what a terminal would obey: a name may hold anything."""
    return CONTROL.sub(" ", text)


def plain(told: Told) -> str:
    """As text, each row on a line of its own however long, columns two spaces apart or more."""
    return "\n".join(line for one in told for line in (_lines(one) if isinstance(one, Sheet) else [clean(one)]))


def _lines(sheet: Sheet) -> list[str]:
    table = [[clean(cell) for cell in row] for row in (sheet.columns, *sheet.full)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    indent = "  " if len(sheet.full) < len(sheet.rows) else ""

    def line(row: Sequence[str]) -> str:
        if len(row) == 1:
            return clean(row[0])
        cells = [
            clean(cell).rjust(width) if number else clean(cell).ljust(width)
            for cell, width, number in zip(row, widths, sheet.numeric, strict=True)
        ]
        return f"{indent}{'  '.join(cells)}".rstrip()

    title = [clean(sheet.title)] if sheet.title else []
    return [*title, *map(line, (sheet.columns, *sheet.rows))]
