"""Words are broken where they must be, by the width that they have on paper."""

import matplotlib.pyplot as plt
import pytest

from depthscope.drawing.fitting import room, text_width, wrap


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("points", [60, 150, 400])
@pytest.mark.parametrize("text", ["word " * 40, "/a/long/path" * 20, "WIDE il " * 20, "$x$ " * 30])
def test_no_line_is_wider_than_it_may_be_and_no_letter_is_lost(points, text):
    figure, ax = plt.subplots()
    wrapped = wrap(figure, text, points, size=7)
    assert text_width(ax, wrapped.split("\n"), size=7) <= points
    assert "".join(wrapped.split()) == "".join(text.split())


def test_lines_are_as_full_as_they_can_be_and_those_of_the_text_are_kept():
    figure, ax = plt.subplots()
    width = text_width(ax, ["one two"], size=7)
    assert wrap(figure, "one two three\nfour", width + 1, size=7) == "one two\nthree\nfour"
    assert wrap(figure, "", 50) == ""
    assert not figure.texts


def test_a_letter_that_does_not_fit_stands_alone():
    assert wrap(plt.figure(), "abc", 0.1, size=7) == "a\nb\nc"


def test_a_formula_is_measured_as_the_text_that_it_is():
    _, ax = plt.subplots()
    assert text_width(ax, ["$x^2$"], size=7) > text_width(ax, ["x2"], size=7)


def test_the_room_ends_at_the_figure_or_at_the_neighbour_or_at_the_bar_of_colours():
    figure, (left, right) = plt.subplots(1, 2)
    assert room(left) == pytest.approx(left.bbox.width * 72 / figure.dpi)
    points = (figure.bbox.x1 - right.bbox.x0) * 72 / figure.dpi
    assert room(right) == pytest.approx(points, rel=0.05)
    assert room(right, 10) == pytest.approx(room(right) - 10)
    assert room(right, -9999) < figure.get_figwidth() * 72
    before = room(right)
    figure.colorbar(right.pcolormesh([[1, 2], [3, 4]]), ax=right)
    assert room(right) < before - 40
