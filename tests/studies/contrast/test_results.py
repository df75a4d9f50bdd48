"""What is put side by side: the same layers for all, chosen by one contrast."""

import itertools

import numpy as np
import pytest

import depthscope as ds
from depthscope.statistics.balance import imbalance
from depthscope.statistics.nulls import against
from depthscope.studies.contrast.answer import points
from depthscope.studies.contrast.results import Confounding, Control, Evidence, every_contrast
from depthscope.studies.contrast.verdicts.wording import window_text
from depthscope.words import p_text, range_text
from tests.studies.contrast.planted import (
    DEPTH,
    ELSEWHERE,
    HALF,
    HIGHER,
    INSIDE,
    LOWER,
    NOTHING,
    QUICK,
    compare,
    evidence,
    measure,
)


def test_the_window_is_that_of_the_strongest_cluster_found():
    small = dict.fromkeys(range(14, 17), -4.0)
    e = evidence(measure({"a": HIGHER | small, "b": NOTHING}))
    assert len(e.main.significant()) == 2
    assert e.found == e.main.clusters[0]
    assert e.window == (5, 8)
    assert window_text(e) == "layers 5-8, those of the strongest cluster of a - b"
    large = dict.fromkeys(range(14, 17), -12.0)
    e = evidence(measure({"a": HIGHER | large, "b": NOTHING}))
    assert e.found
    assert e.found.mass < 0
    assert e.window == (14, 16)


def test_a_cluster_that_is_not_significant_still_chooses_the_window():
    e = evidence(measure({"a": {3: 0.75}, "b": NOTHING}))
    assert e.found is None
    assert e.main.clusters
    assert e.window == (3, 3)


def test_without_a_cluster_all_layers_are_compared_and_that_is_said():
    e = evidence(measure({"a": NOTHING, "b": NOTHING}))
    assert e.window == (1, DEPTH)
    assert "layers 1-20, all that were measured, because no layer of a - b passes" in window_text(e)
    assert "strongest" not in window_text(e)


@pytest.fixture(scope="module")
def whole():
    """An evidence with every kind of analysis in it."""
    gaps = np.column_stack([np.tile([1.0, -1.0, -1.0, 1.0], 6)] + [np.zeros(24)] * 2)
    h = measure({"a": HIGHER, "b": NOTHING, "c": HALF}, rarity=(("item", "condition"), gaps))
    main = compare(h, "a", "b")
    adjusted = {"rarity": compare(h, "a", "b", adjust=["rarity"])}
    matched = {"all": compare(h[2:], "a", "b")}
    return Evidence(
        main,
        [Control("c", compare(h, "c", "b"), compare(h, "a", "c"))],
        confounding=[Confounding(main, imbalance(h, main.terms, ["rarity"]), {}, adjusted, matched, {})],
        nulls=[against([h], h, main, "order", "layers shuffled", permutations=100)],
        untrained=[compare(measure({"a": ELSEWHERE, "b": NOTHING, "c": NOTHING}), "a", "b")],
    )


def test_every_analysis_has_a_row_in_its_group(whole):
    assert [(row.group, row.label) for row in whole.compared] == [
        ("the contrast", "a - b"),
        ("controls", "c - b"),
        ("controls", "a - c"),
        ("a - b, all else equal", "adjusted for rarity"),
        ("a - b, all else equal", "matched on all"),
        ("a - b, beyond a null", "order"),
        ("a - b, untrained network", "random weights 0"),
    ]


def test_a_row_holds_the_effect_at_the_window_and_what_was_found_there(whole):
    assert whole.window == (5, 8)
    for row, (_, _, contrast) in zip(whole.compared, whole.analyses(), strict=True):
        effect = vars(contrast.over(5, 8))
        np.testing.assert_equal({name: getattr(row, name) for name in effect}, effect)
        assert row.found == (row.p <= 0.05)
    assert [row.found for row in whole.compared] == [True, True, True, True, True, False, False]
    assert whole.compared[0].said == "higher at 5-8, p = .005"
    assert whole.compared[4].n == 22
    # found, but elsewhere
    assert whole.untrained[0].significant()
    assert whole.compared[-1].said == "no"


