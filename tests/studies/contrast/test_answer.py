"""Two plain sentences: what was asked and what was found, with what stands against it."""

import numpy as np
import pandas as pd
import pytest

from depthscope.statistics.balance import imbalance
from depthscope.statistics.calibration import Rate
from depthscope.statistics.curve import Curve, Joint
from depthscope.statistics.mixed import Mixed
from depthscope.statistics.nulls import against
from depthscope.studies.contrast.answer import answered, asked, points
from depthscope.studies.contrast.levels import (
    choices_level,
    confounds_answer,
    controls_level,
    mixed_level,
    null_level,
    trusted,
)
from depthscope.studies.contrast.results import Confounding, Evidence
from depthscope.studies.contrast.tables import mixed_table, mixed_variances_table
from depthscope.studies.contrast.verdicts import evidence_words, in_short
from depthscope.studies.contrast.verdicts.mixed import MIXED_MEANS
from depthscope.studies.contrast.words import words as told_words
from tests.studies.contrast.planted import (
    DEPTH,
    ELSEWHERE,
    HALF,
    HIGHER,
    INSIDE,
    LOWER,
    NOTHING,
    compare,
    evidence,
    measure,
)


def found(planted, e: Evidence | None = None):
    return answered(e.main if e else compare(measure(planted), "a", "b"), e, DEPTH)


def test_what_was_asked_names_conditions_model_depth_and_items():
    c = compare(measure({"a": HIGHER, "b": NOTHING}), "a", "b")
    assert asked(c, "some/model", 20, "pairs.csv") == (
        "Does conditional scale entropy (CSE) differ between a and b in `some/model` (20 layers)? "
        "Asked of 24 items of `pairs.csv`."
    )


def test_a_cluster_is_told_with_its_place_direction_and_caution():
    text = found({"a": HIGHER, "b": NOTHING})
    assert text.startswith("CSE is higher for a than for b at layers 5-8 of 20 (p = .005)")
    assert text.endswith(").")
    assert found({"a": LOWER, "b": NOTHING}).startswith("CSE is lower for a than for b at layers 5-8 of 20")


def test_other_clusters_are_told_with_their_direction():
    same, opposite = ({"a": HIGHER | ELSEWHERE, "b": NOTHING}, {"a": HIGHER, "b": ELSEWHERE})
    assert found(same).endswith(", also at layers 14-16.")
    assert found(opposite).endswith(", lower at layers 14-16.")


def test_nothing_found_is_not_told_as_nothing_there():
    assert found({"a": NOTHING, "b": NOTHING}) in (
        "No difference was found at any depth (no cluster of layers with p <= 0.05), which is no evidence that there is none.",
    )
    many = compare(measure({"a": NOTHING, "b": NOTHING}, items=400), "a", "b")
    assert answered(many, None, DEPTH).endswith("; at every layer measured (1 to 20) it is smaller than |dz| = 0.2.")


def test_too_few_items_decide_nothing():
    few = compare(measure({"a": HIGHER, "b": NOTHING}, items=4), "a", "b")
    assert answered(few, None, DEPTH) == "It cannot be decided: with 4 items no effect, however large, could be found."


@pytest.mark.parametrize(
    ("control", "level", "words"),
    [
        (HIGHER, "not specific", "it is not specific to a"),
        (HALF, "in part", "it is specific to a in part"),
        (NOTHING, "specific", "it is specific to a as far as the controls show"),
    ],
)
def test_what_stands_against_it_is_said_in_the_same_breath(control, level, words):
    e = evidence(measure({"a": HIGHER, "b": NOTHING, "c": control}))
    assert controls_level(e) == level
    assert f"; {words}" in found(None, e)


def test_the_headline_as_points_is_the_same_sentence_in_parts():
    e = evidence(measure({"a": HIGHER, "b": NOTHING, "c": HIGHER}), swapped=Rate(60, 200))
    first, size, *limits = points(e.main, e, DEPTH)
    assert first.startswith("**CSE is higher for a than for b at layers 5-8 of 20 (p = ")
    assert first.endswith(".**")
    assert size.startswith(f"Over layers 5-8 dz is {e.main.over(5, 8).dz:+.2f}, of the items that chose these layers")
    assert f"have {e.main.halves.window:+.2f} in the other half" in size
    assert limits[0] == "It is not specific to a."
    assert len(limits) == 2
    whole = answered(e.main, e, DEPTH)
    assert all(part.strip("*.")[1:] in whole for part in (first, *limits))
    few = compare(measure({"a": HIGHER, "b": NOTHING}, items=4), "a", "b")
    assert points(few, None, DEPTH) == [f"**{answered(few, None, DEPTH)}**"]


