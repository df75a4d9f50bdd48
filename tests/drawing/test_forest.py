"""A forest says of each row what it was given, and no more."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from depthscope.drawing.alt import alt
from depthscope.drawing.forest import REACH, draw_forest
from depthscope.drawing.style import DOWN, MUTED, PAPER, UP
from depthscope.words import MANY

NAN = float("nan")
COLUMNS = ["group", "label", "n", "dz", "low", "high", "p", "found", "said"]
ROWS = pd.DataFrame(
    [
        ("first", "up", 186, 0.78, 0.62, 0.92, 0.0001, True, "layers 14-24, p < .001"),
        ("first", "$x$ \\e^{", 171, -0.41, -0.57, -0.26, 0.001, True, ""),
        ("second", "neither", 43, 0.05, -0.25, 0.36, 0.31, False, ""),
        ("second", "too few", 2, NAN, NAN, NAN, NAN, False, ""),
        ("", "no interval", 3, 0.2, NAN, NAN, 1.0, False, "no cluster"),
    ],
    columns=COLUMNS,
)


@pytest.fixture(autouse=True)
def style():
    yield
    plt.close("all")


def words(ax):
    return [text.get_text() for text in ax.texts]


def markers(ax):
    return [line for line in ax.lines if line.get_marker() == "o"]


def intervals(ax):
    return [line for line in ax.lines if line.get_marker() == "None" and len(set(line.get_xdata())) == 2]


def test_markers_and_intervals_are_the_numbers_given():
    ax = draw_forest(ROWS, "title", "note")
    np.testing.assert_allclose([m.get_xdata()[0] for m in markers(ax)], ROWS["dz"].dropna())
    np.testing.assert_allclose([i.get_xdata() for i in intervals(ax)], ROWS[["low", "high"]].dropna())
    heights = [m.get_ydata()[0] for m in markers(ax)]
    assert heights == sorted(heights)
    assert ax.yaxis_inverted()


def test_what_was_found_is_filled_and_coloured_by_its_sign():
    first, second, third, last = markers(draw_forest(ROWS, "title", "note"))
    assert [to_hex(m.get_mec()) for m in (first, second, third, last)] == [UP.lower(), DOWN.lower(), MUTED, MUTED]
    assert first.get_mfc() == UP
    assert {third.get_mfc(), last.get_mfc()} == {PAPER}


def test_words_stand_beside_the_axes():
    ax = draw_forest(ROWS, "title", "the note", unit="effect")
    said = words(ax)
    assert {"FIRST", "SECOND", "up (n = 186)", "$x$ \\e^{ (n = 171)", "too few (n = 2)", "not estimated"} <= set(said)
    assert {"layers 14-24, p < .001", "p = .001", "p = .310", "no cluster"} <= set(said)
    assert said.count("not estimated") == 1
    assert said[-1] == "the note"
    assert ax.get_xlabel() == "effect"
    assert ax.get_title(loc="left") == "title"
    ax.figure.draw_without_rendering()
    box = ax.get_window_extent()
    for text in ax.texts:
        if "(n =" in text.get_text():
            assert text.get_window_extent().x1 < box.x0
        if text.get_text().startswith(("layers", "p =")):
            assert text.get_window_extent().x0 > box.x1


def test_everything_stays_within_the_figure():
    ax = draw_forest(ROWS, "a title of the usual length, in plain words", "word " * 100)
    ax.figure.draw_without_rendering()
    assert ax.figure.get_tightbbox().x0 > -0.05
    assert ax.figure.get_tightbbox().x1 < ax.figure.get_figwidth() + 0.05
    assert ax.get_window_extent().width > 0.3 * ax.figure.bbox.width


def test_the_figure_grows_with_its_rows():
    heights = [draw_forest(pd.concat([ROWS] * k), "t", "n").figure.get_figheight() for k in (1, 2, 4)]
    assert heights[0] < heights[1] < heights[2]


def test_an_absurd_interval_is_cut_and_says_so():
    wild = ROWS.copy()
    wild.loc[2, ["low", "high"]] = -50.0, 50.0
    ax = draw_forest(wild, "title", "note")
    assert np.max(np.abs(ax.get_xlim())) < 1.1 * REACH * 0.78
    assert {"<", ">"} <= {line.get_marker() for line in ax.lines}
    assert not {"<", ">"} & {line.get_marker() for line in draw_forest(ROWS, "title", "note").lines}


@pytest.mark.parametrize("rows", [ROWS.iloc[:0], ROWS.iloc[:1], ROWS.iloc[3:4], ROWS.iloc[4:]])
def test_few_rows_are_drawn_too(rows):
    ax = draw_forest(rows, "title", "note")
    ax.figure.draw_without_rendering()
    low, high = ax.get_xlim()
    assert low < 0 < high
    assert len(markers(ax)) == rows["dz"].notna().sum()


def test_given_axes_are_used():
    _, ax = plt.subplots()
    assert draw_forest(ROWS, "title", "note", ax=ax) is ax


def test_the_alternative_says_what_was_found_on_either_side_and_what_is_farthest():
    told = alt(draw_forest(ROWS, "title", "note").figure)
    assert told.title == "title"
    assert told.text == (
        "5 effects (Cohen's dz) with 95 % intervals, one row each: 1 found above 0, 1 found below 0, 2 not found, 1 not "
        "estimated; farthest from 0 is up (+0.78, n = 186). Found above 0: up. Found below 0: $x$ \\e^{."
    )
    nothing = alt(draw_forest(ROWS.iloc[4:], "title", "note").figure).text
    assert nothing.endswith("Found above 0: none. Found below 0: none.")
    assert "none could be estimated" in alt(draw_forest(ROWS.iloc[3:4], "title", "note").figure).text


def told_of(*effects):
    """The alternative of rows (group, label, dz), all of them found."""
    rows = [(group, label, 9, dz, dz - 0.1, dz + 0.1, 0.01, True, "") for group, label, dz in effects]
    return alt(draw_forest(pd.DataFrame(rows, columns=COLUMNS), "title", "note").figure).text


def test_labels_that_repeat_are_told_with_their_group():
    told = told_of(("a - b, alone", "all", 0.3), ("a - c", "all", -0.6), ("a - c", "one", 0.2))
    assert "farthest from 0 is a - c: all (-0.60, n = 9)." in told
    assert told.endswith("Found above 0: a - b, alone: all and one. Found below 0: a - c: all.")


@pytest.mark.parametrize("sign", [1, -1])
def test_of_many_effects_the_rarer_side_is_told_in_full(sign):
    many = [("", f"up{i}", 0.5 * sign) for i in range(MANY + 5)]
    few = [("", f"down{i}", -0.5 * sign) for i in range(MANY + 1)]
    told = told_of(*many[:-1], *few, *many[-1:])
    assert all(name in told for _, name, _ in few)
    assert "and 4 more" in told
    assert sum(f"up{i}" in told.replace(",", " ").split() for i in range(MANY + 5)) == MANY + 1
