"""What is left when covariates are held equal, where it is known what they carry."""

import numpy as np
import pytest
import xarray as xr

from depthscope.drawing.alt import p_text
from depthscope.report.evidence import Confounding, Evidence
from depthscope.report.verdicts import in_short
from depthscope.statistics.balance import imbalance
from depthscope.statistics.effects import effect_text
from tests.report.planted import (
    ELSEWHERE,
    HIGHER,
    INSIDE,
    LOWER,
    NOTHING,
    compare,
    measure,
)
from tests.report.verdicts.planted import IDLE, covariates, two


def carried(gap, size):
    """An effect at the inner layers that comes with a covariate: ``size`` for each unit of its gap."""
    h = two(NOTHING, **covariates(drive=gap, idle=IDLE))
    h.loc[{"condition": "a", "layer": list(INSIDE)}] += size * xr.DataArray(np.broadcast_to(gap, 24), dims="item")
    return h


# on both sides of no difference, and on one side of it
DRIVE = 1.0 + np.tile([-1.5, -0.5, 0.5, 1.5], 6)
ONE_SIDED = DRIVE + 1.0
EXTRAPOLATES = "drive: nearly all items differ in one direction, so that adjusting for it extrapolates"


def held(h, adjust=(), keep=None, unusable=None, unmatched=None):
    plain = compare(h, "a", "b")
    adjusted = {label: compare(h, "a", "b", adjust=names) for label, names in adjust}
    matched = {} if keep is None else {label: compare(h[rows], "a", "b") for label, rows in keep.items()}
    balance = imbalance(h, plain.terms, [str(n) for n, c in h.coords.items() if c.dims == ("item", "condition")])
    return Confounding(plain, balance, unusable or {}, adjusted, matched, unmatched or {})


def on_confounds(h, **parts):
    confounding = held(h, **parts)
    return in_short(Evidence(confounding.contrast, confounding=[confounding]))


def test_an_effect_that_owes_nothing_to_a_covariate_survives():
    h = two(HIGHER, **covariates(idle=IDLE, drive=DRIVE))
    (line,) = on_confounds(
        h, adjust=[("idle", ["idle"]), ("all", ["idle", "drive"])], keep={"all": slice(0, 22), "word": slice(2, 24)}
    )
    assert line.startswith("**a - b, all else equal (layers 5-8)? Yes.** It survives adjustment for idle (layers 5-8, ")
    for words in (", adjustment for all of them (", ", matching on all of them (", ", matching on the word ("):
        assert words in line
    assert line.count("n = 22)") == 2
    assert "not survive" not in line
    assert "extrapolat" not in line


def test_an_adjustment_beyond_what_was_observed_is_called_an_extrapolation():
    h = two(HIGHER, **covariates(idle=IDLE, drive=ONE_SIDED))
    (line,) = on_confounds(h, adjust=[("idle", ["idle"]), ("all", ["idle", "drive"])])
    assert "? Yes, but by extrapolation.** It survives adjustment for idle (layers 5-8, " in line
    assert line.endswith(f" ({EXTRAPOLATES}.)")
    # what was not adjusted for extrapolates nothing
    (line,) = on_confounds(h, adjust=[("idle", ["idle"])])
    assert "? Yes.** " in line
    assert "extrapolates" not in line
    # and a "no" stays one, with the note
    (line,) = on_confounds(carried(ONE_SIDED, 2.0), adjust=[("drive", ["drive"])])
    assert "? No.** " in line
    assert line.endswith(f" ({EXTRAPOLATES}.)")


@pytest.mark.parametrize(("opposite", "extrapolates"), [(1, True), (2, False)])
def test_one_item_in_twenty_on_the_other_side_is_enough_for_overlap(opposite, extrapolates):
    gaps = ONE_SIDED.copy()
    gaps[:opposite] *= -1
    (line,) = on_confounds(two(HIGHER, **covariates(drive=gaps)), adjust=[("drive", ["drive"])])
    assert (EXTRAPOLATES in line) == extrapolates
    assert ("? Yes, but by extrapolation.**" if extrapolates else "? Yes.**") in line


def blurred_by(few):
    """An effect too small for a cluster in half of the items, though their mean over the window differs."""
    h = two(dict.fromkeys(INSIDE, 0.8), **covariates(idle=IDLE))
    c = compare(h[few], "a", "b")
    assert not c.significant()
    assert c.over(5, 8).p <= 0.05
    return h, c


FEW = [*range(6), *range(12, 18)]


def test_an_effect_that_is_left_in_the_mean_only_is_blurred():
    h, c = blurred_by(FEW)
    effect = c.over(5, 8)
    confounding = held(h, adjust=[("idle", ["idle"])], keep={"word": FEW})
    first, last = (lambda k: (k.first, k.last))(confounding.contrast.significant()[0])
    (line,) = in_short(Evidence(confounding.contrast, confounding=[confounding]))
    effect = c.over(first, last)
    begin = f"**a - b, all else equal (layers {first}-{last})? In the mean, not everywhere as a cluster.** "
    assert line.startswith(
        f"{begin}No cluster is left, though the mean still differs, after matching on the word (mean over layers "
        f"{first}-{last}: dz {effect_text(effect.dz, effect.low, effect.high)}, {p_text(effect.p)}, n = 12); "
        "it survives adjustment for idle ("
    )
    # blurred in every way is no "no" either
    (line,) = on_confounds(h, keep={"word": FEW})
    assert line.startswith(f"{begin}No cluster is left")


