"""Decimal commas, thousands, and what can be read in two ways."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depthscope.stimuli.numbers import as_written, finite, mark_of, no_numbers, plain


@given(st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 2)), min_size=1, max_size=8), st.sampled_from(".,"))
def test_numbers_come_back_however_they_are_written(values, mark):
    english = [f"{value:,.2f}" for value in values]
    written = english if mark == "." else [one.translate(str.maketrans(".,", ",.")) for one in english]
    assert mark_of(written) == mark
    assert [float(one) for one in plain(written, mark)] == values


@pytest.mark.parametrize(
    ("cells", "mark"),
    [
        (["3,14", "2"], ","),
        (["0,123"], ","),
        (["1234,567"], ","),
        (["1,234", "2,5"], ","),
        (["1.234,5"], ","),
        (["1.234.567"], ","),
        (["1,234.5"], "."),
        (["1,234,567"], "."),
        (["3.14", "2e5"], "."),
        (["1,234", "12,345"], "unclear"),
        (["1,5", "2.5"], "both"),
        (["1.234", "12.345"], "unclear"),
        (["1.234", "0.345"], "."),
        (["1.234e-2"], "."),
        (["1 234", "12"], None),
        (["12", "NA", ""], None),
        (["1,5", "x"], None),
        (["1,2,3"], "."),
        ([""], None),
    ],
)
def test_what_shows_the_decimal_mark(cells, mark):
    assert mark_of(cells) == mark


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1 234", "1234"),
        ("12 345 678", "12345678"),
        ("1\u00a0234", "1234"),
        ("1\u202f234", "1234"),
        ("1\u2009234\u2009567", "1234567"),
        ("1\u2007234", "1234"),
        ("1’234", "1234"),
        ("\u22121 234", "-1234"),
        ("1 234.5", "1234.5"),
        ("1 234,5", "1234.5"),
        ("1\u00a0234,5", "1234.5"),
        ("1'234'567,0", "1234567.0"),
        ("\u22123,5", "-3.5"),
    ],
)
def test_spaces_between_thousands_and_long_minus_signs(cell, number):
    assert as_written({"x": [cell, ""]}) == {"x": [number, ""]}


def test_what_is_unclear_follows_the_other_columns_or_what_is_told():
    column = ["1,234", "NA", "12,345"]
    assert as_written({"x": column}) == {}
    assert as_written({"x": column, "y": ["3,5"]})["x"] == ["1.234", "NA", "12.345"]
    assert as_written({"x": column, "y": ["3.5"]})["x"] == ["1234", "NA", "12345"]
    assert as_written({"x": column, "y": ["3.5"], "z": ["3,5"]}) == {"z": ["3.5"]}
    assert as_written({"x": column}, ",")["x"] == ["1.234", "NA", "12.345"]
    assert as_written({"x": column}, ".")["x"] == ["1234", "NA", "12345"]


def test_plain_numbers_words_and_contradictions_stay_as_they_are():
    assert as_written({"a": ["1", "2"], "b": ["1.5"], "c": ["x", "1,5"], "d": ["1,5", "1.5"], "e": ["1,2,3"]}) == {}
    assert as_written({"a": ["1.5"], "b": ["1.234"]}, ",") == {"b": ["1234"]}


@pytest.mark.parametrize(
    "cell",
    ["192.168.1.1", "192.168.100.200", "10.0.0.1", "12.03.2024", "1.2.3", "2.345.6", "01.234.567", "030 123", "1 23", "1 2345",
     "1234 567", "1 234'567", "1,23,456", "1.234.56", "١,٥"],
)  # fmt: skip
def test_dates_versions_addresses_and_what_is_not_grouped_by_threes_are_no_numbers(cell):
    assert as_written({"x": [cell, ""]}) == {}
    assert as_written({"x": [cell]}, ",") == as_written({"x": [cell]}, ".") == {}
    # nor do they show which mark a file has
    assert as_written({"x": [cell], "y": ["1,234"]}) == {}


def test_a_dot_before_three_digits_is_read_only_where_the_file_shows_what_it_is():
    column = ["1.234", "NA", "12.345"]
    assert as_written({"x": column}) == {}  # decimals, as where commas separate cells
    for separator in ";\t|":
        assert as_written({"x": column}, None, separator) == {"x": None}
        assert as_written({"x": [*column, "0.5"]}, None, separator) == {}
        assert as_written({"x": column, "y": ["3.5"]}, None, separator) == {}
        assert as_written({"x": column}, ".", separator) == {}
        assert as_written({"x": column}, ",", separator) == {"x": ["1234", "NA", "12345"]}
        assert as_written({"x": [*column, "1,5"]}, None, separator) == {"x": ["1234", "NA", "12345", "1.5"]}
    assert as_written({"x": column, "y": ["3,5"]}) == {"x": None, "y": ["3.5"]}


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (["1.234", "2.345"], ["'1.234' can be read in two ways", "--decimal"]),
        (["1.5", "inf"], ["'inf' is infinite", "blank"]),
        (["1e999", "nan"], ["'1e999' is infinite"]),
        ([1.0, float("-inf")], ["'-inf' is infinite"]),
        (["inf", "part"], ["it holds 'inf', 'part'"]),
        (["192.168.1.1"], ["it holds '192.168.1.1'"]),
        (["1,234", "2,345"], ["'1,234' can be read in two ways", "--decimal"]),
        (["news", "fiction", None], ["it holds 'news', 'fiction'", "code"]),
        (pd.Categorical(["low", "high"]), ["it holds 'low', 'high'"]),
    ],
)
def test_why_a_column_is_no_covariate(column, words):
    assert all(word in no_numbers(pd.Series(column)) for word in words)


def test_infinite_numbers_are_no_covariates():
    assert finite(pd.Series([1, 2.5, None]))
    assert finite(pd.Series([True, False]))
    assert not finite(pd.Series([1.0, float("inf")]))
    assert not finite(pd.Series(["1"]))
