"""What ``a-b`` and ``(a-b)-(c-d)`` mean."""

import pytest

from depthscope.statistics.terms import Terms, parse_terms

FOUR = ["metaphor", "paraphrase", "anomalous", "literal"]


@pytest.mark.parametrize(
    ("text", "conditions", "parsed"),
    [
        ("metaphor-literal", ["literal", "metaphor"], ("metaphor", "literal")),
        ("literal - metaphor", ["literal", "metaphor"], ("literal", "metaphor")),
        ("non-literal-literal", ["literal", "non-literal"], ("non-literal", "literal")),
        ("literal-non-literal", ["literal", "non-literal"], ("literal", "non-literal")),
        ("a-b-b-a", ["a-b", "b-a"], ("a-b", "b-a")),
        ("metaphor (new)-metaphor (old)", ["metaphor (new)", "metaphor (old)"], ("metaphor (new)", "metaphor (old)")),
        ("(x)-(y)", ["(x)", "(y)"], ("(x)", "(y)")),
    ],
)
def test_names_may_hold_hyphens_and_brackets_themselves(text, conditions, parsed):
    terms = parse_terms(text, conditions)
    assert terms == Terms((parsed[0],), (parsed[1],))
    assert terms.name == f"{parsed[0]} - {parsed[1]}"


@pytest.mark.parametrize(
    ("text", "conditions", "left", "right"),
    [
        ("(metaphor-literal)-(anomalous-literal)", FOUR, ("metaphor", "literal"), ("anomalous", "literal")),
        (" ( metaphor - literal ) - (anomalous-paraphrase) ", FOUR, ("metaphor", "literal"), FOUR[2:0:-1]),
        ("(non-x-x)-(x-non-x)", ["x", "non-x"], ("non-x", "x"), ("x", "non-x")),
        ("(a(1)-b(2))-(a(2)-b(2))", ["a(1)", "a(2)", "b(2)"], ("a(1)", "b(2)"), ("a(2)", "b(2)")),
        ("((a)-b)-(b-(a))", ["(a)", "b"], ("(a)", "b"), ("b", "(a)")),
    ],
)
def test_a_difference_of_differences_is_written_in_brackets(text, conditions, left, right):
    assert parse_terms(text, conditions) == Terms(tuple(left), tuple(right))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "metaphor",
        "metaphor-",
        "metaphor-novel",
        "metaphor-metaphor",
        "metaphor/literal",
        "(metaphor-literal)",
        "(metaphor-literal)-",
        "(metaphor-literal)-(metaphor-literal)",
        "(metaphor-literal)-(metaphor-metaphor)",
        "(metaphor-literal)-literal",
        "metaphor-literal-(metaphor-literal)",
    ],
)
def test_anything_else_is_refused_with_the_conditions_there_are(text, refuses):
    with refuses(repr(text), "a-b", "(a-b)-(c-d)", "metaphor, literal"):
        parse_terms(text, ["metaphor", "literal"])


def test_a_contrast_that_can_be_read_in_two_ways_is_refused(refuses):
    with refuses("several ways", "('a',) minus ('b-c',)", "('a-b',) minus ('c',)", "rename"):
        parse_terms("a-b-c", ["a", "a-b", "b-c", "c"])
    with refuses("several ways", "('a', 'b-c') minus ('d', 'e')", "('a-b', 'c') minus ('d', 'e')"):
        parse_terms("(a-b-c)-(d-e)", ["a", "a-b", "b-c", "c", "d", "e"])


def test_terms_have_a_name_and_name_every_condition_once():
    assert Terms(("a",), ("b",)).conditions == ["a", "b"]
    shared = Terms(("a", "b"), ("c", "b"))
    assert shared.name == "(a - b) - (c - b)"
    assert shared.conditions == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("left", "right", "compared"),
    [
        ("a", "b", {"ab"}),
        ("ab", "cd", {"ab", "cd"}),
        # what both share cancels, and the other two stand face to face
        ("ab", "cb", {"ab", "cb", "ac"}),
        ("ab", "ac", {"ab", "ac", "bc"}),
        ("ab", "bc", {"ab", "bc"}),
        ("ab", "ba", {"ab", "ba"}),
    ],
)
def test_texts_that_must_differ_are_those_that_are_compared(left, right, compared):
    assert {a + b for a, b in Terms(tuple(left), tuple(right)).compared} == compared


@pytest.mark.parametrize(
    ("left", "right", "reduced"),
    [
        ("a", "b", ("a", "b")),
        ("ab", "cb", ("a", "c")),
        ("ab", "cd", ("ab", "cd")),
        ("ab", "ac", ("c", "b")),
        ("ab", "bc", ("ab", "bc")),
        ("ab", "ba", ("ab", "ba")),
    ],
)
def test_a_condition_that_both_sides_share_cancels(left, right, reduced):
    assert Terms(tuple(left), tuple(right)).reduced == Terms(*map(tuple, reduced))
