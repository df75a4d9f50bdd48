import base64

import numpy as np
import pandas as pd

from depthscope.report.table import Cell, Column, TableForm, cell_text, csv_download, tabulate

FRAME = pd.DataFrame(
    {
        "label": ["a|<b>", "c"],
        "n": [12.0, np.nan],
        "dz": [0.5, -0.25],
        "low": [0.1, np.nan],
        "high": [0.9, np.nan],
        "p": [0.0001, 0.04],
        "why": [np.nan, np.nan],
    }
)
COLUMNS = (
    Column("who", "{label}"),
    Column("n", "{n}"),
    Column("dz", "{dz:effect low high}"),
    Column("apart", "{dz:+.2f} [{low:+.2f}, {high:+.2f}]"),
    Column("p", "{p:p}"),
    Column("why", "{why}"),
    Column("absent", "{no_such_field}"),
)


def test_ends_that_an_interval_does_not_have_are_open():
    frame = pd.DataFrame({"share": [0.6], "low": [-np.inf], "high": [np.inf]})
    table = tabulate("t", "Caption", frame, (Column("left", "{share:.0%} [{low:.0%}, {high:.0%}]"),))
    assert table.rows == [[Cell("60% [open, open]", 0.6)]]


def test_bytes_are_written_as_sizes_and_sorted_by_their_number():
    frame = pd.DataFrame({"bytes": [5.38e8, 1.2e9, float("nan")]})
    rows = tabulate("key", "a table", frame, [Column("size", "{bytes:size}")]).rows
    assert [(row[0].text, row[0].sort) for row in rows] == [("538 MB", 5.38e8), ("1.20 GB", 1.2e9), ("", None)]


def test_cells_are_read_and_sorted():
    table = tabulate("t", "Caption", FRAME, COLUMNS)
    assert table.columns == ["who", "n", "dz", "apart", "p"]  # neither what nobody has nor what is empty in all rows
    assert table.numeric == {1, 2, 3, 4}
    assert table.rows[0] == [
        Cell("a|<b>", "a|<b>"),
        Cell("12", 12.0),
        Cell("+0.50 [+0.10, +0.90]", 0.5),
        Cell("+0.50 [+0.10, +0.90]", 0.5),
        Cell("p < .001", 0.0001),
    ]
    assert table.rows[1] == [
        Cell("c", "c"),
        Cell("", None),
        Cell("-0.25 [no interval]", -0.25),
        Cell("-0.25 [?, ?]", -0.25),
        Cell("p = .040", 0.04),
    ]
    assert not table.searchable


def test_long_tables_can_be_searched():
    long = pd.concat([FRAME] * 7)
    assert tabulate("t", "", long, COLUMNS).searchable


def test_nothing_to_show_is_no_table():
    assert tabulate("t", "", FRAME.iloc[:0], COLUMNS) is None
    assert tabulate("t", "", FRAME, (Column("x", "{x}"),)) is None


def test_a_download_holds_the_file_to_the_byte():
    text = 'a,b\n"ü, <script>",2\n'
    download = csv_download("t.csv", text)
    assert download.name == "t.csv"
    head, _, code = download.href.partition(",")
    assert head == "data:text/csv;charset=utf-8;base64"
    assert base64.b64decode(code).decode() == text


def test_a_range_is_written_as_one_and_one_layer_as_itself():
    frame = pd.DataFrame({"first": [3.0, 5.0, np.nan], "last": [3.0, 12.0, np.nan]})
    table = tabulate("t", "Caption", frame, (Column("layers", "{first:to last}"),))
    assert table.rows == [[Cell("3", 3.0)], [Cell("5-12", 5.0)], [Cell("", None)]]
    assert tabulate("t", "Caption", frame[["first"]], (Column("layers", "{first:to last}"),)) is None


GROUPED = TableForm(
    "effects.csv",
    "Effects",
    (Column("", "{group}"), Column("who", "{label}"), Column("n", "{n}"), Column("why", "{why}", narrow=False)),
    groups=("one", "two"),
    grouped=True,
)


def test_a_table_is_written_once_for_page_text_and_terminal():
    frame = pd.DataFrame(
        {
            "group": ["one", "one", "two", "none"],
            "label": ["a|b", "c", "d", "e"],
            "n": [1, 2, 3, 4],
            "why": ["", "x", "", ""],
        }
    )
    table = GROUPED.of(frame)
    assert [row[1].text for row in table.rows] == ["a|b", "c", "d"]
    assert table.markdown().splitlines() == [
        "|  | who | n | why |",
        "|---|---|---|---|",
        "| one | a\\|b | 1 |  |",
        "|  | c | 2 | x |",
        "| two | d | 3 |  |",
    ]
    sheet = table.sheet()
    assert (sheet.title, list(sheet.columns)) == ("Effects", ["who", "n"])
    assert [list(row) for row in sheet.rows] == [["one"], ["a|b", "1"], ["c", "2"], ["two"], ["d", "3"]]
    assert GROUPED.of(frame[frame["group"] == "none"]) is None


def test_a_cell_cannot_leave_its_table():
    assert cell_text("a|b\nc") == r"a\|b c"
    assert cell_text(3) == "3"
