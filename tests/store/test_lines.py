"""A line is an object, or the sentence that says which line is not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depthscope.errors import DepthscopeError
from depthscope.store.lines import json_row, not_utf8

values = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.lists(st.text(), max_size=2)
)


@given(st.dictionaries(st.text(), values), st.booleans())
def test_an_object_is_read_as_it_was_written(row, escaped):
    assert json_row("a.jsonl", 1, json.dumps(row, ensure_ascii=escaped)) == row


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", ("is not JSON",)),
        ("wave", ("is not JSON (Expecting value); mend or delete that line",)),
        ("{'text': 1}", ("is not JSON",)),
        ('{"text": "a"} {', ("is not JSON",)),
        ("[1]", ("is not an object", 'write one object per line, such as {"text": "..."}')),
        ('"text"', ("is not an object",)),
        ("null", ("is not an object",)),
        ("3", ("is not an object",)),
        ('{"n": ' + "9" * 5000 + "}", ("no JSON that can be read", "simplify")),
        ("[" * 100_000, ("no JSON that can be read", "simplify")),
    ],
)
def test_what_is_no_object_is_refused_with_file_and_line(refuses, line, words):
    with refuses("folder/a.jsonl: line 17 ", *words):
        json_row("folder/a.jsonl", 17, line)


@given(st.text(max_size=30))
def test_no_line_ever_raises_anything_else(line):
    told = ""
    try:
        found = json_row("a.jsonl", 1, line)
    except DepthscopeError as problem:
        found, told = {}, str(problem)
    assert isinstance(found, dict)
    assert told.startswith("a.jsonl: line 1 ") == bool(told)


def test_text_that_is_not_utf8_is_told_with_its_place():
    assert str(not_utf8("a.txt", 5)) == "a.txt: not UTF-8 at byte 5; save the file as UTF-8"
    assert str(not_utf8("a.jsonl", 5, 2)) == "a.jsonl: not UTF-8 at byte 5 (line 2); save the file as UTF-8"