def test_a_cluster_that_overlaps_the_window_is_told_with_its_own_layers():
    e = evidence(measure({"a": LOWER, "b": NOTHING, "c": dict.fromkeys(range(8, 12), -4.0)}))
    rows = {row.label: row for row in e.compared}
    assert rows["a - b"].said == "lower at 5-8, p = .005"
    assert rows["c - b"].said == "lower at 8-11, p = .005"
    # a - c goes down at 5 to 7 and up at 9 to 11: what overlaps the window is told
    assert rows["a - c"].said == "lower at 5-7, p = .005"


def test_effects_downward_are_negative():
    e = evidence(measure({"a": LOWER, "b": NOTHING}))
    assert e.compared[0].dz < -1
    assert e.compared[0].high < 0


def test_a_control_that_was_asked_for_is_reported_once():
    h = measure({"a": HIGHER, "b": NOTHING, "c": HALF})
    e = evidence(h)
    asked = [e.main, compare(h, "a", "c")]
    assert [c.name for c in every_contrast(asked, e)] == ["a - b", "a - c", "c - b"]
    assert [c.name for c in every_contrast([e.main], e)] == ["a - b", "c - b", "a - c"]
    assert every_contrast(asked, None) == asked


def test_a_difference_of_differences_from_one_baseline_is_its_control():
    h = measure({"a": HIGHER, "b": NOTHING, "c": HALF})
    e = evidence(h)
    same = ds.contrast(h, "(a-b)-(c-b)", **QUICK)
    np.testing.assert_allclose(same.table["t"], e.controls[0].excess.table["t"], atol=1e-10)
    assert [c.name for c in every_contrast([e.main, same], e)] == ["a - b", "(a - b) - (c - b)", "c - b"]
    other = ds.contrast(h, "(a-b)-(b-c)", **QUICK)
    assert [c.name for c in every_contrast([other], e)] == ["(a - b) - (b - c)", "c - b", "a - c"]


def test_a_difference_of_differences_is_compared_like_any_contrast():
    h = measure({"a": HIGHER, "b": NOTHING, "c": NOTHING, "d": NOTHING})
    e = Evidence(ds.contrast(h, "(a-b)-(c-d)", **QUICK))
    (row,) = e.compared
    assert row.label == "(a - b) - (c - d)"
    assert e.window == (min(INSIDE), max(INSIDE))
    assert row.found


@pytest.mark.parametrize(
    ("p", "text"), [(0.0004, "p < .001"), (0.001, "p = .001"), (0.05, "p = .050"), (1.0, "p = 1.000")]
)
def test_p_in_short(p, text):
    assert p_text(p) == text


def test_one_layer_is_a_number_and_several_are_a_span():
    one, several = compare(measure({"a": {3: 4.0} | dict.fromkeys(ELSEWHERE, 4.0), "b": NOTHING}), "a", "b").clusters
    assert (range_text(one.first, one.last), range_text(several.first, several.last)) == ("3", "14-16")


def test_one_of_many_contrasts_that_is_only_just_found_is_said_to_be_so():
    """With six contrasts, a p of one in forty is none of one in twenty."""
    for seed, size in itertools.product(range(40), (0.4, 0.6, 0.8)):
        planted = {"a": dict.fromkeys(INSIDE, size), **dict.fromkeys("bcdefg", NOTHING)}
        e = Evidence(compare(measure(planted, seed=seed), "a", "b"))
        e = evidence(measure(planted, seed=seed)) if e.found and 0.02 < e.found.p <= 0.05 else e
        if e.controls and e.found and 0.02 < e.found.p <= 0.05:
            break
    else:
        raise AssertionError("no such table: the test shows nothing")
    assert points(e.main, e, DEPTH)[2].startswith("Corrected for 11 contrasts, it has p = ")
