"""Every rule that makes a sentence, on data in which the answer is planted."""

import re

import numpy as np
import pytest
import xarray as xr

import depthscope as ds
from depthscope.drawing.alt import p_text
from depthscope.report.evidence import Confounding, Control, Evidence, there
from depthscope.report.verdicts import (
    cluster_p,
    control_share,
    control_text,
    equivalence_text,
    exclusions,
    in_short,
    verdict,
)
from depthscope.statistics.balance import imbalance
from depthscope.statistics.calibration import Rate
from depthscope.statistics.curve import joint_curve
from depthscope.statistics.effects import effect_text
from depthscope.statistics.nulls import against
from depthscope.statistics.power import power_curve
from tests.report.planted import (
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

# --- one contrast


def two(planted, items=24, **coords):
    return measure({"a": planted, "b": NOTHING}, items=items, **coords)


def test_an_effect_is_found_with_direction_layers_depth_p_and_size():
    c = compare(two(HIGHER), "a", "b")
    text = verdict(c, DEPTH)
    (k,) = c.significant()
    assert text.startswith("**a - b: found** in 24 items. CSE is higher for a than for b over layers 5 to 8 of 20")
    assert "(relative depth 0.25 to 0.40)" in text
    assert cluster_p(k) in text
    assert f"dz = {k.dz:+.2f} [{k.dz_low:+.2f}, {k.dz_high:+.2f}] at layer {k.peak_layer}" in text
    assert "changes along depth" not in text
    assert "not found" not in text


def test_the_direction_turns_with_the_contrast():
    assert "CSE is lower for b than for a over layers 5 to 8" in verdict(compare(two(HIGHER), "b", "a"), DEPTH)


def test_effects_in_both_directions_are_both_told():
    both = HIGHER | {layer: -size for layer, size in ELSEWHERE.items()}
    text = verdict(compare(two(both), "a", "b"), DEPTH)
    assert "higher for a than for b over layers 5 to 8" in text
    assert "lower for a than for b over layers 14 to 16" in text
    assert "The direction changes along depth." in text


def test_a_difference_of_differences_names_both_of_them():
    h = measure({"a": HIGHER, "b": NOTHING, "c": NOTHING, "d": NOTHING})
    text = verdict(ds.contrast(h, "(a-b)-(c-d)", **QUICK), DEPTH)
    assert text.startswith("**(a - b) - (c - d): found** in 24 items.")
    assert "CSE is higher for (a - b) than for (c - d) over layers 5 to 8" in text


def test_what_is_not_found_is_no_evidence_of_sameness():
    c = compare(two({3: 0.75}), "a", "b")
    assert c.clusters
    assert not c.significant()
    text = verdict(c, DEPTH)
    assert text.startswith("**a - b: not found.** No cluster of layers reaches family-wise p <= 0.05 in 24 items.")
    assert "no evidence that the conditions are the same: |dz| = 0.2 is not excluded" in text
    nearest = min(c.clusters, key=lambda k: k.p)
    assert f"The nearest: layers {nearest.first} to {nearest.last}, {cluster_p(nearest)}." in text


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


# --- controls

SPECIFIC = ("specific", "Yes")
PART = ("in part", "In part")
NOT = ("not specific", "No")
UNDECIDED = ("undecided", "Undecided")

OVER = "mean over layers 5-8: dz "

# what is planted, noise, items; level and answer; how it begins for the control alone, and for what exceeds it
CONTROLS = {
    "nothing in the control": (
        {"c": NOTHING},
        {},
        24,
        SPECIFIC,
        "c - b is not there (MEAN)",
        "a - c is there",
    ),
    "half of it in the control": ({"c": HALF}, {}, 24, PART, "c - b is there", "a - c is there"),
    "all of it in the control": (
        {"c": HIGHER},
        {},
        24,
        NOT,
        "c - b is there",
        "a - c is not there (MEAN)",
    ),
    "all of it, and enough items to say so": (
        {"c": HIGHER},
        {},
        80,
        NOT,
        "c - b is there",
        "a - c is not there (MEAN, below |dz| = 0.2, SAME)",
    ),
    "more in the control": (
        {"c": dict.fromkeys(INSIDE, 8.0)},
        {},
        24,
        NOT,
        "c - b is there",
        "a - c goes the other way",
    ),
    "the control at other layers": (
        {"c": ELSEWHERE},
        {},
        24,
        SPECIFIC,
        "c - b is not there (MEAN)",
        "a - c is there",
    ),
    "the control in the other direction": (
        {"c": LOWER},
        {},
        24,
        SPECIFIC,
        "c - b goes the other way",
        "a - c is there",
    ),
    "a control too noisy to tell": (
        {"c": NOTHING},
        {"c": 100.0},
        24,
        UNDECIDED,
        "c - b is not there (MEAN)",
        "a - c is not there (MEAN)",
    ),
    # small beside its own noise, which says nothing of its size beside the effect
    "noise, and still the same": (
        {"c": HIGHER},
        {"c": 100.0},
        80,
        UNDECIDED,
        "c - b is not there (MEAN)",
        "a - c is not there (MEAN, below |dz| = 0.2, SAME)",
    ),
}


def spelled(words, contrast):
    """``words`` with the numbers of the contrast over layers 5 to 8, and of its cluster if one is spoken of."""
    effect = contrast.over(5, 8)
    mean = f"{OVER}{effect_text(effect.dz, effect.low, effect.high)}"
    if not words.endswith(")"):
        (k,) = (k for k in contrast.significant() if (k.first, k.last) == (5, 8))
        words += f" (layers {k.first}-{k.last}, {p_text(k.p)}, dz {k.dz:+.2f}; MEAN)"
    return words.replace("MEAN", mean).replace("SAME", p_text(effect.p_equivalence))


@pytest.mark.parametrize("case", CONTROLS)
def test_a_control_decides_how_specific_the_effect_is(case):
    planted, noise, items, (level, answer), alone, excess = CONTROLS[case]
    e = evidence(measure({"a": HIGHER, "b": NOTHING, **planted}, noise=noise, items=items))
    (control,) = e.controls
    begin = {"specific": "", "in part": "in part ", "not specific": "not ", "undecided": "undecided "}[level]
    told = f"{begin}against c, which shows {control_share(e, control)} of it: "
    told += f"{spelled(alone, control.alone)}, {spelled(excess, control.excess)}"
    assert control_text(e, control) == (level, told)
    line = in_short(e)[0]
    assert line == f"**Specific to a (layers 5-8)? {answer}.** {told[0].upper()}{told[1:]}."


@pytest.mark.parametrize("case", ["nothing in the control", "half of it in the control", "all of it in the control"])
def test_the_rules_hold_for_an_effect_downward(case):
    planted, _, _, (level, _), *_ = CONTROLS[case]
    turned = {"a": HIGHER, "b": NOTHING, **planted}
    h = measure({name: {layer: -size for layer, size in shifts.items()} for name, shifts in turned.items()})
    e = evidence(h)
    assert e.found
    assert e.found.mass < 0
    assert control_text(e, e.controls[0])[0] == level
    # what goes up does not make an effect downward less specific
    h.loc[{"condition": "c", "layer": list(INSIDE)}] = -h.sel(condition="c", layer=list(INSIDE))
    e = evidence(h)
    level, text = control_text(e, e.controls[0])
    assert level == "specific"
    assert ("c - b goes the other way (layers 5-8, " in text) == bool(planted["c"])


def test_a_control_that_only_touches_the_window_is_not_there():
    """One layer of five carries all of what the control has: a cluster, and no difference in the mean."""
    a = dict.fromkeys(range(4, 9), 4.0)
    e = evidence(
        measure({"a": a, "b": NOTHING, "c": dict.fromkeys(range(4, 8), -1.5) | dict.fromkeys(range(8, 12), 6.0)})
    )
    assert e.window == (4, 8)
    (control,) = e.controls
    assert any(k.first == 8 and k.mass > 0 for k in control.alone.significant())
    assert there(control.alone, (8, 8), 1.0)
    assert control.alone.over(4, 8).p > 0.05
    level, text = control_text(e, control)
    assert level == "specific"
    assert text.startswith(
        f"against c, which shows {control_share(e, control)} of it: c - b is not there (mean over layers 4-8"
    )


def test_the_numbers_of_a_control_are_those_of_its_cluster():
    e = evidence(measure({"a": HIGHER, "b": NOTHING, "c": HALF}))
    level, text = control_text(e, e.controls[0])
    for contrast in e.control_contrasts:
        (k,) = contrast.significant()
        assert f"(layers {k.first}-{k.last}, p = {k.p:.3f}".replace("0.", ".", 1) in text
        assert f", dz {k.dz:+.2f}" in text
    over = e.controls[0].excess.over(5, 8)
    assert text.endswith(f"; {OVER}{effect_text(over.dz, over.low, over.high)})")
    assert level == "in part"


@pytest.mark.parametrize(
    ("others", "answer"),
    [
        ({"c": NOTHING, "d": NOTHING}, "Yes"),
        ({"c": NOTHING, "d": HALF}, "In part"),
        ({"c": HALF, "d": HIGHER}, "No"),
        ({"c": HALF, "wild": NOTHING}, "Undecided"),
        ({"c": HIGHER, "wild": NOTHING}, "No"),
    ],
)
def test_the_least_favourable_control_is_the_answer_and_all_are_told(others, answer):
    e = evidence(measure({"a": HIGHER, "b": NOTHING, **others}, noise={"wild": 100.0}))
    line = in_short(e)[0]
    assert line.startswith(f"**Specific to a (layers 5-8)? {answer}.** ")
    assert all(f"against {name}, which shows " in line.lower() for name in others)


def test_without_an_effect_nothing_can_be_specific():
    (line,) = in_short(evidence(measure({"a": NOTHING, "b": NOTHING, "c": HIGHER})))
    assert line.startswith("**Specific?** Nothing was found")


def test_without_controls_there_is_no_word_on_them():
    assert in_short(evidence(two(HIGHER))) == []


# --- confounds


def covariates(items=24, **gaps):
    """Coordinates over item and condition; ``gaps`` are differences between a and b, a number or one per item."""
    base = np.random.default_rng(3).normal(size=items)
    return {
        name: (("item", "condition"), np.column_stack([base + np.broadcast_to(gap, items), base]))
        for name, gap in gaps.items()
    }


# in no relation to anything
IDLE = np.tile([1.0, -1.0, -1.0, 1.0], 6)


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


# --- nulls


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


# --- choices


def choices_line(*sizes):
    """A specification for each size of the effect."""
    differences = (compare(two(dict.fromkeys(INSIDE, size)), "a", "b").differences for size in sizes)
    named = (({"wavelet": f"w{k}"}, one) for k, one in enumerate(differences))
    curve = joint_curve(named, permutations=100, resamples=20)
    (line,) = in_short(Evidence(compare(two(HIGHER), "a", "b"), curve=curve))
    return line, curve


def test_one_sign_under_all_choices_depends_on_none():
    line, curve = choices_line(4.0, 3.0, 2.0, 4.0)
    median = curve.joint["median"]
    assert "**Does it depend on an arbitrary choice?** No: 100 % of 4 settings have the same sign." in line
    assert "100 % are significant, 100 % significant and positive (" in line
    assert f"median dz {median.observed:+.2f} (with labels swapped {median.null_low:+.2f} to " in line
    assert "joint p = .010)" in line


def test_two_signs_depend_on_the_choice():
    line, _ = choices_line(4.0, 3.0, -2.0, -4.0, -3.0)
    assert "? ** Yes".replace("? ", "?") in line
    assert "its sign does: 40 % of 5 settings give a positive effect, 60 % a negative one." in line
    assert "100 % are significant, 40 % significant and positive" in line


def test_one_sign_downward_depends_on_no_choice_either():
    line, _ = choices_line(-4.0, -3.0)
    assert "No: 100 % of 2 settings have the same sign. 100 % are significant, 0 % significant and positive" in line
    assert "joint p = 1.000" in line


def test_nine_of_ten_are_enough_for_independence():
    assert "No: 90 % of 10 settings have the same sign" in choices_line(*[4.0] * 9, -4.0)[0]
    assert "Yes, its sign does: 80 % of 10" in choices_line(*[4.0] * 8, -4.0, -4.0)[0]


# --- power


def power_line(size, sizes):
    real = compare(two(dict.fromkeys(INSIDE, size)), "a", "b")
    power = power_curve(real.differences.values, sizes=sizes, shares=(0.0, 0.5, 1.0), draws=10, permutations=100)
    (line,) = in_short(Evidence(real, power=power))
    return line, power


def test_an_effect_as_large_as_this_needs_few_items():
    line, power = power_line(4.0, (3, 10, 20))
    rates = [f"{100 * float(r):.0f} % with {n}" for n, r in zip((3, 10, 20), power["rate"].sel(share=1.0), strict=True)]
    assert rates[0] == "0 % with 3"  # no p of three items can be small enough
    assert f"(dz {float(power['dz'].sel(share=1.0)):+.2f} at its peak), 10 items are enough for 80 % power" in line
    assert f"it is detected in {', '.join(rates)} items." in line
    assert "found at 80 % power: " in line
    assert " with 3," not in line.split("found at 80 % power: ")[1]


def test_where_no_number_of_items_was_enough_it_says_so():
    line, _ = power_line(0.8, (3, 4))
    assert "more items are needed than were tried: it is detected in 0 % with 3, 0 % with 4 items" in line
    assert line.endswith("Smallest peak |dz| found at 80 % power: none.")


# --- all of it


def test_every_part_has_its_sentence_in_the_order_of_the_questions():
    h = measure({"a": HIGHER, "b": NOTHING, "c": NOTHING})
    real = compare(h, "a", "b")
    e = Evidence(
        real,
        [Control("c", compare(h, "c", "b"), compare(h, "a", "c"))],
        confounding=[held(two(HIGHER, **covariates(idle=IDLE)), adjust=[("idle", ["idle"])])],
        swapped=Rate(10, 200),
        nulls=[against([h], h, real, "same", "the same again", permutations=100)],
        curve=choices_line(4.0)[1],
        power=power_line(4.0, (10,))[1],
    )
    begins = ("**Specific to", "**a - b, all else", "**The same again", "**Labels", "**Does it depend", "**How many")
    lines = in_short(e)
    assert len(lines) == len(begins)
    assert all(line.startswith(words) for line, words in zip(lines, begins, strict=True))
    assert all("nan" not in line and "\n" not in line for line in lines)


@pytest.mark.parametrize("name", ["a|b", "**bold**", "a_b_", "`code`", "$x$", "größe 🙂", "%s {x}"])
def test_names_of_conditions_stand_as_they_are(name):
    e = evidence(measure({name: HIGHER, "b": NOTHING, f"{name}?": HALF}), name, "b")
    assert f"**{name} - b: found**" in verdict(e.main, DEPTH)
    assert (
        f"**Specific to {name} (layers 5-8)? In part.** In part against {name}?, which shows 50 % [44, 56] of it: "
        f"{name}? - b is there (" in in_short(e)[0]
    )
