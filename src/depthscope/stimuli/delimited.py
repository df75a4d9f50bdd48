"""Cells of a csv or tsv file, whatever separates them, and what is wrong with its quotation marks, by line."""

import csv
import io
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from depthscope.errors import DepthscopeError, listed

Quotes = Literal["csv", "text"]
Cells = list[str]

SEPARATORS = (",", ";", "\t", "|")
_SEP_LINE = re.compile(r'"?sep=(.)"?[ \t]*(?:\r\n|\n|\r)', re.IGNORECASE)
_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Row:
    """One record: the line on which it begins, counted from 1, its cells, and how many lines it takes."""

    line: int
    cells: Cells
    lines: int = 1


class BrokenQuotesError(Exception):
    """A quotation mark that is not paired: the line on which it opens, and what happens to it."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line, self.what = line, what


def read_cells(
    text: str, name: str, usual: str, known: Collection[str], quotes: Quotes | None = None
) -> tuple[Cells, list[Row], str]:
    """Header and rows of a delimited text, and what separates the cells; blank rows are passed over.

    The separator is the one that finds most of the ``known`` names in the header, then most cells; of equals the ``usual`` one.
    (csv.Sniffer looks at frequencies of characters, and texts are full of commas.) A first line ``sep=;`` decides.

    Quotation marks around a cell are not part of it, as in every csv file (RFC 4180). Where tabs separate, programs differ:
    if what is there can only be read with the marks as part of the text, they are; if both are possible, it is asked.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    quotes : {"csv", "text"}, optional
        Read the marks in this way.

    Raises
    ------
    DepthscopeError
        An unpaired quotation mark, with its line; rows with more cells than the header; columns of one name.
    """
    first = 1
    if told := _SEP_LINE.match(text):
        text, first = text[told.end() :], 2
    separator = told[1] if told else _separator(text, usual, known)
    _check_no_spaces(text, separator, known, name)
    rows = [row for row in _rows(text, separator, name, first, quotes) if any(cell.strip() for cell in row.cells)]
    if not rows:
        raise DepthscopeError(f"{name}: the file is empty")
    header = [cell.strip().strip("\ufeff") for cell in rows[0].cells]
    while header and not header[-1] and not any("".join(row.cells[len(header) - 1 :]).strip() for row in rows[1:]):
        header.pop()  # spreadsheets save the columns that were once used
    repeated = [cell for i, cell in enumerate(header) if cell and cell in header[:i]]
    if repeated:
        raise DepthscopeError(f"{name}: column {repeated[0]!r} occurs twice")
    return header, _fitted(rows[1:], len(header), name), separator


def _check_no_spaces(text: str, separator: str, known: Collection[str], name: str) -> None:
    """R separates cells by spaces unless asked otherwise; texts hold spaces, and no guess is safe."""
    header = _END.split(text.lstrip(), maxsplit=1)[0]
    parts = [part.strip("\"'") for part in header.split()]
    if separator not in header and len({*known} & {*parts}) > 1:
        raise DepthscopeError(
            f"{name}: spaces separate the columns of the header: separate them by commas, semicolons or tabs (in R: "
            "write.csv(row.names=FALSE))"
        )


def _fitted(rows: list[Row], width: int, name: str) -> list[Row]:
    wide = [row for row in rows if any(cell.strip() for cell in row.cells[width:])]
    if wide:
        named = len({row.cells[0] for row in rows}) == len(rows) > 1  # names of rows are never the same
        if named and all(len(row.cells) == width + 1 for row in rows):
            raise DepthscopeError(
                f"{name}: not readable as csv: all lines have more cells than the header has columns ({width}), by one: "
                "names of rows, if R wrote it (write.table(row.names=FALSE)); else put a text that holds the separator in "
                "quotation marks, and name every column"
            )
        lines = f"line {wide[0].line} has" if len(wide) == 1 else f"lines {listed(row.line for row in wide)} have"
        raise DepthscopeError(
            f"{name}: not readable as csv: {lines} more cells than the header has columns ({width}); put a text that "
            "holds the separator in quotation marks, and name every column"
        )
    return [Row(row.line, [*row.cells, *[""] * width][:width], row.lines) for row in rows]


def _separator(text: str, usual: str, known: Collection[str]) -> str:
    names = {name.casefold() for name in known}
    head = next(iter(_END.split(text.lstrip("\r\n"), maxsplit=1)), "")

    def found(separator: str) -> tuple[int, int, bool]:
        cells = next(csv.reader([head], delimiter=separator), [])
        fitting = sum(cell.strip().casefold() in names for cell in cells)
        return fitting, len(cells), separator == usual

    return max(SEPARATORS, key=found)


def _rows(text: str, separator: str, name: str, first: int, quotes: Quotes | None) -> list[Row]:
    plain = [Row(i, line.split(separator)) for i, line in enumerate(_END.split(text), first) if line.strip()]
    if quotes == "text" or '"' not in text:
        return plain
    even = len({len(row.cells) for row in plain}) == 1
    try:
        rows = _quoted(text, separator, first)
    except BrokenQuotesError as broken:
        if separator == "\t" and quotes is None and even and not any(_wrapped(c) for row in plain for c in row.cells):
            return plain
        raise DepthscopeError(
            f"{name}: line {broken.line}: {broken.what}; write a quotation mark inside a cell twice and the cell in quotation "
            "marks, or, if marks are part of the texts, say quotes='text' (--quotes text)"
        ) from None
    if separator == "\t" and quotes is None and even:
        doubtful = _doubtful(plain)
        if doubtful is not None:
            raise DepthscopeError(
                f"{name}: line {doubtful}: a cell stands in quotation marks, where other programs than spreadsheets write "
                "marks that are part of the text: say quotes='text' (--quotes text) if they are, else quotes='csv'"
            )
    return rows


def _quoted(text: str, separator: str, first: int) -> list[Row]:
    """The records of RFC 4180, no mark out of place.

    Raises
    ------
    BrokenQuotesError
    """
    rows: list[Row] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    with _any_length():
        while True:
            line = reader.line_num
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as problem:
                opening = first + _opening(text, line, separator)
                what = "a quotation mark opens a cell there and is never closed"
                if "unexpected end" not in str(problem):
                    closing = first + reader.line_num - 1
                    where = "" if closing == opening else f" on line {closing}"
                    what = (
                        f"a quotation mark opens a cell there, and is followed by another{where} before the cell ends"
                    )
                raise BrokenQuotesError(opening, what) from None
            rows.append(Row(first + line, cells, reader.line_num - line))
    _check_swallowed(rows, text, separator, first)
    return rows


@contextmanager
def _any_length() -> Iterator[None]:
    """Within it, the csv module reads cells of any length."""
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _opening(text: str, line: int, separator: str) -> int:
    """The line, from 0, on which the first cell opens that cannot be read, from ``line`` on."""
    ends = [0, *(end.end() for end in _END.finditer(text))]
    s = re.escape(separator)
    cell = re.compile(rf'(?:"[^"]*(?:""[^"]*)*"|[^"{s}\r\n][^{s}\r\n]*)?(?:{s}|\r\n|\n|\r)')
    at = ends[min(line, len(ends) - 1)]
    while (whole := cell.match(text, at)) is not None:
        at = whole.end()
    return sum(end <= at for end in ends) - 1


def _check_swallowed(rows: list[Row], text: str, separator: str, first: int) -> None:
    """Two unpaired marks make a pair, and what is between them becomes one cell: rows of the table, to all appearance."""
    if not any(row.lines > 1 for row in rows):
        return
    header = [cell.strip().casefold() for cell in rows[0].cells]
    width, lines = len(header), _END.split(text)
    columns = [header.index(name) for name in ("item", "condition") if name in header]
    labels = {i: {row.cells[i].strip() for row in rows[1:] if len(row.cells) > i} - {""} for i in columns}
    for row in rows:
        for line in range(row.line + 1, row.line + row.lines):
            cells = [cell.strip().strip('"') for cell in lines[line - first].split(separator)]
            # separators in a text move what follows it: such columns are counted from the end
            if len(cells) >= width and any({cells[i], cells[i - width]} & labels[i] for i in columns):
                raise BrokenQuotesError(
                    row.line, f"a quotation mark opens a cell there that goes on over line {line}, a row"
                )


def _wrapped(cell: str) -> bool:
    return len(cell) > 1 and cell[0] == cell[-1] == '"'


def _doubtful(rows: list[Row]) -> int | None:
    """The line of a cell in quotation marks that nothing shows to be those of a spreadsheet; None if there is none.

    Programs put all cells of a column in marks, or those alone that need it: that hold marks, which are then doubled.
    """
    for cells in zip(*(row.cells for row in rows[1:]), strict=True):
        marked = [_wrapped(cell) for cell in cells]
        if all(marked[i] for i, cell in enumerate(cells) if cell.strip()):
            continue
        for row, cell, mark in zip(rows[1:], cells, marked, strict=True):
            if mark and '""' not in cell[1:-1]:
                return row.line
    return None
