"""``codebook.csv``: what stands in every column of every table of a run folder, said at one place."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from depthscope.report.codebook.meaning import COUNT, Meaning
from depthscope.store.tables import write_csv

NAME = "codebook.csv"
Tables = Mapping[str, Mapping[str, Meaning]]
# the table whose other columns are those of the stimuli
OPEN = "texts.csv"
OWN_LINES = {
    "file": Meaning("table of the run folder"),
    "column": Meaning("its column"),
    "meaning": Meaning("what stands in it"),
    "unit": Meaning("its unit; empty: none, or words"),
    "range": Meaning("values that are possible"),
    "observed": Meaning("values that occur: smallest to largest, or how many different ones"),
    "missing": Meaning("empty cells", "cells", COUNT),
}
GIVEN = Meaning("a column of the stimuli", "as given", "as given")
UNTOLD = Meaning("")  # a test sees to it that there is none


def codebook(tables: Mapping[str, pd.DataFrame], known: Tables) -> pd.DataFrame:
    """One row per file and column: its meaning, unit and possible range, what occurs in it, and how many cells are empty.

    ``known``: the lines of the study, by file and column (``codebook.TABLES`` of its folder). Columns that the stimuli
    brought, in ``texts.csv``, are named as such. Its own columns stand at its end.
    """
    return pd.DataFrame([*_rows(tables, known), *_self()], columns=list(OWN_LINES))


def write_tables(folder: Path, tables: Mapping[str, pd.DataFrame], known: Tables) -> None:
    """Write all tables of a run by the names of their files, and the codebook that explains them."""
    for name, frame in {**tables, NAME: codebook(tables, known)}.items():
        write_csv(folder / name, frame)


def _rows(tables: Mapping[str, pd.DataFrame], known: Tables) -> Iterator[dict[str, object]]:
    for file, frame in tables.items():
        for column in map(str, frame.columns):
            said = known[file].get(column, GIVEN if file == OPEN else UNTOLD)
            values = frame[column]
            yield {
                **{"file": file, "column": column, **vars(said)},
                **{"observed": _observed(values), "missing": int(_missing(values).sum())},
            }


def _self() -> Iterator[dict[str, object]]:
    for column, said in OWN_LINES.items():
        yield {"file": NAME, "column": column, **vars(said), "observed": "", "missing": ""}


def _missing(values: "pd.Series[Any]") -> "pd.Series[bool]":
    return values.isna() | (values.astype(object) == "")


def _observed(values: "pd.Series[Any]") -> str:
    there = values[~_missing(values)]
    if there.empty:
        return ""
    if pd.api.types.is_numeric_dtype(there) and not pd.api.types.is_bool_dtype(there):
        low, high = there.min(), there.max()
        return f"{low:.6g} to {high:.6g}"
    different = list(dict.fromkeys(map(str, there)))
    return (
        ", ".join(different)
        if len(different) <= 6 and sum(map(len, different)) <= 80
        else f"{len(different)} different"
    )
