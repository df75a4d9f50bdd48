"""Decimal commas, thousands, and what can be read in two ways."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depthscope.stimuli.numbers import as_written, mark_of, no_numbers, plain


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
    [("1 234,5", "1234.5"), ("1\u00a0234,5", "1234.5"), ("1'234'567,0", "1234567.0"), ("\u22123,5", "-3.5")],
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
    ("column", "words"),
    [
        (["1,234", "2,345"], ["'1,234' can be read in two ways", "--decimal"]),
        (["news", "fiction", None], ["it holds 'news', 'fiction'", "code"]),
        (pd.Categorical(["low", "high"]), ["it holds 'low', 'high'"]),
    ],
)
def test_why_a_column_is_no_covariate(column, words):
    assert all(word in no_numbers(pd.Series(column)) for word in words)
