"""What ``a-b`` means."""

import pandas as pd
import pytest

from depthscope.studies.contrasts import check_pairs, parse_contrast


@pytest.mark.parametrize(
    ("text", "conditions", "parsed"),
    [
        ("metaphor-literal", ["literal", "metaphor"], ("metaphor", "literal")),
        ("literal - metaphor", ["literal", "metaphor"], ("literal", "metaphor")),
        ("non-literal-literal", ["literal", "non-literal"], ("non-literal", "literal")),
        ("literal-non-literal", ["literal", "non-literal"], ("literal", "non-literal")),
        ("a-b-b-a", ["a-b", "b-a"], ("a-b", "b-a")),
    ],
)
def test_names_may_hold_hyphens_themselves(text, conditions, parsed):
    assert parse_contrast(text, conditions) == parsed


@pytest.mark.parametrize(
    "text", ["", "-", "metaphor", "metaphor-", "metaphor-novel", "metaphor-metaphor", "metaphor/literal"]
)
def test_anything_else_is_refused_with_the_conditions_there_are(text, refuses):
    with refuses(repr(text), "a-b", "metaphor, literal"):
        parse_contrast(text, ["metaphor", "literal"])


def test_fewer_than_two_items_with_both_conditions_are_refused(pairs, refuses):
    lone = pairs[(pairs["item"] == "shark") | (pairs["condition"] == "literal")]
    with refuses("metaphor - literal", "1 item(s)", "at least 2"):
        check_pairs(lone, "metaphor", "literal")
    check_pairs(pairs[:4], "metaphor", "literal")


def test_pairs_of_one_item_count_as_one_item(pairs, refuses):
    two_pairs = pd.concat([pairs[:2].assign(pair="1"), pairs[:2].assign(pair="2")])
    with refuses("1 item(s)"):
        check_pairs(two_pairs, "metaphor", "literal")


def test_conditions_must_meet_in_the_same_pair(pairs, refuses):
    crossed = pairs.assign(pair=pairs["condition"])
    with refuses("0 item(s)"):
        check_pairs(crossed, "metaphor", "literal")


def test_a_contrast_that_can_be_read_in_two_ways_is_refused(refuses):
    with refuses("several ways", "'a' minus 'b-c'", "'a-b' minus 'c'"):
        parse_contrast("a-b-c", ["a", "a-b", "b-c", "c"])
