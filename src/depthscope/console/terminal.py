"""Answers in a terminal, through rich: tables that fit it, one colour."""

from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from depthscope.telling import Sheet, Told, clean

# how lines begin that are set off a little, up to the colon; what follows is as it was
MARKED = ("note:", "run folder:", "written:")
# these end in a path, which is to be copied: the terminal may break it, we do not
PATHS = ("run folder:", "written:")
GAP = 2  # columns of the terminal between two of a table
LONGEST, SHORT = 24, 12  # longer words may be broken where there is no room; these of the last column
ACCENT = "cyan"  # the only colour, so that no two have to be distinguished


def show_richly(told: Told) -> None:
    """Print; names are never markup."""
    console = Console(highlight=False, markup=False, emoji=False)
    for one in told:
        if isinstance(one, Sheet):
            _show_sheet(console, one)
        else:
            _show_line(console, clean(one))


def _show_line(console: Console, line: str) -> None:
    text = Text(line)
    for mark in MARKED:
        if line.startswith(mark):
            text.stylize(ACCENT, 0, len(mark))
    console.print(text, soft_wrap=line.startswith(PATHS))


def _show_sheet(console: Console, sheet: Sheet) -> None:
    if sheet.title:
        console.print(Text(clean(sheet.title), style="bold"))
    widths = _widths(sheet, console.width)
    if widths is None:
        _show_stacked(console, sheet)
        return
    table = Table(
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        header_style="bold",
        border_style="dim",
    )
    for name, number, width in zip(sheet.columns, sheet.numeric, widths, strict=True):
        side: Literal["left", "right"] = "right" if number else "left"
        table.add_column(Text(clean(name)), justify=side, overflow="fold", width=width)
    for row in sheet.rows:
        if len(row) == 1:
            table.add_row(Text(clean(row[0]), style=ACCENT))
        else:
            table.add_row(*(Text(clean(cell)) for cell in row))
    console.print(table)


def _show_stacked(console: Console, sheet: Sheet) -> None:
    """Where a table has no room, each row is lines below its first cell."""
    for row in sheet.rows:
        console.print(Text(clean(row[0]), style=ACCENT if len(row) == 1 else "bold"))
        for name, cell in zip(sheet.columns[1:], row[1:], strict=False):
            if cell:
                console.print(Padding(Text(f"{clean(name)}: {clean(cell)}" if name else clean(cell)), (0, 0, 0, 2)))


def _widths(sheet: Sheet, room: int) -> list[int] | None:
    """Of each column, such that few words are broken; None if there is no room for that."""
    columns = [[clean(cell) for cell in column] for column in zip(sheet.columns, *sheet.full, strict=True)]
    whole = [max(map(cell_len, column)) for column in columns]
    whole[0] = max([whole[0], *(cell_len(clean(row[0])) for row in sheet.rows)])  # headings stand there too
    # at which no word is broken, except very long ones
    words = [max((cell_len(word) for cell in column for word in cell.split()), default=0) for column in columns]
    for last in (LONGEST, SHORT):
        widths = [*(min(LONGEST, width) for width in words[:-1]), min(last, words[-1])]
        spare = room - sum(widths) - GAP * (len(widths) - 1)
        if spare >= 0:
            # those that need little get it first
            for i in sorted(range(len(widths)), key=lambda i: whole[i] - widths[i]):
                more = min(spare, whole[i] - widths[i])
                widths[i], spare = widths[i] + more, spare - more
            return widths
    return None
