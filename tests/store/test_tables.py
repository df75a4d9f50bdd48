"""No cell is a formula, no number is touched, and everything reads back as it was."""

import csv

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depthscope.store.tables import csv_text, read_csv, write_csv

FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "=",
    "-",
    "'=1",
    "''=1",
    "－1",
    '=HYPERLINK("x";"y")',
    "-a",
    "+-",
]
HARMLESS = ["a=b", "'quoted'", "it's", "", " ", "1-2", "12-14 (+)", "日本", "-5", "+3.5", "-1e-3", "-inf"]
READING = {"keep_default_na": False, "na_values": [], "dtype": {"text": str}}


def cells(text):
    return [row[0] for row in csv.reader(text.splitlines()[1:])]


def test_text_that_a_spreadsheet_would_compute_has_an_apostrophe_and_no_other_has():
    for cell in FORMULAS:
        assert csv_text(pd.DataFrame({"text": [cell]})).split("\n", 1)[1].lstrip('"')[0] == "'"
    assert cells(csv_text(pd.DataFrame({"text": HARMLESS, "n": range(len(HARMLESS))}))) == HARMLESS


def test_numbers_are_written_as_they_are():
    table = pd.DataFrame(
        {"n": [-1.5, np.nan, 3.0], "k": [-1, 2, 3], "on": [True, False, True], "mixed": [-1, "=a", None]}
    )
    assert csv_text(table[["n", "k", "on"]]) == table[["n", "k", "on"]].to_csv(index=False)
    assert csv_text(table[["mixed"]]) == 'mixed\n-1\n\'=a\n""\n'


@pytest.mark.parametrize("kind", [object, "string", "category"])
def test_everything_reads_back(tmp_path, kind):
    table = pd.DataFrame({"text": [*FORMULAS[:4], *FORMULAS[6:], *HARMLESS]}).astype(kind).assign(**{"=column": 1})
    write_csv(tmp_path / "a.csv", table)
    again = read_csv(tmp_path / "a.csv", **READING)
    assert list(again.columns) == ["text", "=column"]
    assert again["text"].tolist() == table["text"].tolist()


@given(st.lists(st.text("'=+-@a1 \r\n\",", max_size=6), min_size=1))
def test_any_text_of_such_signs_reads_back(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("tables") / "a.csv"
    write_csv(path, pd.DataFrame({"text": texts, "n": 0}))
    assert read_csv(path, **READING)["text"].tolist() == texts


def test_a_carriage_return_within_a_text_ends_no_row():
    table = pd.DataFrame({"text": ["one\rtwo", "three"], "n": [1, 2]})
    assert csv_text(table) == '"text","n"\n"one\rtwo",1\n"three",2\n'
    assert csv_text(table.iloc[1:]) == "text,n\nthree,2\n"  # all others are as they were


def test_labels_of_rows_are_cells_too():
    table = pd.DataFrame({"x": [0.5]}, pd.Index(["=item"], name="item"))
    assert csv_text(table, index=True, float_format="%.2f") == "item,x\n'=item,0.50\n"
