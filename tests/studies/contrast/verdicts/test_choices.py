"""Whether an effect depends on the settings of the measure."""

from dataclasses import replace

from depthscope.statistics.curve import joint_curve
from depthscope.studies.contrast.results import Evidence
from depthscope.studies.contrast.verdicts import in_short
from depthscope.words import p_text
from tests.studies.contrast.planted import (
    HIGHER,
    INSIDE,
    compare,
)
from tests.studies.contrast.verdicts.planted import two


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


def test_what_hangs_on_no_weight_has_a_sentence_of_its_own():
    curves = {
        name: choices_line(*sizes)[1] for name, sizes in (("cse", (4.0, -4.0)), ("directions", (-4.0, -3.0, 2.0)))
    }
    curve = replace(curves["cse"], beside={"directions": curves["directions"]})
    _, line = in_short(Evidence(compare(two(HIGHER), "a", "b"), curve=curve))
    sure, median = (curves["directions"].joint[name] for name in ("significant", "median"))
    assert line == (
        "Difference in slope that directions give, over the 3 settings in which weights cancel: above 0 in 33 %. 100 % are "
        f"significant (with labels swapped {100 * sure.null_low:.0f} to {100 * sure.null_high:.0f} %; joint "
        f"{p_text(sure.p)}); median dz "
        f"{median.observed:+.2f} (joint {p_text(median.p)})."
    )


def test_settings_in_which_nothing_differs_are_of_neither_sign():
    some = compare(two(dict.fromkeys(INSIDE, 4.0)), "a", "b").differences

    def line(*sizes):
        curve = joint_curve((({"wavelet": f"w{k}"}, size * some) for k, size in enumerate(sizes)), permutations=100)
        (told,) = in_short(Evidence(compare(two(HIGHER), "a", "b"), curve=curve))
        return told

    nothing = "1 more leave no difference, beyond rounding, between any two texts. "
    assert f"No: 100 % of 2 settings have the same sign. {nothing}" in line(1, 2, 0)
    yes = "Yes, its sign does: 33 % of 3 settings give a positive effect, 67 % a negative one."
    assert f"{yes} {nothing}" in line(0, 1, -1, -1)
