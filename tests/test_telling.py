"""Sheets as text: aligned, whole, one row on a line, nothing that a terminal would obey."""

import pytest

from depthscope.telling import Sheet, clean, plain

SHEET = Sheet(("model", "n", "dz"), [("one [red]", "8", "+0.1"), ("another", "120", "not found")], "a - b:")


def test_columns_are_aligned_numbers_to_the_right() -> None:
    assert plain(["before", SHEET, "", "after"]).splitlines() == [
        "before",
        "a - b:",
        "model        n  dz",
        "one [red]    8  +0.1",
        "another    120  not found",
        "",
        "after",
    ]


def test_rows_stand_below_their_heading() -> None:
    sheet = Sheet(("", "p"), [("a heading longer than any cell",), ("x", ".5"), ("others",), ("y", "")])
    assert plain([sheet]).splitlines() == ["      p", "a heading longer than any cell", "  x  .5", "others", "  y"]


def test_nothing_is_cut_and_a_row_stays_on_its_line() -> None:
    long = "word " * 200
    (_, line) = plain([Sheet(("a", "b"), [("x", f"{long}\nend")])]).splitlines()
    assert line == f"x  {long} end"


def test_a_sheet_without_rows_is_its_head() -> None:
    assert plain([Sheet(("a", "b"), [])]) == "a  b"


@pytest.mark.parametrize(
    "text", ["\x1b[31mred", "bell\x07", "two\nlines", "back\x08", "\x9b31m", "a\u202egnp.exe", "a\u2066b", "\u2028"]
)
def test_what_a_terminal_would_obey_is_a_blank(text: str) -> None:
    for shown in (clean(text), plain([text]), plain([Sheet(("a", "b"), [(text, text)])]).splitlines()[-1]):
        assert shown.isprintable()


def test_what_only_looks_odd_is_kept() -> None:
    # marks of direction bear on their neighbours alone
    for text in ("caf\u00e9 \U0001f469\u200d\U0001f469 [bold]", "\u05d0\u200e1\u200f"):
        assert clean(text) == text


@pytest.mark.parametrize(
    ("cells", "numeric"),
    [
        (("1", "-2.5"), True),
        (("93 MB", "1,200 MB"), True),
        (("12%", ""), True),
        (("n = 3", "4"), False),
        (("", ""), False),
    ],
)
def test_a_column_of_numbers_is_known(cells: tuple[str, str], numeric: bool) -> None:
    assert Sheet(("name", "x"), [("a", cells[0]), ("heading",), ("b", cells[1])]).numeric == [False, numeric]
