"""The recommendation follows its rule, and says it."""

from dataclasses import replace

import numpy as np
import pytest

from depthscope.studies.quantization.results import (
    PLAIN,
    SchemeRow,
    megabytes,
    recommend,
    summarize_schemes,
    told_schemes,
)
from depthscope.telling import plain

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
    assert recommend([ORIGINAL, GOOD, SMALLER], 0.2).startswith(
        "**int8**: 500 MB of weights instead of 1,000 MB (-50%)"
    )
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


def test_the_summary_names_what_was_not_measured() -> None:
    rows = [ORIGINAL, GOOD, SchemeRow("gptq", failed="needs calibration")]
    text = summarize_schemes("m: a - b", "Asked?", rows, "at layers 14-24", 0.2, "n = 9", "depthscope run quantization")
    assert "- gptq: needs calibration" in text
    assert "| int8 | int8 (bitsandbytes): 500 MB |" in text
    assert "+5% [+0%, +10%]" in text
    assert "n = 9" in text
    assert text.rstrip().endswith("```")


def test_the_terminal_tells_every_scheme() -> None:
    told = told_schemes([ORIGINAL, GOOD, SchemeRow("gptq", failed="needs calibration")], 0.2)
    head, *lines = plain(told).splitlines()
    assert "effect moved by at most (95 %)" in head
    assert [line.split()[0] for line in lines[:3]] == ["none", "int8", "gptq:"]
    assert "  10%  " in lines[1]
    assert lines[2] == "gptq: not measured: needs calibration"
    assert "**" not in "".join(lines)


def test_bytes_that_are_not_known_are_not_invented() -> None:
    assert megabytes(np.nan) == "unknown"