def test_without_a_finding_no_control_is_spoken_of():
    e = evidence(measure({"a": NOTHING, "b": NOTHING, "c": HIGHER}))
    assert controls_level(e) == ""
    assert "specific" not in found(None, e)


@pytest.mark.parametrize(("carried", "answer"), [(0.0, "Yes"), (4.0, "No")])
def test_whether_it_is_left_when_what_its_conditions_bring_along_is_held_equal(carried, answer):
    generator = np.random.default_rng(1)
    size = generator.uniform(0, 2, 24)
    h = measure({"a": HIGHER, "b": NOTHING})
    if carried:  # all of the effect follows the covariate
        h = measure({"a": NOTHING, "b": NOTHING})
        h[:, 0, 4:8] += carried * size[:, None]
    noise = generator.normal(size=(24, 2))
    values = np.stack([size, np.zeros(24)], 1) if carried else noise
    h = h.assign_coords(covariate=(("item", "condition"), values))
    main = compare(h, "a", "b")
    adjusted = compare(h, "a", "b", adjust=["covariate"])
    held = Confounding(main, imbalance(h, main.terms, ["covariate"]), {}, {"all": adjusted}, {}, {})
    e = Evidence(main, confounding=[held])
    assert confounds_answer(held).startswith(answer)
    left = "all of it is left" if answer == "Yes" else "nothing that matters of it is left"
    assert f"{left} when covariates are held equal" in found(None, e)


@pytest.mark.parametrize(
    ("share", "level", "words"),
    [
        (0.95, "no", "its sign does not depend on a choice"),
        (0.5, "yes", "its sign depends on arbitrary choices"),
        (0.04, "opposite", "nearly all other settings give the opposite sign"),
    ],
)
def test_whether_its_sign_is_a_matter_of_choice(share, level, words):
    joint = dict.fromkeys(("median", "significant", "significant_expected", "expected"), Joint(share, 0, 0, 0, 0.5))
    effects = np.where(np.arange(100) < 100 * share, -0.1, 0.1)  # the first is the default, whatever its sign
    curve = Curve(pd.DataFrame({"dz": effects}), joint, np.zeros((2, 100)), {"expected": 1})
    e = evidence(measure({"a": HIGHER, "b": NOTHING}), curve=curve)
    assert choices_level(e) == level
    assert f"; {words}" in found(None, e)
    (line,) = evidence_words(e)["specifications"]
    told = {
        "no": "?** No: 95 %",
        "yes": "?** Yes, its sign does",
        "opposite": "?** Yes: 96 % of 100 settings have the opposite",
    }
    assert told[level] in line


def test_choices_that_nobody_asked_about_are_not_spoken_of():
    e = evidence(measure({"a": HIGHER, "b": NOTHING}))
    assert choices_level(e) == ""
    assert "choice" not in found(None, e)


@pytest.mark.parametrize(
    ("drawn", "level", "words"),
    [
        ({"a": HIGHER, "b": NOTHING}, "enough", "show (planted) is enough to explain it"),
        ({"a": HALF, "b": NOTHING}, "a part", "show (planted) explains a part of it"),
        ({"a": NOTHING, "b": NOTHING}, "too little", ""),
    ],
)
def test_what_nulls_explain_is_said(drawn, level, words):
    h = measure({"a": HIGHER, "b": NOTHING})
    main = compare(h, "a", "b")
    null = against([measure(drawn, seed=seed) for seed in (7, 8)], h, main, "planted", "words", permutations=100)
    e = Evidence(main, nulls=[null])
    assert null_level(e, null) == level
    assert words in found(None, e)
    assert ("nulls" in found(None, e)) == bool(words)


def test_that_a_null_may_explain_it_is_said():
    """One draw has half of the effect, and the other more than all of it."""
    main = compare(measure({"a": HIGHER, "b": NOTHING}), "a", "b")
    draws = [measure({"a": dict.fromkeys(INSIDE, size), "b": NOTHING}, seed=7) for size in (2.0, 5.0)]
    h = measure({"a": HIGHER, "b": NOTHING})
    null = against(draws, h, main, "planted", "words", permutations=100)
    e = Evidence(main, nulls=[null])
    assert null_level(e, null) == "undecided"
    assert "whether what nulls without organisation in depth show (planted) explains it is undecided" in found(None, e)


