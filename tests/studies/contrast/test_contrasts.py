"""Which contrasts a table allows."""

import pandas as pd
import pytest

from depthscope.statistics.terms import Terms
from depthscope.studies.contrast.contrasts import check_pairs, control_terms

MAIN = Terms(("metaphor",), ("literal",))


def table(*conditions, items="xyz"):
    return pd.DataFrame([{"item": i, "condition": c} for i in items for c in conditions])


def test_fewer_than_two_items_with_both_conditions_are_refused(pairs, refuses):
    lone = pairs[(pairs["item"] == "shark") | (pairs["condition"] == "literal")]
    with refuses("metaphor - literal", "1 item(s)", "at least 2"):
        check_pairs(lone, MAIN)
    check_pairs(pairs[:4], MAIN)


def test_pairs_of_one_item_count_as_one_item(pairs, refuses):
    two_pairs = pd.concat([pairs[:2].assign(pair="1"), pairs[:2].assign(pair="2")])
    with refuses("1 item(s)"):
        check_pairs(two_pairs, MAIN)


def test_conditions_must_meet_in_the_same_pair(pairs, refuses):
    crossed = pairs.assign(pair=pairs["condition"])
    with refuses("0 item(s)"):
        check_pairs(crossed, MAIN)


def test_a_difference_of_differences_needs_items_with_all_of_its_conditions(refuses):
    three = pd.concat([table("a", "b", "c"), table("d", items="xuv")])
    check_pairs(three, Terms(("a", "b"), ("c", "b")))
    with refuses("(a - b) - (c - d)", "1 item(s) with all"):
        check_pairs(three, Terms(("a", "b"), ("c", "d")))


def test_every_other_condition_is_a_control():
    found = control_terms(MAIN, table("literal", "metaphor", "complex", "anomalous"))
    assert list(found) == ["complex", "anomalous"]
    assert [terms.name for terms in found["complex"]] == ["complex - literal", "metaphor - complex"]


def test_two_conditions_have_no_controls():
    assert control_terms(MAIN, table("literal", "metaphor")) == {}


def test_a_difference_of_differences_has_no_controls():
    terms = Terms(("metaphor", "literal"), ("complex", "literal"))
    assert control_terms(terms, table("literal", "metaphor", "complex", "anomalous")) == {}


@pytest.mark.parametrize("short_of", ["metaphor", "literal"])
def test_conditions_that_hardly_meet_the_contrast_are_passed_over(short_of):
    lone = pd.concat([table("literal", "metaphor"), table("complex", items="x")])
    assert control_terms(MAIN, lone) == {}
    other = "literal" if short_of == "metaphor" else "metaphor"
    partly = pd.concat(
        [table("literal", "metaphor"), table("complex", other, items="uvw"), table("complex", items="x")]
    )
    assert control_terms(MAIN, partly) == {}
