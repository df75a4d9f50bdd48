"""All questions together, in their order."""

import pytest

from depthscope.statistics.calibration import Rate
from depthscope.statistics.nulls import against
from depthscope.studies.contrast.results import Control, Evidence
from depthscope.studies.contrast.verdicts import in_short
from depthscope.studies.contrast.verdicts.contrast import verdict
from depthscope.studies.contrast.verdicts.wording import window_text
from tests.studies.contrast.planted import (
    DEPTH,
    HALF,
    HIGHER,
    NOTHING,
    compare,
    evidence,
    measure,
)
from tests.studies.contrast.verdicts.planted import IDLE, covariates, two
from tests.studies.contrast.verdicts.test_choices import choices_line
from tests.studies.contrast.verdicts.test_confounds import held
from tests.studies.contrast.verdicts.test_power import power_line


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


def test_a_window_of_one_layer_is_told_as_one_layer():
    confounding = held(two({6: 4.0}, **covariates(idle=IDLE)), adjust=[("all", ["idle"])])
    e = evidence(measure({"a": {6: 4.0}, "b": NOTHING, "c": NOTHING}), confounding=[confounding])
    difference = verdict(e.main, DEPTH)
    specific, equal = in_short(e)
    assert "over layer 6 of 20 (relative depth 0.30)," in difference
    assert specific.startswith("**Specific to a (layer 6)? Yes.**")
    assert equal.startswith("**a - b, all else equal (layer 6)? ")
    assert "mean over layer 6: dz" in equal
    assert not any("layers 6" in line for line in (difference, specific, equal, window_text(e)))
