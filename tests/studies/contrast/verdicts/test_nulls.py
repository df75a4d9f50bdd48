"""How much a null explains, where it is known how much it has; and labels that mean nothing."""

import re

import numpy as np
import pytest

from depthscope.statistics.calibration import Rate
from depthscope.statistics.nulls import against
from depthscope.studies.contrast.results import Evidence
from depthscope.studies.contrast.verdicts import in_short
from tests.studies.contrast.planted import (
    DEPTH,
    HIGHER,
    LOWER,
    NOTHING,
    compare,
)
from tests.studies.contrast.verdicts.planted import two


def null_line(planted, draws):
    h = two(planted)
    real = compare(h, "a", "b")
    null = against(draws(h), h, real, "shuffled", "layers shuffled", permutations=200)
    (line,) = in_short(Evidence(real, nulls=[null]))
    return line


def with_share(share):
    """Draws that keep this share of what was planted."""
    kept = {layer: share * size for layer, size in HIGHER.items()}
    return lambda h: [two(kept, seed=20 + k) for k in range(4)]


def mirrored(h):
    """Draws that are nothing but noise one by one, and exactly the real thing on average."""
    noise = 100 * np.random.default_rng(9).normal(size=(2, *h.shape))
    noise -= noise.mean(1, keepdims=True)
    return [h + sign * part for part in noise for sign in (1, -1)]


def test_a_null_without_the_effect_does_not_explain_it():
    line = null_line(HIGHER, with_share(0.0))
    assert re.match(
        r"\*\*Layers shuffled:\*\* it has 0 % \[-\d, \d\] of the size observed \(0 to 0 % in most draws; 0 reach it\); ",
        line,
    )
    assert f"the effect is there in {Rate(0, 4)}; " in line
    assert "beyond it, the conditions still differ there (layers 5-8, " in line
    assert line.endswith(" It is too little to explain the effect.")


def test_a_null_with_half_of_the_effect_explains_a_part():
    line = null_line(HIGHER, with_share(0.5))
    assert re.search(r"it has 50 % \[4\d, 5\d\] of the size observed \(50 to 50 % in most draws; 0 reach it\); ", line)
    assert f"the effect is there in {Rate(4, 4)}; " in line
    assert line.endswith(" It explains a part of the effect, not all of it.")


def test_a_null_with_all_of_the_effect_is_enough():
    line = null_line(HIGHER, lambda h: [h] * 3)
    assert "it has 100 % [100, 100] of the size observed (100 to 100 % in most draws; 3 reach it); " in line
    assert f"the effect is there in {Rate(3, 3)}; " in line
    assert line.endswith("; beyond it, nothing is found there. It is enough to explain the effect.")


def test_the_range_of_a_null_and_how_many_reach_the_effect_are_told():
    line = null_line(HIGHER, lambda h: [one for share in (0.5, 1.0, 1.5, 1.0) for one in with_share(share)(h)[:1]])
    assert " of the size observed (50 to 150 % in most draws; 3 reach it)" in line
    assert line.endswith("Undecided: the interval allows more than one of too little, a part and enough.")


def test_a_null_that_neither_shows_nor_leaves_the_effect_is_undecided():
    line = null_line(HIGHER, mirrored)
    assert "it has 100 % [" in line
    assert f"the effect is there in {Rate(0, 4)}; " in line
    assert "beyond it, nothing is found there. Undecided: " in line


def test_a_verdict_on_a_null_follows_size_and_not_what_is_significant():
    """Much of the effect, so noisy that few draws show it; and hardly any of it, so clean that every draw does."""
    noise = 12 * np.random.default_rng(3).normal(size=(40, 24, 2, DEPTH))

    def noisy(h):
        return [
            two({layer: 0.9 * size for layer, size in HIGHER.items()}, seed=50) + one for one in noise - noise.mean(0)
        ]

    assert "It is too little" not in null_line(HIGHER, noisy)
    assert null_line(HIGHER, with_share(0.1)).endswith("It is too little to explain the effect.")


def test_a_null_works_downward_too():
    def all_of_it(h):
        return [h]

    def upward(h):
        return [two(HIGHER, seed=k) for k in (20, 21)]

    assert "It is enough to explain the effect." in null_line(LOWER, all_of_it)
    # an effect in the other direction is not the effect
    line = null_line(LOWER, upward)
    assert f"the effect is there in {Rate(0, 2)}; " in line
    assert re.search(
        r"it has -100 % \[-\d+, -\d+\] of the size observed \(-100 to -100 % in most draws; 0 reach it\)", line
    )
    assert line.endswith(" It is too little to explain the effect.")


def test_without_an_effect_a_null_tells_how_often_it_finds_something():
    line = null_line(NOTHING, with_share(1.0))
    assert line == f"**Layers shuffled:** a - b is found in {Rate(4, 4)}."


# --- labels swapped


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (10, "nominal 5 %: as it should be."),
        (0, "the test is cautious here."),
        (40, "do not trust the p of this data."),
    ],
)
def test_labels_swapped_by_coin_tell_whether_p_can_be_trusted(found, words):
    (line,) = in_short(Evidence(compare(two(HIGHER), "a", "b"), swapped=Rate(found, 200)))
    assert line.startswith(f"**Labels swapped by coin:** something is found in {Rate(found, 200)}; ")
    assert line.endswith(f"{words} (This checks the test; that items are independent of each other is assumed.)")
