"""What makes a table valid, and what is said where it is not."""

import numpy as np
import pandas as pd
import pytest

from depthscope.stimuli.problems import StimuliError
from depthscope.stimuli.table import validate


def change(table: pd.DataFrame, row: int, column: str, value: object) -> pd.DataFrame:
    table = table.astype(object)
    table.loc[row, column] = value
    return table


def test_a_valid_table_comes_back_in_the_standard_layout(pairs):
    table = validate(pairs.assign(frequency=1.5)[["frequency", "text", "target", "condition", "item"]])
    assert list(table) == ["item", "condition", "text", "target", "start", "end", "frequency"]
    assert list(table["item"]) == list(pairs["item"])
    assert [text[a:b] for text, a, b in zip(table["text"], table["start"], table["end"], strict=True)] == list(
        pairs["target"]
    )


def test_validation_is_idempotent(pairs):
    once = validate(pairs)
    pd.testing.assert_frame_equal(validate(once), once)


def test_the_given_table_is_not_changed(pairs):
    before = pairs.copy(deep=True)
    validate(pairs)
    pd.testing.assert_frame_equal(pairs, before)


def test_offsets_alone_give_the_same_table_as_words(pairs):
    by_word = validate(pairs)
    by_offset = validate(by_word.drop(columns="target"))
    pd.testing.assert_frame_equal(by_word, by_offset)


def test_a_row_may_give_a_word_and_another_offsets(pairs):
    table = pairs.assign(start=np.nan, end=np.nan)
    table.loc[0, ["target", "start", "end"]] = ["", 20.0, 25.0]
    assert validate(table)["target"][0] == "shark"


def test_the_target_takes_the_case_of_the_text(pairs):
    assert validate(pairs.assign(target=pairs["target"].str.upper()))["target"][0] == "shark"


def test_occurrence_settles_a_repeated_target(pairs, refuses):
    repeated = change(pairs, 0, "text", "A shark is a shark.")
    with refuses("item 'shark'", "condition 'metaphor'", "2 times", "occurrence"):
        validate(repeated)
    table = validate(change(repeated.assign(occurrence=""), 0, "occurrence", "2"))
    assert table["start"][0] == 13
    assert "occurrence" not in table


@pytest.mark.parametrize("label", [7, 7.0, "7", " 7 "])
def test_labels_are_text(pairs, label):
    pairs = pairs.replace({"item": {"shark": label}})
    assert set(validate(pairs)["item"]) == {"7", "wall", "storm", "key"}


@pytest.mark.parametrize("column", ["item", "condition", "text"])
def test_a_missing_column_is_named_with_what_is_there(pairs, refuses, column):
    with refuses("my.csv", f"no column {column}", "columns found", "target", "needs item, condition, text"):
        validate(pairs.drop(columns=column), source="my.csv")


def test_a_table_without_any_target_is_refused(pairs, refuses):
    with refuses("no target", "column target", "start and end"):
        validate(pairs.drop(columns="target"))


def test_start_without_end_is_refused(pairs, refuses):
    with refuses("start and end go together", "missing"):
        validate(pairs.assign(start=0))
    with refuses("item 'shark'", "start and end go together", "empty"):
        validate(pairs.assign(start=0, end=np.nan))


def test_a_column_that_occurs_twice_is_refused(pairs, refuses):
    with refuses("column 'text' occurs twice"):
        validate(pd.concat([pairs, pairs[["text"]]], axis=1))


def test_a_table_without_rows_is_refused(pairs, refuses):
    with refuses("no rows"):
        validate(pairs[:0])


@pytest.mark.parametrize("blank", ["", "  ", None, np.nan])
@pytest.mark.parametrize("column", ["item", "condition"])
def test_a_blank_label_is_refused_with_its_row(pairs, refuses, column, blank):
    with refuses("row 3", f"no {column}"):
        validate(change(pairs, 2, column, blank))


@pytest.mark.parametrize("text", ["", " \t", None, np.nan, 5])
def test_an_empty_text_is_refused(pairs, refuses, text):
    with refuses("item 'wall'", "condition 'metaphor'", "text is empty"):
        validate(change(pairs, 2, "text", text))


def test_half_a_character_is_refused(pairs, refuses):
    with refuses("item 'wall'", "character 4", "half a character"):
        validate(change(pairs, 2, "text", "His \ud83d became a wall."))


def test_a_row_without_a_target_is_refused(pairs, refuses):
    with refuses("item 'wall'", "condition 'literal'", "no target", "start and end"):
        validate(change(pairs, 3, "target", ""))


@pytest.mark.parametrize("value", ["x", 1.5, "nan", np.inf])
def test_an_offset_that_is_no_whole_number_is_refused(pairs, refuses, value):
    with refuses("item 'wall'", "start is", "not a whole number"):
        validate(change(validate(pairs), 2, "start", value))


