"""What is left when covariates are held equal, where it is known what they carry."""

import re

import numpy as np
import pytest
import xarray as xr

from depthscope.statistics.attenuation import Left
from depthscope.statistics.balance import imbalance
from depthscope.statistics.shares import Share
from depthscope.studies.contrast.results import Confounding, Evidence
from depthscope.studies.contrast.verdicts import in_short
from depthscope.words import effect_text, p_text
from tests.studies.contrast.planted import (
    ELSEWHERE,
    HIGHER,
    INSIDE,
    LOWER,
    NOTHING,
    compare,
    measure,
)
from tests.studies.contrast.verdicts.planted import IDLE, covariates, two


def carried(gap, size):
    """An effect at the inner layers that comes with a covariate: ``size`` for each unit of its gap."""
    h = two(NOTHING, **covariates(drive=gap, idle=IDLE))
    h.loc[{"condition": "a", "layer": list(INSIDE)}] += size * xr.DataArray(np.broadcast_to(gap, 24), dims="item")
    return h


# on both sides of no difference, and on one side of it
DRIVE = 1.0 + np.tile([-1.5, -0.5, 0.5, 1.5], 6)
ONE_SIDED = DRIVE + 1.0
EXTRAPOLATES = "drive: nearly all items differ in one direction, so that adjusting for it extrapolates"


def held(h, adjust=(), keep=None, unusable=None, unmatched=None, **more):
    plain = compare(h, "a", "b")
    adjusted = {label: compare(h, "a", "b", adjust=names) for label, names in adjust}
    matched = {} if keep is None else {label: compare(h[rows], "a", "b") for label, rows in keep.items()}
    balance = imbalance(h, plain.terms, [str(n) for n, c in h.coords.items() if c.dims == ("item", "condition")])
    return Confounding(plain, balance, unusable or {}, adjusted, matched, unmatched or {}, **more)


def on_confounds(h, **parts):
    confounding = held(h, **parts)
    return in_short(Evidence(confounding.contrast, confounding=[confounding]))


BOTH = [("idle", ["idle"]), ("drive", ["drive"]), ("all", ["idle", "drive"])]


def test_of_an_effect_that_owes_nothing_to_covariates_all_is_left():
    h = two(HIGHER, **covariates(idle=IDLE, drive=DRIVE))
    confounding = held(h, adjust=BOTH, keep={"all": slice(0, 22), "word": slice(2, 24)})
    (line,) = in_short(Evidence(confounding.contrast, confounding=[confounding]))
    left, c = confounding.left, confounding.adjusted["all"]
    effect, (k,) = c.over(5, 8), c.significant()
    assert line == (
        "**a - b, all else equal (layers 5-8)? Yes.** With idle, drive held equal, all of it is left: "
        f"{left['all'].share} (layers 5-8, {p_text(k.p)}, dz {k.dz:+.2f}; mean over layers 5-8: "
        f"dz {effect_text(effect.dz, effect.low, effect.high)}, n = 24). Left with one of them alone: "
        f"idle {left['idle'].share}, drive {left['drive'].share}. Among items matched on all of them "
        f"{confounding.left_matched['all']} (n = 22), among items matched on the word "
        f"{confounding.left_matched['word']} (n = 22)."
    )
    assert left["all"].share.value == pytest.approx(1)


def test_of_an_effect_that_comes_with_a_covariate_nothing_that_matters_is_left():
    confounding = held(carried(DRIVE, 4.0), adjust=[("all", ["drive"])])
    (line,) = in_short(Evidence(confounding.contrast, confounding=[confounding]))
    left = confounding.left["all"].share
    assert left.value == pytest.approx(0, abs=0.1)
    assert f"? No.** With drive held equal, nothing that matters is left: {left} (no cluster; mean over " in line


def test_one_covariate_that_carries_nothing_does_not_turn_the_verdict_and_each_is_named():
    confounding = held(carried(DRIVE, 4.0), adjust=BOTH)
    (line,) = in_short(Evidence(confounding.contrast, confounding=[confounding]))
    left = confounding.left
    assert left["idle"].share.word != "too little"
    assert "? No.** With idle, drive held equal, nothing that matters is left: " in line
    assert f"Left with one of them alone: idle {left['idle'].share}, drive {left['drive'].share}." in line


def half_carried():
    h = carried(DRIVE, 3.0)
    h.loc[{"condition": "a", "layer": list(INSIDE)}] += 3.0
    return h


def test_half_of_an_effect_is_a_part():
    (line,) = on_confounds(half_carried(), adjust=[("all", ["drive"])])
    assert "? In part.** With drive held equal, a part of it is left: " in line


