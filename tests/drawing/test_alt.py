"""The words that travel with a figure."""

from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pytest

from depthscope.drawing.alt import Alt, alt, clusters_text, describe
from depthscope.words import layers_text, names_text, p_text


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_what_is_told_of_axes_is_told_of_their_figure_in_their_order():
    figure, (left, right) = plt.subplots(1, 2)
    describe(right, "two", "b is seen.")
    describe(left, "one", "a is seen.", "", "So is c.")
    assert alt(figure) == Alt("one; two", "a is seen. So is c. b is seen.")
    describe(figure, "all", "both.")
    assert alt(figure) == Alt("all", "both.")


def test_a_figure_of_which_nothing_was_told_has_empty_words():
    assert alt(plt.figure()) == Alt("", "")


def test_words_are_one_line_that_any_reader_of_xml_accepts():
    figure = plt.figure()
    describe(figure, "a\x00b\nc", "\ud800 <d> & 😀 \x0b")
    told = alt(figure)
    assert told == Alt("a\ufffdb c", "\ufffd <d> & 😀")
    assert ElementTree.fromstring(f"<x>{told.title}</x>").text == told.title


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0004, "p < .001"), (0.001, "p = .001"), (0.05, "p = .050"), (1.0, "p = 1.000"), (0.0104, "p = .010")],
)
def test_p_in_words(p, text):
    assert p_text(p) == text


def test_names_and_layers_in_words():
    assert names_text([]) == ""
    assert names_text(["a"]) == "a"
    assert names_text("ab") == "a and b"
    assert names_text("abc") == "a, b and c"
    assert names_text("abcdefgh") == "a, b, c, d, e, f and 2 more"
    assert names_text("abcdefgh", many=7) == "a, b, c, d, e, f, g and 1 more"
    assert names_text(["a, b", "c", "d"]) == "a, b; c and d"
    assert layers_text(3, 3) == "layer 3"
    assert layers_text(3, 12) == "layers 3-12"


def test_clusters_are_told_with_their_direction_and_p_and_only_if_significant():
    spans = [(3, 4, 0.02, 1.0), (6, 6, 0.3, 1.0), (8, 12, 0.0001, -1.0)]
    assert clusters_text(spans, "a - b") == (
        "a - b is above 0 at layers 3-4 (p = .020) and below 0 at layers 8-12 (p < .001)."
    )
    assert clusters_text(spans[1:2]) == "The difference has no cluster of layers with p <= .05."