def test_blurred_in_one_way_and_lost_in_another_is_not_in_every_way():
    h, _ = blurred_by(FEW)
    h = h.assign_coords(covariates(drive=(h[:, 0] - h[:, 1]).sel(layer=list(INSIDE)).mean("layer").values))
    (line,) = on_confounds(h, adjust=[("drive", ["drive"])], keep={"word": FEW})
    assert "? Not in every way.** It does not survive adjustment for drive (mean over " in line
    assert "; no cluster is left, though the mean still differs, after matching on the word (mean over " in line
    assert "it survives" not in line


def test_an_effect_downward_survives_as_one():
    h = two(LOWER, **covariates(idle=IDLE))
    (line,) = on_confounds(h, adjust=[("idle", ["idle"])])
    assert "? Yes.** It survives adjustment for idle (layers 5-8, " in line


def test_an_effect_that_comes_with_a_covariate_does_not_survive():
    h = carried(DRIVE, 2.0)
    confounding = held(h, adjust=[("drive", ["drive"])])
    assert confounding.contrast.significant()
    (line,) = in_short(Evidence(confounding.contrast, confounding=[confounding]))
    effect = confounding.adjusted["drive"].over(5, 8)
    assert line == (
        f"**a - b, all else equal (layers 5-8)? No.** It does not survive adjustment for drive "
        f"(mean over layers 5-8: dz {effect_text(effect.dz, effect.low, effect.high)}, n = 24)."
    )


def test_what_survives_one_adjustment_and_not_another_is_told_apart():
    (line,) = on_confounds(carried(DRIVE, 2.0), adjust=[("idle", ["idle"]), ("drive", ["drive"])])
    assert "? Not in every way.** It does not survive adjustment for drive (mean over " in line
    assert "; it survives adjustment for idle (layers 5-8, " in line


def test_an_effect_that_turns_when_adjusted_does_not_survive():
    h = carried(DRIVE, 8.0)
    h.loc[{"condition": "a", "layer": list(INSIDE)}] -= 4.0
    adjusted = compare(h, "a", "b", adjust=["drive"])
    assert compare(h, "a", "b").significant()[0].mass > 0 > adjusted.significant()[0].mass
    assert "? No.** It does not survive" in on_confounds(h, adjust=[("drive", ["drive"])])[0]


def test_an_effect_that_moves_to_other_layers_when_adjusted_does_not_survive():
    h = carried(DRIVE, 4.0)
    h.loc[{"condition": "a", "layer": list(ELSEWHERE)}] += 1.3
    assert compare(h, "a", "b").strongest().first == 5
    adjusted = compare(h, "a", "b", adjust=["drive"])
    assert [k.first for k in adjusted.significant()] == [14]
    assert "? No.** It does not survive" in on_confounds(h, adjust=[("drive", ["drive"])])[0]


def few_items(size, gap):
    """Twelve items of an effect of ``size`` whose covariate is almost the condition itself: 1 or 1 + ``gap``."""
    drive = 1.0 + gap * np.tile([0.0, 1.0], 6)
    return two(dict.fromkeys(INSIDE, size), items=12, **covariates(items=12, drive=drive))


def test_what_too_few_items_cannot_tell_is_undecided_and_not_lost():
    """The adjusted effect may be nothing and may be as large as before: its interval holds both."""
    h = few_items(HIGHER[INSIDE[0]], 0.05)
    confounding = held(h, adjust=[("drive", ["drive"])])
    k = confounding.contrast.strongest()
    left, before = confounding.adjusted["drive"].over(k.first, k.last), confounding.contrast.over(k.first, k.last)
    assert left.difference_low < 0 < before.difference < left.difference_high
    (line,) = in_short(Evidence(confounding.contrast, confounding=[confounding]))
    assert (
        f"all else equal (layers {k.first}-{k.last})? Undecided.** Undecided (what is left may be nothing, and" in line
    )
    assert "after adjustment for drive (mean over layers" in line
    assert "survive" not in line


def test_survival_in_one_way_and_no_answer_in_another_is_undecided_in_part():
    h = few_items(HIGHER[INSIDE[0]], 0.05)
    h = h.assign_coords(covariates(items=12, idle=IDLE[:12]))
    (line,) = on_confounds(h, adjust=[("idle", ["idle"]), ("drive", ["drive"])])
    assert "? Undecided in part.** Undecided (" in line
    assert "; it survives adjustment for idle (" in line


def test_what_could_not_be_used_is_named_with_its_reason():
    same = "the same in all conditions of every item"
    (line,) = on_confounds(
        two(HIGHER, **covariates(idle=IDLE)),
        adjust=[("idle", ["idle"])],
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
    assert line.startswith(
        "**a - c, all else equal (layers 7-8)? Yes.** It survives adjustment for rarity (layers 7-8, "
    )
    over = adjusted.over(5, 8)
    told = f"At the layers of a - b, adjusted for rarity: mean over layers 5-8: dz {effect_text(over.dz, over.low, over.high)}."
    assert line.endswith(f"({told}) (n: unknown.)")


def rarity(conditions):
    """A covariate that differs in the first condition, in relation to nothing."""
    return ("item", "condition"), np.column_stack([IDLE] + [np.zeros(24)] * (conditions - 1))


def test_a_contrast_that_found_nothing_needs_no_adjustment():
    assert on_confounds(two(NOTHING, **covariates(idle=IDLE)), adjust=[("idle", ["idle"])]) == []
