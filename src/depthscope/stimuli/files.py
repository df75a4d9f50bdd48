"""From bytes on disk to an unvalidated DataFrame."""

import io
from pathlib import Path

import pandas as pd

from depthscope.errors import DepthscopeError, require
from depthscope.store.lines import json_row, not_utf8

LABELS = ("item", "condition", "pair", "text", "target")
SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


def read_table(path: Path) -> pd.DataFrame:
    """Read csv, tsv, jsonl or parquet; UTF-8, with or without a byte-order mark, any line ends."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DepthscopeError(f"{path}: unknown kind of file {suffix!r}; use one of {', '.join(SUFFIXES)}")
    if suffix == ".parquet":
        require("pyarrow", "parquet")
        try:
            return pd.read_parquet(path)
        except (OSError, ValueError) as problem:
            raise DepthscopeError(f"{path}: not readable as Parquet ({problem})") from None
    text = read_text(path)
    if not text.strip():
        raise DepthscopeError(f"{path}: the file is empty")
    if suffix in (".jsonl", ".ndjson"):
        return pd.DataFrame(read_json_lines(path, text))
    try:
        # blank cells stay blank: an item called "NA" or "null" is an item
        table = pd.read_csv(
            io.StringIO(text),
            sep="\t" if suffix == ".tsv" else ",",
            keep_default_na=False,
            na_values={"start": [""], "end": [""], "occurrence": [""]},
            dtype=dict.fromkeys(LABELS, str),
        )
    except ValueError as problem:
        raise DepthscopeError(f"{path}: not readable as {suffix[1:]} ({str(problem).strip()})") from None
    if not isinstance(table.index, pd.RangeIndex):
        # pandas takes surplus cells for row names, and every column moves one to the left
        raise DepthscopeError(
            f"{path}: rows have more cells than the header has columns; put a text that holds the separator in "
            "quotation marks, and name every column"
        )
    return table.apply(_numbers)


def _numbers(column: pd.Series) -> pd.Series:
    """A column of numbers with blanks, which blanks alone made text; labels and texts were read as such and stay."""
    if column.name in LABELS or pd.api.types.is_numeric_dtype(column):
        return column
    blank = column.isin(("", "NA", "NaN", "nan"))
    numbers = pd.to_numeric(column.mask(blank), errors="coerce")
    return numbers if bool((numbers.notna() | blank).all()) and not bool(blank.all()) else column


def read_text(path: Path, fallback: str | None = None) -> str:
    """The file as UTF-8 text without a byte-order mark; in the encoding ``fallback``, if it is known not to be UTF-8."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise DepthscopeError(f"{path}: cannot be read ({problem.strerror})") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        if fallback is not None:
            return data.decode(fallback)
        raise not_utf8(path, problem.start, data[: problem.start].count(b"\n") + 1) from None


def read_json_lines(path: Path, text: str) -> list[dict[str, object]]:
    # not splitlines(): JSON allows a bare U+2028 or U+0085 inside a text
    return [json_row(path, number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
