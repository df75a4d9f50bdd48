"""Tables as CSV: no cell of text is taken for a formula by a spreadsheet, and all of it reads back as it was."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from depthscope.store.files import write_text

# what a spreadsheet computes, after as many apostrophes as there may be: one more makes it text, one less gives it back
FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
ESCAPED = re.compile(r"'+[=+\-@\t\r＝＋－＠]")


def csv_text(table: pd.DataFrame, *, index: bool = False, float_format: str | None = None) -> str:
    """A table as CSV, UTF-8 to be.

    Text that begins with ``=``, ``+``, ``-``, ``@``, a tabulator or a carriage return gets an apostrophe before it, in cells
    and in names of columns, unless it is a number as it is. Numbers are written as they are. :func:`read_csv` takes the
    apostrophes away again.
    """
    whole = table.reset_index() if index else table
    columns = [_mapped(whole.iloc[:, place], _escaped) for place in range(whole.shape[1])]
    safe = pd.concat(columns, axis=1) if columns else whole
    # a carriage return by itself ends a line for whoever reads it, and is quoted by nobody who is not told to
    returns = any(_returns(safe.iloc[:, place]) for place in range(safe.shape[1]))
    text: str = safe.set_axis([_escaped(name) for name in whole.columns], axis=1).to_csv(
        index=False, float_format=float_format, quoting=csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL
    )
    return text


def _returns(column: Any) -> bool:
    return column.dtype.kind not in "biufcmM" and any(isinstance(cell, str) and "\r" in cell for cell in column)


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write :func:`csv_text`, whole or not at all."""
    write_text(path, csv_text(table))


def read_csv(path: Path, **options: Any) -> pd.DataFrame:
    """What :func:`write_csv` wrote; ``options`` are those of :func:`pandas.read_csv`."""
    table: pd.DataFrame = pd.read_csv(path, **options)
    for name in table.columns:
        table[name] = _mapped(table[name], _plain)
    return table.rename(columns=_plain)


def _mapped(column: Any, change: Callable[[Any], Any]) -> Any:
    """Columns of numbers stay what they are."""
    return column if column.dtype.kind in "biufcmM" else column.astype(object).map(change)


def _escaped(cell: Any) -> Any:
    if not isinstance(cell, str) or not FORMULA.match(cell):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def _plain(cell: Any) -> Any:
    return cell[1:] if isinstance(cell, str) and ESCAPED.match(cell) else cell
