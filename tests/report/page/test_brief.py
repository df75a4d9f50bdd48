"""Numbers in brackets go, names in brackets stay."""

import pytest

from depthscope.report.page.brief import brief


@pytest.mark.parametrize(
    ("whole", "short"),
    [
        (
            "x is there (layers 14-22, p = .001, dz +0.74; mean over layers 2-4: dz +0.5 [+0.1, +0.9]), y too",
            "x is there, y too",
        ),
        ("is not there (mean over layers 20-24: dz -0.28 [-0.60, +0.11])", "is not there"),
        (
            "in 10 of 10 (100.0 %, 95 % interval 69.2 to 100.0 %); it has 24 % of the size",
            "in 10 of 10; it has 24 % of the size",
        ),
        ("observed (-37 to 80 % in most draws; 0 reach it); beyond", "observed; beyond"),
        ("significant (with labels swapped 0 to 6 %; joint p = .02)", "significant"),
        ("like this (dz +0.87 at its peak), 40 are enough", "like this, 40 are enough"),
        ("p = 0.0013 (Monte-Carlo 95 % interval 0.0006 to 0.0021), dz", "p = 0.0013, dz"),
        ("It survives. (the same by design: length (characters).)", "It survives."),
    ],
)
def test_statistics_and_remarks_are_left_out(whole, short):
    assert brief(whole) == short


@pytest.mark.parametrize(
    "kept",
    [
        "**(a - b) - (c - d), all else equal (layers 20-24)? Yes.**",
        "CSE is higher for (a - b) than for 5 % (rare) words (layers 2-4)",
        "an open ( bracket dz 3",
        ") (",
        "relative (depth",
        "",
    ],
)
def test_everything_else_stays(kept):
    assert brief(kept) == kept