def test_a_test_that_finds_too_much_is_not_trusted():
    e = evidence(measure({"a": HIGHER, "b": NOTHING}), swapped=Rate(60, 200))
    assert not trusted(e)
    assert "its p cannot be trusted" in found(None, e)
    assert trusted(evidence(measure({"a": HIGHER, "b": NOTHING}), swapped=Rate(10, 200)))


PLAIN = 4.0  # what HIGHER plants


def held_random(difference, half, p, sd=1.0, converged=True, crossed=True):
    """A mixed model that came to this; the rules see its numbers and nothing else."""
    levels = {"item": 24, **({"frame": 6} if crossed else {})}
    sds = dict.fromkeys(levels, sd) | {"residual": 1.0}
    ends = (difference - half, difference + half)
    return Mixed(difference, half / 2, *ends, 2 * difference / half, 5, p, sds, levels, 48, converged)


@pytest.mark.parametrize(
    ("planted", "model", "level", "words"),
    [
        (HIGHER, held_random(PLAIN, 1.0, 0.001), "agrees", ""),
        (
            HIGHER,
            held_random(-PLAIN, 1.0, 0.001),
            "disagrees",
            "a mixed model that holds item and frame random does not",
        ),
        (HIGHER, held_random(PLAIN, 6.0, 0.2), "undecided", "with item and frame held random is undecided"),
        (HIGHER, held_random(0.1, 1.0, 0.8), "disagrees", "does not agree with it"),
        (HIGHER, held_random(0.1, 1.0, 0.8, converged=False), "failed", ""),
        (HIGHER, held_random(PLAIN, 6.0, 0.2, crossed=False), "undecided", ""),  # the paired test again
        (LOWER, held_random(-PLAIN, 1.0, 0.001), "agrees", ""),
        (LOWER, held_random(-PLAIN, 6.0, 0.2), "undecided", "is undecided"),
        (LOWER, held_random(PLAIN, 1.0, 0.001), "disagrees", "does not agree"),
        (NOTHING, held_random(0.1, 1.0, 0.8), "agrees", ""),
        (NOTHING, held_random(2.0, 1.0, 0.001), "undecided", ""),
    ],
)
def test_a_mixed_model_agrees_or_does_not_or_leaves_it_open(planted, model, level, words):
    e = evidence(measure({"a": planted, "b": NOTHING}), mixed=[held_random(9.0, 0.1, 0.0001, crossed=False), model])
    assert mixed_level(e, model) == level
    (line,) = evidence_words(e)["mixed"]
    assert MIXED_MEANS[level] in line
    assert ("see --crossed" in line) == (not model.crossed)
    if planted is not NOTHING:
        assert words in found(None, e)
        assert ("held random" in found(None, e) or "mixed model" in found(None, e)) == bool(words)


def test_a_variance_of_nothing_is_told_plainly():
    e = evidence(measure({"a": HIGHER, "b": NOTHING}), mixed=[held_random(PLAIN, 1.0, 0.001, sd=1e-5)])
    assert "The variance of item and frame is estimated as 0 (a singular fit)." in evidence_words(e)["mixed"][0]
    told = mixed_table(e).loc[0]
    assert (told["singular"], told["cluster_test"], told["model"]) == ("item, frame", "agrees", "item + frame")
    assert list(mixed_variances_table(e)["at_zero"]) == [True, True, False]


def test_a_model_that_could_not_be_fitted_is_told_among_what_is_left_out():
    e = evidence(measure({"a": HIGHER, "b": NOTHING}), no_mixed=["texts: 'frame' has 1 levels"])
    assert (
        "A mixed model could not be fitted: texts: 'frame' has 1 levels."
        in told_words([e.main], DEPTH, [], e)["left_out"]
    )
    assert "mixed" not in evidence_words(e)


def test_words_by_part_are_the_words_in_short():
    e = evidence(measure({"a": HIGHER, "b": NOTHING, "c": HALF}))
    assert list(evidence_words(e)) == ["controls"]
    assert [line for lines in evidence_words(e).values() for line in lines] == in_short(e)
