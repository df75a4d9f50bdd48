"""One contrast: found, not found, or more than can be decided."""

import numpy as np
import pytest

import depthscope as ds
from depthscope.studies.contrast.verdicts.contrast import cluster_p, equivalence_text, exclusions, verdict
from tests.studies.contrast.planted import (
    DEPTH,
    ELSEWHERE,
    HIGHER,
    NOTHING,
    QUICK,
    compare,
    measure,
)
from tests.studies.contrast.verdicts.planted import two


def test_an_effect_is_found_with_direction_layers_depth_p_and_size():
    c = compare(two(HIGHER), "a", "b")
    text = verdict(c, DEPTH)
    (k,) = c.significant()
    assert text.startswith("**a - b: found** in 24 items. CSE is higher for a than for b over layers 5-8 of 20")
    assert "(relative depth 0.25 to 0.40)" in text
    assert cluster_p(k) in text
    assert f"dz = {k.dz:+.2f} [{k.dz_low:+.2f}, {k.dz_high:+.2f}] at layer {k.peak_layer}" in text
    assert "changes along depth" not in text
    assert "not found" not in text


def test_the_direction_turns_with_the_contrast():
    assert "CSE is lower for b than for a over layers 5-8" in verdict(compare(two(HIGHER), "b", "a"), DEPTH)


def test_effects_in_both_directions_are_both_told():
    both = HIGHER | {layer: -size for layer, size in ELSEWHERE.items()}
    text = verdict(compare(two(both), "a", "b"), DEPTH)
    assert "higher for a than for b over layers 5-8" in text
    assert "lower for a than for b over layers 14-16" in text
    assert "The direction changes along depth." in text


def test_a_difference_of_differences_names_both_of_them():
    h = measure({"a": HIGHER, "b": NOTHING, "c": NOTHING, "d": NOTHING})
    text = verdict(ds.contrast(h, "(a-b)-(c-d)", **QUICK), DEPTH)
    assert text.startswith("**(a - b) - (c - d): found** in 24 items.")
    assert "CSE is higher for (a - b) than for (c - d) over layers 5-8" in text


def test_what_is_not_found_is_no_evidence_of_sameness():
    c = compare(two({3: 0.75}), "a", "b")
    assert c.clusters
    assert not c.significant()
    text = verdict(c, DEPTH)
    assert text.startswith("**a - b: not found.** No cluster of layers reaches family-wise p <= 0.05 in 24 items.")
    assert "no evidence that the conditions are the same: |dz| = 0.2 is not excluded" in text
    nearest = min(c.clusters, key=lambda k: k.p)
    assert nearest.first == nearest.last
    assert f"The nearest: layer {nearest.first}, {cluster_p(nearest)}." in text


def test_where_no_layer_passes_the_threshold_there_is_no_nearest():
    text = verdict(compare(two(NOTHING), "a", "b"), DEPTH)
    assert "not found" in text
    assert "nearest" not in text


def test_enough_items_make_sameness_a_finding():
    c = compare(two(NOTHING, items=80), "a", "b")
    assert c.equivalence() <= 0.05
    assert "At every layer measured (1 to 20) the effect is smaller than |dz| = 0.2 (equivalence p = .0" in verdict(
        c, DEPTH
    )
    # the bound is the user's
    assert "|dz| = 0.1 is not excluded" in equivalence_text(compare(two(NOTHING, items=80), "a", "b", bound=0.1))


def test_one_layer_that_differs_is_enough_against_sameness():
    c = compare(two({11: 0.5}, items=80), "a", "b")
    assert c.equivalence(1, 10) <= 0.05 < c.equivalence()
    assert "no evidence that the conditions are the same" in equivalence_text(c)


def test_p_says_whether_it_is_exact():
    few = two(HIGHER, items=10)
    exact, drawn = (compare(few, "a", "b", permutations=n).clusters[0] for n in (2000, 500))
    assert cluster_p(exact) == f"p = {exact.p:.4f} (exact)"
    assert cluster_p(drawn) == f"p = {drawn.p:.4f} (Monte-Carlo 95 % interval {drawn.p_low:.4f} to {drawn.p_high:.4f})"


def test_too_few_items_are_not_called_not_found():
    text = verdict(compare(two(HIGHER, items=4), "a", "b"), DEPTH)
    assert "cannot be decided" in text
    assert "With 4 items the smallest possible p is 0.125" in text
    assert "not found" not in text


@pytest.fixture
def with_gaps():
    """Item i3 lacks condition b; items i5 and i6 have the same text up to the target."""
    contexts = np.array([[f"{k}a", f"{k}b"] for k in range(24)], dtype=object)
    contexts[5, 1], contexts[6, 1] = contexts[5, 0], contexts[6, 0]
    h = two(HIGHER, context=(("item", "condition"), contexts))
    h[3, 1] = np.nan
    return h


def test_what_was_left_out_is_named_with_its_reason(with_gaps):
    c = compare(with_gaps, "a", "b")
    same, incomplete = exclusions(c)
    assert c.n == 21
    assert "2 pair(s) with the same text up to the target" in same
    assert "left out: i5, i6." in same
    assert "1 item(s) without all its conditions left out: i3." in incomplete


def test_pairs_that_were_kept_on_request_are_named_as_kept(with_gaps):
    c = compare(with_gaps, "a", "b", include_same_context=True)
    assert c.n == 23
    assert "kept: i5, i6." in exclusions(c)[0]


def test_nothing_left_out_needs_no_line():
    assert exclusions(compare(two(HIGHER), "a", "b")) == []