def test_an_effect_that_turns_when_adjusted_is_not_left():
    h = carried(DRIVE, 8.0)
    h.loc[{"condition": "a", "layer": list(INSIDE)}] -= 4.0
    assert compare(h, "a", "b").significant()[0].mass > 0
    assert compare(h, "a", "b", adjust=["drive"]).significant()[0].mass < 0
    assert "? No.** " in on_confounds(h, adjust=[("all", ["drive"])])[0]


def test_an_effect_that_moves_to_other_layers_when_adjusted_is_not_left():
    h = carried(DRIVE, 4.0)
    h.loc[{"condition": "a", "layer": list(ELSEWHERE)}] += 1.3
    assert compare(h, "a", "b").strongest().first == 5
    adjusted = compare(h, "a", "b", adjust=["drive"])
    assert [k.first for k in adjusted.significant()] == [14]
    assert "? No.** " in on_confounds(h, adjust=[("all", ["drive"])])[0]


def test_an_effect_downward_is_left_as_one():
    h = two(LOWER, **covariates(idle=IDLE))
    (line,) = on_confounds(h, adjust=[("all", ["idle"])])
    assert "? Yes.** " in line
    assert " (layers 5-8, " in line


def test_what_too_few_items_cannot_tell_is_undecided():
    """A covariate that is almost the condition itself: 1 or 1.05."""
    drive = 1.0 + 0.05 * np.tile([0.0, 1.0], 6)
    h = two(dict.fromkeys(INSIDE, HIGHER[INSIDE[0]]), items=12, **covariates(items=12, drive=drive))
    (line,) = on_confounds(h, adjust=[("all", ["drive"])])
    assert "? Undecided.** With drive held equal, how much is left is undecided: " in line


def test_an_adjustment_beyond_what_was_observed_is_called_an_extrapolation():
    h = two(HIGHER, **covariates(idle=IDLE, drive=ONE_SIDED))
    (line,) = on_confounds(h, adjust=[("all", ["idle", "drive"])])
    assert "? Yes, but by extrapolation.** With idle, drive held equal, " in line
    assert line.endswith(f" ({EXTRAPOLATES}.)")
    # what was not adjusted for extrapolates nothing
    (line,) = on_confounds(h, adjust=[("all", ["idle"])])
    assert "? Yes.** " in line
    assert "extrapolates" not in line
    # and a "no" stays one, with the note
    (line,) = on_confounds(carried(ONE_SIDED, 8.0), adjust=[("all", ["drive"])])
    assert "? No.** " in line
    assert line.endswith(f" ({EXTRAPOLATES}.)")


@pytest.mark.parametrize(("opposite", "extrapolates"), [(1, True), (2, False)])
def test_one_item_in_twenty_on_the_other_side_is_enough_for_overlap(opposite, extrapolates):
    gaps = ONE_SIDED.copy()
    gaps[:opposite] *= -1
    (line,) = on_confounds(two(dict.fromkeys(INSIDE, 12.0), **covariates(drive=gaps)), adjust=[("all", ["drive"])])
    assert (EXTRAPOLATES in line) == extrapolates
    assert ("? Yes, but by extrapolation.**" if extrapolates else "? Yes.**") in line


def test_matching_that_says_the_opposite_is_said_to_and_does_not_turn_the_verdict():
    h = carried(DRIVE, 4.0)
    far = np.flatnonzero(DRIVE > 1)
    (line,) = on_confounds(h, adjust=[("all", ["drive"])], keep={"all": far})
    assert "? No.** " in line
    assert re.search(
        r"Among items matched on all of them [12]\d\d % \[\d+, \d+\] \(n = 12\), which contradicts it\.$", line
    )
    (line,) = on_confounds(h, adjust=[("all", ["drive"])], keep={"all": np.flatnonzero(np.abs(DRIVE) < 1)})
    assert "contradicts" not in line


def test_without_all_of_them_together_the_answer_is_unknown_and_each_is_still_told():
    (line,) = on_confounds(
        two(HIGHER, **covariates(idle=IDLE, drive=DRIVE)), adjust=BOTH[:2], unusable={"all": "too few items"}
    )
    assert "? Unknown.** All covariates together cannot be held equal. Left with one of them alone: idle 1" in line
    assert line.endswith(" (all: too few items.)")


# --- measurement error


def assumed(**ends):
    """By reliability (``at_7`` is .7): a share with its interval."""
    return {1.0 if k == "at_10" else int(k[3:]) / 10: Left(Share(*share), 0.0, 0.0, 0.0) for k, share in ends.items()}


