"""How specific an effect is, where it is known what the controls have."""

import numpy as np
import pytest

from depthscope.studies.contrast.levels import control_level, there
from depthscope.studies.contrast.verdicts import in_short
from depthscope.studies.contrast.verdicts.controls import control_words
from depthscope.words import effect_text, p_text
from tests.studies.contrast.planted import (
    ELSEWHERE,
    HALF,
    HIGHER,
    INSIDE,
    LOWER,
    NOTHING,
    evidence,
    measure,
)
from tests.studies.contrast.verdicts.planted import two

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
    """``words`` with the numbers of the contrast over layers 5-8, and of its cluster if one is spoken of."""
    effect = contrast.over(5, 8)
    mean = f"{OVER}{effect_text(effect.dz, effect.low, effect.high)}"
    if not words.endswith(")"):
        (k,) = (k for k in contrast.significant() if (k.first, k.last) == (5, 8))
        words += f" (layers {k.first}-{k.last}, {p_text(k.p)}, dz {k.dz:+.2f}; MEAN)"
    return words.replace("MEAN", mean).replace("SAME", p_text(effect.p_equivalence))


def test_a_control_that_few_items_have_leaves_it_undecided():
    """Among the few, the effect itself may be nothing: then its share has no ends."""
    h = measure({"a": HIGHER, "b": NOTHING, "c": NOTHING})
    h.loc[{"item": ["i1", "i2"], "condition": "b"}] += 7.0
    h.loc[{"condition": "c", "item": [f"i{k}" for k in range(5, 24)]}] = np.nan
    e = evidence(h)
    (control,) = e.controls
    assert control.alone.n == 5
    assert control_level(e, control) == "undecided"
    assert "which shows" in in_short(e)[0]
    assert "% [open, open] of it" in in_short(e)[0]


@pytest.mark.parametrize("case", CONTROLS)
def test_a_control_decides_how_specific_the_effect_is(case):
    planted, noise, items, (level, answer), alone, excess = CONTROLS[case]
    e = evidence(measure({"a": HIGHER, "b": NOTHING, **planted}, noise=noise, items=items))
    (control,) = e.controls
    begin = {"specific": "", "in part": "in part ", "not specific": "not ", "undecided": "undecided "}[level]
    told = f"{begin}against c, which shows {e.control_shares[control.condition]} of it: "
    told += f"{spelled(alone, control.alone)}, {spelled(excess, control.excess)}"
    assert (control_level(e, control), control_words(e, control)) == (level, told)
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
    assert control_level(e, e.controls[0]) == level
    # what goes up does not make an effect downward less specific
    h.loc[{"condition": "c", "layer": list(INSIDE)}] = -h.sel(condition="c", layer=list(INSIDE))
    e = evidence(h)
    level, text = control_level(e, e.controls[0]), control_words(e, e.controls[0])
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
    level, text = control_level(e, control), control_words(e, control)
    assert level == "specific"
    assert text.startswith(
        f"against c, which shows {e.control_shares[control.condition]} of it: c - b is not there (mean over layers 4-8"
    )


def test_the_numbers_of_a_control_are_those_of_its_cluster():
    e = evidence(measure({"a": HIGHER, "b": NOTHING, "c": HALF}))
    level, text = control_level(e, e.controls[0]), control_words(e, e.controls[0])
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
