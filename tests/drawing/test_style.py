"""One look, kept to our own figures; colours that everybody can tell apart; sizes in millimetres."""

from itertools import combinations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from depthscope.drawing.difference import draw_difference
from depthscope.drawing.style import (
    COLOURS,
    COLUMN,
    INK,
    NEUTRALS,
    OURS,
    PAGE,
    PAPER,
    axes,
    heading,
    inches,
    look,
    note,
    sheet,
)
from tests.studies.mechanism.test_draw_parts import table

DARK = "#14171a"


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return np.dot(linear, [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    """WCAG 2."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colour", COLOURS[:-1])
def test_colours_of_lines_stand_out_from_a_white_page_and_from_a_dark_one(colour):
    assert contrast(colour, PAPER) >= 3
    assert contrast(colour, DARK) >= 3


# Machado, Oliveira & Fernandes (2009), IEEE Trans Vis Comput Graph 15:1291: deuteranopia and protanopia
BLIND = {
    "nobody": np.eye(3),
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
}


@pytest.mark.parametrize("eyes", BLIND)
def test_colours_are_told_apart_by_colour_blind_readers(eyes):
    """Distance in CIE L*a*b*, where 2 is just noticeable."""

    def seen(colour):
        rgb = np.array([c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)])
        xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]] @ np.clip(
            BLIND[eyes] @ rgb, 0, 1
        )
        f = np.cbrt(xyz / [0.9505, 1, 1.089])
        return np.array([116 * f[1], 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])

    nearest = min((np.linalg.norm(seen(a) - seen(b)), a, b) for a, b in combinations(COLOURS, 2))
    assert nearest[0] > 15, nearest


def test_the_style_file_is_one_that_anybody_can_use():
    before = dict(mpl.rcParams)
    with plt.style.context("depthscope.drawing.depthscope"):
        changed = {key for key, value in mpl.rcParams.items() if value != before[key]}
        assert to_hex(mpl.rcParams["text.color"]) == INK
        assert (mpl.rcParams["pdf.fonttype"], mpl.rcParams["svg.fonttype"]) == (42, "none")
        cycle = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
        assert [to_hex(f"#{colour.removeprefix('#')}") for colour in cycle] == [colour.lower() for colour in COLOURS]
        assert mpl.rcParams["text.parse_math"], "formulas of other people must stay formulas"
    with look():
        assert changed <= {key for key, value in mpl.rcParams.items() if value != before[key]}
        assert {name: mpl.rcParams[name] for name in OURS} == OURS
    assert dict(mpl.rcParams) == before


def test_no_letter_is_smaller_than_journals_print():
    with look():
        sizes = [value for key, value in mpl.rcParams.items() if key.endswith(("labelsize", "titlesize", "fontsize"))]
        assert min(size for size in sizes if isinstance(size, (int, float))) >= 6


@pytest.mark.parametrize("width", [COLUMN, 120.0, PAGE])
def test_a_sheet_is_as_wide_as_it_says(width):
    figure = sheet(50, width)
    assert figure.get_size_inches() * 25.4 == pytest.approx((width, 50))
    assert inches(25.4) == 1


def test_all_text_and_lines_of_a_figure_of_ours_have_our_colours_whenever_they_are_drawn():
    mpl.rcParams["xtick.color"] = mpl.rcParams["text.color"] = "red"
    try:
        ax = draw_difference(table(np.arange(10.0)), [], "title", "note")
        ax.figure.draw_without_rendering()  # ticks are made here
        labels = [*ax.get_xticklabels(), *ax.get_yticklabels(), *ax.child_axes[0].get_xticklabels(), *ax.texts]
        assert {to_hex(label.get_color()) for label in labels} <= set(NEUTRALS)
        assert {label.get_fontsize() for label in ax.get_xticklabels()} == {7.5}
    finally:
        mpl.rcParams.update({"xtick.color": "black", "text.color": "black"})


def test_axes_of_the_user_keep_the_look_of_the_user():
    before = dict(mpl.rcParams)
    _, (mine, other) = plt.subplots(1, 2, layout="tight")
    mine.figure.draw_without_rendering()
    place = other.get_position().bounds
    assert draw_difference(table(np.arange(10.0)), [], "title", "note", mine) is mine
    assert draw_difference(table(np.arange(10.0)), [], "title", "note", ax=mine) is mine
    assert plt.get_fignums() == [mine.figure.number]
    assert dict(mpl.rcParams) == before
    assert other.get_position().bounds == place
    assert not other.lines
    assert mine.yaxis.label.get_fontsize() == mpl.rcParams["font.size"]


def test_a_title_takes_as_many_lines_as_it_needs():
    with look():
        ax = axes(None, 60)
        heading(ax, "word " * 60)
        note(ax, "more " * 90)
        ax.figure.draw_without_rendering()
    for text in (ax._left_title, ax.texts[-1]):
        assert text.get_text().count("\n") >= 1
        assert text.get_window_extent().x1 <= ax.figure.bbox.x1
    assert ax._left_title.get_window_extent().y1 <= ax.figure.bbox.y1