def test_it_is_said_at_which_reliability_the_effect_would_be_gone():
    left = assumed(at_10=(0.6, 0.3, 0.9), at_8=(0.5, 0.1, 0.9), at_5=(0.2 - 0.3, -0.5, 0.3))
    (line,) = on_confounds(half_carried(), adjust=[("all", ["drive"])], assumed=left, noisy=["drive"])
    gone = 1 / (1 / 0.8 + (0.5 - 0.2) / (0.5 + 0.1) * (1 / 0.5 - 1 / 0.8))
    unsure = 1 / (1 / 0.8 + 0.1 / 0.6 * (1 / 0.5 - 1 / 0.8))
    assert (
        "That takes drive to be measured without error: the effect would be gone (below 20 %) with a reliability of "
        f"{gone:.2f} or less, and its interval would reach 0 at {unsure:.2f}.".replace(" 0.", " .")
    ) in line


def test_where_it_would_not_be_gone_it_is_said_what_would_be_left():
    left = assumed(at_10=(0.6, 0.3, 0.9), at_5=(0.4, 0.1, 0.8))
    (line,) = on_confounds(half_carried(), adjust=[("all", ["drive"])], assumed=left, noisy=["drive"])
    assert "without error: with a reliability of .5, 40 % [10, 80] would be left." in line
    assert "reach 0" not in line


def test_a_reliability_that_was_given_decides():
    corrected = Left(Share(0.05, -0.1, 0.15), 0.0, 0.0, 0.0)
    (line,) = on_confounds(half_carried(), adjust=[("all", ["drive"])], corrected=corrected, reliability={"drive": 0.7})
    assert (
        "? No.** With drive held equal, drive taken to be measured with a reliability of .7, nothing that matters is "
        "left: 5 % [-10, 15] (before that correction, " in line
    )


def test_covariates_alone_are_not_corrected_and_a_small_reliability_has_its_digits():
    corrected = Left(Share(0.05, -0.1, 0.15), 0.0, 0.0, 0.0)
    both = [("idle", ["idle"]), *BOTH[1:]]
    (line,) = on_confounds(
        half_carried(), adjust=both, corrected=corrected, reliability={"drive": 0.004}, noisy=["idle", "drive"]
    )
    assert "measured with a reliability of .004, " in line
    assert ", idle without error, nothing" in line
    assert "Left with one of them alone, all of them taken to be exact: idle " in line


def test_what_could_not_be_used_is_named_with_its_reason():
    same = "the same in all conditions of every item"
    (line,) = on_confounds(
        two(HIGHER, **covariates(idle=IDLE)),
        adjust=[("all", ["idle"])],
        unusable={"length": same, "position": same, "arousal": "unknown for most items"},
        unmatched={"all": "3 items can be matched on idle; at least 20 are needed"},
    )
    assert line.endswith(
        "(the same by design: length, position; arousal: unknown for most items; "
        "matched on all: 3 items can be matched on idle; at least 20 are needed.)"
    )


def test_where_nothing_can_be_adjusted_for_the_answer_is_unknown():
    (line,) = on_confounds(two(HIGHER), unusable={"length": "the same in all conditions of every item"})
    assert "? Unknown.** Nothing could be adjusted for. (the same by design: length.)" in line


def test_what_exceeds_a_control_is_held_at_its_own_layers_and_told_at_those_of_the_main_contrast():
    h = measure({"a": HIGHER, "b": NOTHING, "c": dict.fromkeys(range(5, 7), 4.0)}, rarity=rarity(3))
    main, excess, adjusted = compare(h, "a", "b"), compare(h, "a", "c"), compare(h, "a", "c", adjust=["rarity"])
    held = Confounding(excess, imbalance(h, excess.terms, ["rarity"]), {"n": "unknown"}, {"all": adjusted}, {}, {})
    (line,) = in_short(Evidence(main, confounding=[held]))
    assert line.startswith("**a - c, all else equal (layers 7-8)? Yes.** With rarity held equal, all of it is left: ")
    over = adjusted.over(5, 8)
    told = f"At the layers of a - b, adjusted for rarity: mean over layers 5-8: dz {effect_text(over.dz, over.low, over.high)}."
    assert line.endswith(f"({told}) (n: unknown.)")


def rarity(conditions):
    """A covariate that differs in the first condition, in relation to nothing."""
    return ("item", "condition"), np.column_stack([IDLE] + [np.zeros(24)] * (conditions - 1))


def test_a_contrast_that_found_nothing_needs_no_adjustment():
    assert on_confounds(two(NOTHING, **covariates(idle=IDLE)), adjust=[("idle", ["idle"])]) == []
