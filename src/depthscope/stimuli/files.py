"""From bytes on disk to an unvalidated DataFrame."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from depthscope.errors import DepthscopeError, check_choice, require
from depthscope.stimuli.columns import ORDER, new_names, renamed
from depthscope.stimuli.delimited import Quotes, read_cells
from depthscope.stimuli.encoding import decoded
from depthscope.stimuli.numbers import BLANK, MARKS, Mark, as_written, finite
from depthscope.store.lines import LONGEST, json_row, too_long

LABELS = ("item", "condition", "pair", "text", "target")
# what separates cells as a rule, by the end of the name; the header decides
DELIMITED = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t"}
LINES = (".jsonl", ".ndjson")
SUFFIXES = (*DELIMITED, *LINES, ".parquet")
WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers")
# a zip archive, and the older files of Microsoft Office: workbooks, whatever the name says
_MAGIC = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


@dataclass(frozen=True)
class Layout:
    """How a file is to be read, where that is not left to the file itself.

    Attributes
    ----------
    columns : mapping
        Our names to names in the file: ``{"text": "Sentence"}``.
    encoding, decimal, quotes : str, optional
        Of a file of text: its encoding; ``","`` for decimal commas; ``"csv"`` or ``"text"``, see :func:`read_cells`.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None
    decimal: Mark | None = None
    quotes: Quotes | None = None

    def __post_init__(self) -> None:
        check_choice("decimal", self.decimal, (*MARKS, None))
        check_choice("quotes", self.quotes, (*get_args(Quotes), None))

    @property
    def of_cells(self) -> dict[str, str]:
        """What is stated about a file of text, and means nothing elsewhere."""
        told = {"encoding": self.encoding, "decimal": self.decimal, "quotes": self.quotes}
        return {name: value for name, value in told.items() if value is not None}


def read_table(path: Path, layout: Layout | None = None) -> pd.DataFrame:
    """Read csv, tsv, jsonl or parquet, with any line ends; text is UTF-8 unless it says otherwise."""
    layout = layout or Layout()
    suffix = path.suffix.lower()
    if suffix in WORKBOOKS or _is_workbook(path):
        raise DepthscopeError(
            f"{path}: is a workbook of a spreadsheet, not a table of text: save its sheet as CSV UTF-8"
        )
    if suffix not in SUFFIXES:
        raise DepthscopeError(f"{path}: unknown kind of file {suffix!r}; use one of {', '.join(SUFFIXES)}")
    if suffix == ".parquet":
        check_idle(layout, path)
        require("pyarrow", "parquet")
        try:
            return renamed(pd.read_parquet(path), layout.columns, str(path))
        except (OSError, ValueError) as problem:
            raise DepthscopeError(f"{path}: not readable as Parquet ({problem})") from None
    text = read_text(path, encoding=layout.encoding)
    if not text.strip():
        raise DepthscopeError(f"{path}: the file is empty")
    if suffix in LINES:
        check_idle(replace(layout, encoding=None), path)
        return renamed(pd.DataFrame(read_json_lines(path, text)), layout.columns, str(path))
    known = {*ORDER, *layout.columns.values()}
    header, rows, separator = read_cells(text, str(path), DELIMITED[suffix], known, layout.quotes)
    names = new_names(header, layout.columns, str(path))
    return _typed(names, [row.cells for row in rows], layout.decimal, separator, path)


def _is_workbook(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4).startswith(_MAGIC)
    except OSError:  # reported where it is read
        return False


def check_idle(layout: Layout, source: object) -> None:
    """Refuse what is stated about a file of text where there is none."""
    for name, value in layout.of_cells.items():
        raise DepthscopeError(f"{name}={value!r}: {source} is no file of text with cells; leave it out")


def _typed(header: list[str], rows: list[list[str]], decimal: Mark | None, separator: str, path: Path) -> pd.DataFrame:
    """Labels and texts stay as they are; of the other columns, pandas says which are numbers."""
    columns = dict(zip(header, map(list, zip(*rows, strict=True)), strict=True)) if rows else {}
    others = {name: cells for name, cells in columns.items() if name and name not in LABELS}
    changed = as_written(others, decimal, separator)
    texts = {*LABELS, *(name for name, cells in changed.items() if cells is None)}
    places = {i: cells for i, name in enumerate(header) if (cells := changed.get(name)) is not None}
    plain = io.StringIO()
    write = csv.writer(plain, lineterminator="\n", quoting=csv.QUOTE_ALL)
    write.writerow(header)
    write.writerows([places[i][n] if i in places else cell for i, cell in enumerate(row)] for n, row in enumerate(rows))
    plain.seek(0)
    try:
        # blank cells stay blank: an item called "NA" or "null" is an item
        table = pd.read_csv(
            plain,
            keep_default_na=False,
            na_values={"start": [""], "end": [""], "occurrence": [""]},
            dtype=dict.fromkeys(texts, str),
            index_col=False,
        )
    except ValueError as problem:
        raise DepthscopeError(f"{path}: not readable as csv ({str(problem).strip()})") from None
    for name in others:
        table[name] = table[name] if name in texts else _numbers(table[name], others[name])
    return table


def _numbers(column: "pd.Series[Any]", cells: list[str]) -> "pd.Series[Any]":
    """A column of numbers with blanks, which blanks alone made text; one with infinite numbers as it was written."""
    numbers = column
    if not pd.api.types.is_numeric_dtype(column):
        blank = column.str.strip().isin(BLANK)
        numbers = pd.to_numeric(column.mask(blank), errors="coerce")
        if bool(blank.all()) or not bool((numbers.notna() | blank).all()):
            return column
    return numbers if finite(numbers) else pd.Series(cells, column.index)


def read_text(path: Path, fallback: str | None = None, encoding: str | None = None) -> str:
    """The file as text without a byte-order mark, see :func:`decoded`; ``fallback``: for what is known not to be UTF-8."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise DepthscopeError(f"{path}: cannot be read ({problem.strerror})") from None
    try:
        return decoded(data, path, encoding)
    except DepthscopeError:
        if fallback is None:
            raise
        return data.decode(fallback)


def read_json_lines(path: Path, text: str) -> list[dict[str, object]]:
    # not splitlines(): JSON allows a bare U+2028 or U+0085 inside a text
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    for number, line in lines:
        if 4 * len(line) > LONGEST and len(line.encode(errors="surrogatepass")) > LONGEST:
            raise too_long(path, number, "a row of a table is a text of a few sentences: cut it")
    return [json_row(path, number, line) for number, line in lines]
