"""What numbers are taken to mean: each rule at its edges."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from depthscope.statistics.calibration import Rate
from depthscope.statistics.shares import Share
from depthscope.studies.contrast.levels import (
    corrected,
    finding,
    one_direction,
    presence,
    rest_of,
    selection,
    swapped_level,
    there,
    tipping,
)
from tests.studies.contrast.planted import ELSEWHERE, HALF, HIGHER, LOWER, NOTHING, compare, evidence, measure


@pytest.mark.parametrize(
    ("planted", "items", "level"),
    [
        (HIGHER, 24, "found"),
        (LOWER, 24, "found"),
        (HIGHER, 4, "too few items"),
        (NOTHING, 4, "too few items"),
        (NOTHING, 24, "not found"),
        ({3: 0.75}, 24, "not found"),  # a cluster, and not significant
        (NOTHING, 80, "equivalent"),
    ],
)
def test_a_difference_is_found_or_shown_to_be_small_or_neither(planted, items, level):
    assert finding(compare(measure({"a": planted, "b": NOTHING}, items=items), "a", "b")) == level


def test_clusters_of_both_signs_have_no_one_direction():
    same, both = (HIGHER | ELSEWHERE, HIGHER | dict.fromkeys(ELSEWHERE, -4.0))
    assert one_direction(compare(measure({"a": same, "b": NOTHING}), "a", "b"))
    assert not one_direction(compare(measure({"a": both, "b": NOTHING}), "a", "b"))


@pytest.mark.parametrize(
    ("planted", "window", "sign", "expected"),
    [
        (HIGHER, (5, 8), 1.0, True),
        (HIGHER, (5, 8), -1.0, False),
        (LOWER, (5, 8), -1.0, True),
        (HIGHER, (9, 20), 1.0, False),
        ({5: 1.5, 6: 1.5, 7: 1.5, 8: 8.0}, (5, 7), 1.0, True),  # it peaks outside, and fills the window
        (dict.fromkeys(range(14, 17), 1.5), (1, 14), 1.0, False),  # it touches the window, whose mean does not differ
        (dict.fromkeys(range(14, 17), 1.5), (14, 20), 1.0, True),
        # it overlaps, and the mean goes the other way; and so for that way
        (dict.fromkeys(range(5, 8), -4.0) | dict.fromkeys(range(8, 12), 4.0), (5, 8), 1.0, False),
        (dict.fromkeys(range(5, 8), -4.0) | dict.fromkeys(range(8, 12), 4.0), (5, 8), -1.0, True),
        # the mean differs, and no cluster does
        (dict.fromkeys(range(1, 21), 0.3), (1, 20), 1.0, False),
        ({5: 1.5, 6: 1.5, 7: 1.5, 8: 8.0}, (8, 8), 1.0, True),
        ({6: 0.75}, (6, 6), 1.0, False),  # a cluster, and not significant
        (NOTHING, (1, 20), 1.0, False),
    ],
)
def test_there_means_significant_overlapping_and_so_in_the_mean_of_the_window(planted, window, sign, expected):
    c = compare(measure({"a": planted, "b": NOTHING}), "a", "b")
    found = there(c, window, sign)
    assert (found is not None) == expected
    assert found is None or found in c.significant()


def test_of_several_clusters_there_the_strongest_is_told():
    c = compare(measure({"a": HIGHER | dict.fromkeys(ELSEWHERE, 12.0), "b": NOTHING}), "a", "b")
    assert there(c, (1, 20), 1.0) == c.clusters[1]


@pytest.mark.parametrize(
    ("planted", "items", "sign", "level"),
    [
        (HIGHER, 24, 1.0, "there"),
        (HIGHER, 24, -1.0, "reversed"),
        (NOTHING, 24, 1.0, "not there"),
        (NOTHING, 80, 1.0, "equivalent"),
    ],
)
def test_at_a_window_an_effect_is_there_reversed_small_or_not_there(planted, items, sign, level):
    c = compare(measure({"a": planted, "b": NOTHING}, items=items), "a", "b")
    found, cluster = presence(c, (5, 8), sign)
    assert found == level
    assert cluster == (c.strongest() if level in ("there", "reversed") else None)


def test_what_other_halves_show_is_held_against_the_items_that_chose_the_layers():
    c = compare(measure({"a": HIGHER, "b": NOTHING}), "a", "b")
    found = selection(c)
    assert (found.own, found.other) == (c.over(5, 8).dz, c.halves.window)
    assert found.as_much == (found.other / found.own >= 0.95)
    assert selection(compare(measure({"a": NOTHING, "b": NOTHING}), "a", "b")) is None
    assert selection(compare(measure({"a": HIGHER, "b": NOTHING}, items=8), "a", "b")) is None


def test_clusters_of_several_contrasts_are_corrected_for_their_number():
    e = evidence(measure({"a": HIGHER, "b": NOTHING, "c": HALF, "d": NOTHING}))
    contrasts = [e.main, *e.control_contrasts]
    found = corrected(contrasts)
    own = np.array([min((k.p for k in c.clusters), default=1.0) for c in contrasts])
    expected = multipletests(own, method="holm")[1]
    assert [min(ps, default=1.0) for ps in found] == pytest.approx(expected)
    for c, ps in zip(contrasts, found, strict=True):
        assert all(p >= k.p for k, p in zip(c.clusters, ps, strict=True))
    assert [corrected([c])[0] for c in contrasts] == [[k.p for k in c.clusters] for c in contrasts]


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [
        (-0.1, 0.19, "No"),
        (0.05, 0.9, "In part"),
        (0.3, 1.4, "At least in part"),
        (0.1, 1.4, "Undecided"),
        (-0.1, 0.5, "At most in part"),
        (-0.1, 0.9, "Undecided"),
        (0.9, 1.4, "Yes"),
        (np.nan, np.nan, "Undecided"),
    ],
)
def test_the_answer_follows_the_interval_of_what_is_left(low, high, answer):
    assert rest_of(Share(0.5, low, high)) == answer


def test_along_a_line_the_tipping_point_is_exact():
    """What is taken away grows by 1 / reliability: of .4, .8 are taken away at a half."""
    values = {one: 1 - 0.4 / one for one in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)}
    assert tipping(values, 0.2) == pytest.approx(0.5)
    assert tipping(values, -0.5) is None
    assert tipping(values, 0.9) is None


@pytest.mark.parametrize(
    ("rate", "level"),
    [(Rate(10, 200), "nominal"), (Rate(1, 200), "cautious"), (Rate(60, 200), "too many"), (None, "")],
)
def test_labels_that_mean_nothing_are_held_against_five_per_cent(rate, level):
    assert swapped_level(evidence(measure({"a": HIGHER, "b": NOTHING}), swapped=rate)) == level
