"""The codebook says what every column holds; a test of a whole run says that none is missing (``test_evidence_command.py``)."""

from importlib.util import find_spec

import numpy as np
import pandas as pd

from depthscope.report.codebook import GIVEN, OPEN, OWN_LINES, codebook
from depthscope.store.tables import read_csv, write_csv
from depthscope.studies.contrast.codebook import TABLES
from depthscope.studies.registry import WINGS, wing

TEXTS = pd.DataFrame(
    {
        "item": [f"i{k}" for k in range(9)],
        "condition": ["a", "b", "a"] * 3,
        "cse": [0.95, np.nan, *[0.97] * 7],
        "in_contrast": [True] * 8 + [False],
        "arousal": [*range(8), np.nan],
        "frame": ["it is a _", ""] * 4 + ["a _"],
    }
)


def every_study():
    """The lines of each study that writes tables."""
    for study, folder in WINGS.items():
        if find_spec(f"{folder}.codebook"):
            yield wing(study, "codebook").TABLES


def test_every_column_is_told_with_its_values_and_gaps():
    book = codebook({OPEN: TEXTS}, TABLES).set_index(["file", "column"])
    told = book.loc[OPEN]
    assert list(told.index) == list(TEXTS)
    assert list(told["observed"]) == ["9 different", "a, b", "0.95 to 0.97", "True, False", "0 to 7", "it is a _, a _"]
    assert list(told["missing"]) == [0, 0, 1, 0, 1, 4]
    assert told.loc["cse", "meaning"] == TABLES[OPEN]["cse"].meaning
    assert list(told.loc[["arousal", "frame"], "meaning"]) == [GIVEN.meaning] * 2
    assert list(book.loc["codebook.csv"].index) == list(OWN_LINES)


def test_every_meaning_is_short():
    for file, columns in ((file, columns) for tables in every_study() for file, columns in tables.items()):
        for column, said in columns.items():
            assert said.meaning.strip(), (file, column)
            assert len(said.meaning) < 180, (file, column)
            assert not said.meaning.endswith("."), (file, column)
            assert not any(text.startswith(("=", "+", "-", "@")) for text in vars(said).values()), (file, column)
            # a number has a range, and only words have neither range nor unit
            assert said.range or not said.unit, (file, column)


def test_it_is_a_table_that_reads_back(tmp_path):
    write_csv(tmp_path / "codebook.csv", codebook({OPEN: TEXTS}, TABLES))
    again = read_csv(tmp_path / "codebook.csv", keep_default_na=False)
    assert list(again) == list(OWN_LINES)
    assert (again["meaning"] != "").all()


def test_a_table_without_rows_has_its_columns_told():
    book = codebook({"clusters.csv": pd.DataFrame(columns=list(TABLES["clusters.csv"]))}, TABLES)
    assert list(book["observed"][:3]) == ["", "", ""]
