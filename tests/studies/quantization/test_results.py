"""The recommendation follows its rule, and says it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from depthscope.studies.quantization.results import PLAIN, SchemeRow
from depthscope.studies.quantization.words import recommend
from tests.studies.contrast.planted import HIGHER, NOTHING, compare, measure, rows_of
from tests.studies.quantization.rows import summary, told

ORIGINAL = SchemeRow(
    PLAIN, weight_bytes=1000e6, cluster="14-24", p=0.0002, clusters="14-24 (+)", share=0.0, perplexity=20.0
)
GOOD = SchemeRow(
    "int8",
    "int8 (bitsandbytes), 500 MB",
    weight_bytes=500e6,
    cluster="14-24",
    p=0.001,
    share=0.1,
    moved=0.05,
    moved_low=0.0,
    moved_high=0.1,
)
SMALLER = replace(GOOD, scheme="nf4", weight_bytes=300e6, share=0.3)


def test_the_smallest_that_keeps_the_effect() -> None:
    assert recommend([ORIGINAL, GOOD, SMALLER], 0.2).startswith("**int8**: 500 MB of weights instead of 1.00 GB (-50%)")
    assert recommend([ORIGINAL, GOOD, SMALLER], 0.4).startswith("**nf4**")


@pytest.mark.parametrize(
    "spoiled",
    [
        replace(GOOD, cluster="", p=np.nan),
        replace(GOOD, share=0.2),
        replace(GOOD, share=np.nan),
        SchemeRow("int8", failed="x"),
    ],
)
def test_what_does_not_keep_the_effect_is_not_recommended(spoiled: SchemeRow) -> None:
    assert recommend([ORIGINAL, spoiled], 0.2).startswith("No scheme can be recommended")


def test_of_two_that_are_equally_small_the_one_that_moved_less() -> None:
    rival = replace(GOOD, scheme="torchao-int8", weight_bytes=505e6, share=0.02)
    assert recommend([ORIGINAL, GOOD, rival], 0.2).startswith("**torchao-int8**")
    assert recommend([ORIGINAL, GOOD, replace(rival, weight_bytes=520e6)], 0.2).startswith("**int8**")


def test_without_an_effect_there_is_none_to_keep() -> None:
    nothing = replace(ORIGINAL, cluster="", p=np.nan, share=np.nan)
    assert "shows no effect" in recommend([nothing, GOOD], 0.2)


def test_a_scheme_that_saves_nothing_is_not_praised() -> None:
    assert recommend([ORIGINAL, replace(GOOD, weight_bytes=1000e6)], 0.2).startswith("Keep the original")


def test_the_rule_stands_in_every_answer() -> None:
    for rows in ([ORIGINAL, GOOD], [ORIGINAL, SMALLER], [ORIGINAL]):
        assert "moved by less than 20% of its size" in recommend(rows, 0.2)


def test_the_summary_has_every_number_and_names_what_was_not_measured(tmp_path: Path) -> None:
    rows = [ORIGINAL, GOOD, SchemeRow("gptq", failed="needs calibration")]
    main = compare(measure({"a": HIGHER, "b": NOTHING}), "a", "b")
    text = summary(tmp_path, rows, 0.2, main)
    cells = rows_of(text)
    assert ["none", "", "1.00 GB", "20.0", ""] in cells
    assert ["int8", "int8 (bitsandbytes), 500 MB", "500 MB", "", ""] in cells
    assert ["gptq", "", "", "", "needs calibration"] in cells
    assert ["int8", "+5% [+0%, +10%]", "10%", "14-24 (p = .001)", ""] in cells
    assert ["none", "", "0%", "14-24 (p < .001)", "14-24 (+)"] in cells
    assert "**int8**: 500 MB of weights instead of 1.00 GB (-50%), the effect moved by at most 10%." in text
    assert "## Limits" not in text
    assert main.settings_text in text
    assert text.rstrip().endswith("```")


def test_the_terminal_tells_every_scheme() -> None:
    lines = told([ORIGINAL, GOOD, SchemeRow("gptq", failed="needs calibration")], 0.2).splitlines()
    assert lines[0] == "Costs by scheme"
    assert [line.split()[0] for line in lines[2:4]] == ["none", "int8"]
    assert "moved by at most (95 %)" in lines[6]
    assert [line.split()[0] for line in lines[7:9]] == ["none", "int8"]
    assert "  10%  " in lines[8]
    assert lines[10] == "gptq: not measured: needs calibration"
    assert "**" not in "".join(lines)


def test_bytes_that_are_not_known_are_not_invented() -> None:
    lines = told([ORIGINAL, replace(GOOD, weight_bytes=np.nan, cluster="")], 0.2).splitlines()
    assert lines[3].split() == ["int8"]
