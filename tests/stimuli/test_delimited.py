"""Cells, whatever separates them; and every way in which quotation marks can be wrong, by line."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depthscope.stimuli.delimited import SEPARATORS, read_cells

HEADER = ["item", "condition", "text", "target"]
TEXT = st.text(st.sampled_from("ab ,;\t|\"\n\r'.ä"), max_size=12)


def cells(text, usual=",", quotes=None, known=HEADER):
    header, rows, _ = read_cells(text, "my.csv", usual, known, quotes)
    return header, [row.cells for row in rows]


def file(*rows, separator=","):
    return "\n".join(separator.join(row) for row in (HEADER, *rows)) + "\n"


@given(
    rows=st.lists(st.lists(TEXT, min_size=4, max_size=4).filter(lambda row: "".join(row).strip()), max_size=5),
    separator=st.sampled_from([",", ";", "|"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_the_csv_module_writes_is_read_back(rows, separator, end):
    written = io.StringIO()
    # an item that no cell repeats: a cell of several lines could look like rows of the table
    rows = [[f"<{i}>", *row[1:]] for i, row in enumerate(rows)]
    write = csv.writer(written, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
    write.writerows([["item", "x", "text", "target"], *rows])
    assert cells(written.getvalue()) == (["item", "x", "text", "target"], rows)


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("usual", [",", "\t"])
def test_the_header_tells_the_separator_however_full_of_others_the_texts_are(separator, usual):
    text = "a, b; c, d, e; f" if separator not in ",;" else '"a, b; c, d, e; f"'
    header, rows = cells(file(["x", "a", text, "b"], separator=separator), usual)
    assert header == HEADER
    assert rows == [["x", "a", "a, b; c, d, e; f", "b"]]


def test_names_of_other_columns_tell_it_too():
    header, rows = cells("ID;Satz, ganz, lang\n1;ja\n", known=["ID", "Satz, ganz, lang"])
    assert (header, rows) == (["ID", "Satz, ganz, lang"], [["1", "ja"]])


@pytest.mark.parametrize("line", ["sep=|\n", "SEP=|\r\n", '"sep=|"\n'])
def test_the_line_that_spreadsheets_write_is_no_header_and_counts_as_a_line(line, refuses):
    assert cells(line + "item|x,y,z\n1|2\n", known=["x", "y", "z"])[0] == ["item", "x,y,z"]
    with refuses("my.csv: line 3: a quotation mark opens"):
        cells(line + 'item|text\n1|"x\n')


def test_rows_of_blanks_and_columns_without_a_name_are_no_rows_and_no_columns():
    header, rows = cells("item,text,,\n\na,b,,\n,,,\n , \nc\n")
    assert header == ["item", "text"]
    assert rows == [["a", "b"], ["c", ""]]


def test_rows_that_are_too_wide_are_named_by_line(refuses):
    with refuses("line 2 has more cells than the header has columns (2)"):
        cells('item,text\na,b,c\nd,"e\nf"\n')
    with refuses("lines 2, 5 have more cells"):
        cells('item,text\na,b,c\nd,"e\nf"\nc,d,e\n')


def test_names_of_rows_and_spaces_between_cells_are_told_as_what_r_writes(refuses):
    with refuses("all lines have more cells than the header has columns (2), by one", "row.names=FALSE"):
        cells("item\ttext\n1\ta\tA wall.\n2\tb\tA wall.\n", usual="\t")
    with refuses("spaces separate the columns of the header", "write.csv"):
        cells('"item" "condition" "text"\n"1" 1 "m" "A wall."\n')
    assert cells("sad item,my text\na,b\n")[0] == ["sad item", "my text"]


def test_a_column_twice_is_refused(refuses):
    with refuses("my.csv", "column 'text' occurs twice"):
        cells("item,text, text\na,b,c\n")


# ---- quotation marks -----------------------------------------------------------------------------

GOOD = ["y", "a", "A wall.", "wall"]


def test_cells_of_several_lines_are_cells():
    text = '"Two\nlines, and, more, and ""more"""'
    assert cells(file(["x", "a", text, "more"], GOOD))[1][0][2] == 'Two\nlines, and, more, and "more"'


@pytest.mark.parametrize(
    ("rows", "line", "what"),
    [
        ([GOOD, ["x", "b", '"Yes he said', "said"]], 3, "never closed"),
        ([GOOD, ["x", "b", '"Yes he said', "said"], GOOD], 3, "never closed"),
        ([["x", "b", '"Yes he said', "said"], GOOD, ["z", "a", '"No, he said"', "said"]], 2, "another on line 4"),
        ([["x", "b", '"Yes he said', "said"], GOOD, ["z", "a", 'He said "no" twice', "said"]], 2, "another on line 4"),
        (
            [["x", "b", '"Yes he said', "said"], ["x", "a", 'He said no"', "said"], GOOD],
            2,
            "goes on over line 3, a row",
        ),
        ([["z", "a", '"Two\nlines"', "lines"], ["x", "b", '"Yes', "said"], GOOD], 4, "never closed"),
        ([["x", "a", '"Yes" he said', "said"], GOOD], 2, "another before the cell ends"),
    ],
)
@pytest.mark.parametrize("separator", [",", ";"])
def test_an_unpaired_mark_is_named_by_the_line_on_which_it_opens(refuses, rows, line, what, separator):
    with refuses(f"my.csv: line {line}: ", what, "twice", "--quotes text"):
        cells(file(*rows, separator=separator))


def test_marks_can_be_part_of_the_text():
    rows = [["x", "a", '"Yes he said', "said"], ["x", "b", '"No."', "No"]]
    assert cells(file(*rows, separator=";"), quotes="text")[1] == rows


def test_where_tabs_separate_leading_marks_stay():
    rows = [["x", "a", '"Yes," he said', "said"], ["x", "b", '"No, she said', "said"], ["y", "a", 'A "wall"', "wall"]]
    assert cells(file(*rows, separator="\t"), "\t")[1] == rows


def test_tabs_and_marks_of_a_spreadsheet():
    rows = [["x", "a", '"""Yes,"" he said"', "said"], GOOD]
    assert cells(file(*rows, separator="\t"), "\t")[1][0][2] == '"Yes," he said'
    broken = [["x", "a", '"Two\nlines"', "lines"], GOOD]
    assert cells(file(*broken, separator="\t"), "\t")[1][0][2] == "Two\nlines"


def test_tabs_and_marks_around_all_cells_of_a_column():
    rows = [["x", "a", '"Yes."', "Yes"], ["x", "b", '"No."', "No"]]
    assert [row[2] for row in cells(file(*rows, separator="\t"), "\t")[1]] == ["Yes.", "No."]


def test_tabs_and_marks_that_can_be_read_both_ways_are_asked_about(refuses):
    both = file(GOOD, ["x", "a", '"Yes."', "Yes"], separator="\t")
    with refuses("my.csv: line 3: a cell stands in quotation marks", "quotes='text'", "quotes='csv'"):
        cells(both, "\t")
    assert cells(both, "\t", "csv")[1][1][2] == "Yes."
    assert cells(both, "\t", "text")[1][1][2] == '"Yes."'


def test_a_cell_may_be_long():
    long = "a" * 200_000
    before = csv.field_size_limit()
    assert cells(file(["x", "a", f'"{long}"', "a"]))[1][0][2] == long
    assert csv.field_size_limit() == before