def test_offsets_and_word_must_agree(pairs, refuses):
    with refuses("item 'shark'", "hold", "not the target 'shark'"):
        validate(change(validate(pairs), 0, "start", 19))


def test_an_item_twice_in_a_condition_is_refused_with_two_ways_out(pairs, refuses):
    doubled = pd.concat([pairs, pairs[:1]])
    with refuses("item 'shark'", "condition 'metaphor'", "occurs twice", "drop one", "column pair"):
        validate(doubled)


def test_a_column_pair_tells_several_pairs_of_an_item_apart(pairs):
    table = validate(pd.concat([pairs.assign(pair=1), pairs.assign(pair=2.0)]))
    assert list(table)[:3] == ["item", "condition", "pair"]
    assert set(table["pair"]) == {"1", "2"}


def test_an_item_with_one_condition_is_refused_unless_unpaired(pairs, refuses):
    with refuses("item 'key'", "'metaphor' only", "1 such items", "complete or drop", "paired=False"):
        validate(pairs[:7])
    assert len(validate(pairs[:7], paired=False)) == 7


def test_all_that_is_wrong_is_told_at_once(pairs):
    wrong = change(change(change(pairs, 0, "text", ""), 2, "target", "wail"), 4, "item", "")
    wrong = pd.concat([wrong, pairs[3:4], pairs[5:6].assign(condition="other", target="")])
    with pytest.raises(StimuliError) as told:
        validate(wrong, source="my.csv")
    assert [one.row for one in told.value.problems] == [1, 3, 5, 9, 10]
    sentence = str(told.value)
    assert sentence.startswith("my.csv: 5 problems: item 'shark', condition 'metaphor': the text is empty; item 'wall'")
    assert "'wail' is not in the text" in sentence
    assert "row 5 has no item" in sentence
    assert sentence.endswith("; and 2 more, which 'depthscope stimuli check' lists")
    assert [one.where for one in told.value.problems][3:] == [
        "item 'wall', condition 'literal'",
        "item 'storm', condition 'other'",
    ]


@pytest.mark.parametrize(
    "text",
    [
        ["A", "wall"],
        ("A", "wall"),
        np.array(["A", "wall"]),
        "['A', 'wall', '.']",
        '["A", "wall"]',
        "['A' 'wall' \"isn't\"]",
    ],
)
def test_a_list_of_tokens_is_no_text(pairs, refuses, text):
    wrong = pairs.astype(object)
    wrong.at[2, "text"] = text
    with refuses("item 'wall', condition 'metaphor'", "list of tokens", "running text"):
        validate(wrong)


@pytest.mark.parametrize("text", ["[Laughs] 'A wall.'", "['Wall' is not wall]", "('A' or 'B' wall)", "[wall]"])
def test_brackets_and_marks_make_no_list(pairs, text):
    assert validate(change(change(pairs, 2, "text", text), 2, "occurrence", 1))["text"][2] == text


def test_columns_of_any_kind_hold_labels(pairs):
    plain = validate(pairs)
    pd.testing.assert_frame_equal(validate(pairs.astype("category")).astype(plain.dtypes), plain)
    assert validate(pairs.assign(item=np.repeat(np.float32([1, 2, 3, 4]), 2)))["item"].tolist() == list("11223344")


@pytest.mark.parametrize(
    ("column", "one", "other", "sign"),
    [
        ("item", "café", "cafe\u0301", "U+0301 COMBINING ACUTE ACCENT where the other has U+00E9"),
        ("item", "Anna's", "Anna’s", "U+2019"),
        ("item", "сat", "cat", "U+0063 LATIN SMALL LETTER C where the other has U+0441 CYRILLIC"),
        ("item", "a b", "a  b", "more blank space"),
        ("condition", "literal", "lit\u200beral", "U+200B ZERO WIDTH SPACE"),
        ("pair", "1", "\uff11", "U+FF11 FULLWIDTH DIGIT ONE"),
    ],
)
def test_labels_that_look_alike_and_are_two_are_one_sentence(column, one, other, sign, refuses):
    rows = [
        {"item": "i", "condition": condition, "pair": "p", "text": "A shark.", "target": "shark", column: label}
        for label in (one, other)
        for condition in ("a", "b")
    ]
    if column == "condition":
        rows = rows[::2]
    with refuses(f"two {column}s look alike and are not the same", sign, "write both alike"):
        validate(pd.DataFrame(rows))
    rows = [{**row, column: f"{row[column]}".replace(other, "another")} for row in rows]
    assert len(validate(pd.DataFrame(rows))) == len(rows)


def test_one_condition_in_upper_and_lower_case_is_asked_about_unless_items_have_both(pairs, refuses):
    with refuses("conditions 'metaphor', 'Metaphor' differ in case alone", "write them alike"):
        validate(change(pairs, 2, "condition", "Metaphor"))
    both = pairs.assign(condition=pairs["condition"].map({"metaphor": "A", "literal": "a"}))
    assert set(validate(both)["condition"]) == {"A", "a"}
