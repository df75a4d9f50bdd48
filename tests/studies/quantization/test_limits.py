"""Limits are read as they are meant, or refused; who breaks one is named with the numbers."""

from dataclasses import replace

import numpy as np
import pytest

from depthscope.studies.quantization.limits import NO_LIMITS, Limits
from depthscope.studies.quantization.results import PLAIN, SchemeRow, recommended
from depthscope.studies.quantization.words import limit_words, recommend
from tests.studies.quantization.rows import told

ORIGINAL = SchemeRow(PLAIN, weight_bytes=1000e6, cluster="14-24", p=0.0002, share=0.0, perplexity=20.0, agreement=1.0)
NEAR = SchemeRow(
    "int8", weight_bytes=500e6, cluster="14-24", p=0.001, share=0.1, perplexity=21.0, agreement=0.95, cse_drift=0.2
)
FAR = replace(NEAR, scheme="nf4", weight_bytes=300e6, perplexity=25.0, agreement=0.8, cse_drift=0.6)
ROWS = [ORIGINAL, NEAR, FAR]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({}, Limits()),
        ({"max_perplexity": "1.05x"}, Limits(ratio=1.05)),
        ({"max_perplexity": " 25 "}, Limits(perplexity=25.0)),
        ({"max_perplexity": 25}, Limits(perplexity=25.0)),
        ({"min_agreement": 0.95, "max_drift": 0}, Limits(agreement=0.95, drift=0)),
    ],
)
def test_what_is_written_is_what_is_meant(given, read):
    assert Limits.of(**given) == read
    assert bool(read.told) == (read != NO_LIMITS)


@pytest.mark.parametrize("wrong", ["x", "", "1,05x", "-1x", "0x", "nanx", "infx", "0.5", "nan", "inf", "5%", "1.05xx"])
def test_no_perplexity_is_refused(wrong, refuses):
    with refuses(f"max_perplexity={wrong}", "1.05x"):
        Limits.of(max_perplexity=wrong)


def test_shares_and_drifts_that_nothing_could_keep_or_break_are_refused(refuses):
    for wrong in (0, -0.1, 95, float("nan")):
        with refuses("min_agreement=", ".95"):
            Limits.of(min_agreement=wrong)
    for wrong in (-0.1, float("nan"), float("inf")):
        with refuses("max_drift="):
            Limits.of(max_drift=wrong)


@pytest.mark.parametrize(
    ("limits", "broken"),
    [
        (Limits(), {}),
        # what lies on a bound keeps to it: 21 = 1.05 x 20
        (Limits(ratio=1.05), {"nf4": ["perplexity 25 is above 1.05 times the original's 20"]}),
        (Limits(perplexity=21), {"nf4": ["perplexity 25 is above 21"]}),
        (Limits(agreement=0.95), {"nf4": ["agreement of the next token 0.8 is below 0.95"]}),
        (Limits(drift=0.2), {"nf4": ["drift of CSE over its spread 0.6 is above 0.2"]}),
        (Limits(perplexity=30, ratio=1.3, agreement=0.5, drift=1), {}),
    ],
)
def test_who_breaks_which(limits, broken):
    assert limits.broken(ROWS) == broken
    both = Limits(perplexity=20.5, agreement=0.96)
    assert [len(found) for found in both.broken(ROWS).values()] == [2, 2]


def test_what_was_not_measured_or_is_no_number_keeps_to_nothing():
    lost = [SchemeRow("int8", failed="int8: died"), replace(NEAR, scheme="nf4", perplexity=np.nan, agreement=np.nan)]
    broken = Limits(ratio=2, agreement=0.1).broken([ORIGINAL, *lost])
    assert broken["int8"] == ["not measured, so that nothing is known of it: int8: died"]
    assert broken["nf4"] == ["perplexity is no number", "agreement of the next token is no number"]


def test_who_breaks_a_limit_is_not_recommended():
    assert recommended(ROWS, 0.2).scheme == "nf4"
    strict = Limits(agreement=0.9)
    assert recommended(ROWS, 0.2, strict).scheme == "int8"
    assert recommend(ROWS, 0.2, strict).startswith("**int8**")
    assert "break no limit" in recommend(ROWS, 0.2, strict)
    assert "limit" not in recommend(ROWS, 0.2)
    nobody = Limits(agreement=0.99)
    assert recommended(ROWS, 0.2, nobody) is None
    assert recommend(ROWS, 0.2, nobody).startswith("No scheme can be recommended")
    assert recommended([ORIGINAL, replace(NEAR, weight_bytes=1000e6)], 0.2) is ORIGINAL
    assert recommended([replace(ORIGINAL, cluster=""), NEAR], 0.2) is None


def test_limits_are_told():
    words = told(ROWS, 0.2, Limits(ratio=1.05))
    assert "note: nf4 breaks a limit: perplexity 25 is above 1.05 times the original's 20" in words
    assert limit_words(ROWS, Limits(drift=1)) == ["No scheme breaks a limit (drift of CSE at most 1 of its spread)."]
    assert "limit" not in told(ROWS, 0.2)
