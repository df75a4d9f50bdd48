import re
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pytest

from depthscope.drawing.style import NEUTRALS
from depthscope.report.page.graphics import inline_figure, own_ids, themed
from depthscope.report.table import Download
from depthscope.studies.contrast.figures import save


@pytest.fixture
def drawing(tmp_path):
    from depthscope.drawing.style import look

    with look():
        figure, ax = plt.subplots()
        ax.plot([1, 2], [3, 4], label="<b>")
        ax.fill_between([1, 2], [2, 3], [4, 5], alpha=0.3)
        ax.set_title("<script>x</script> & co")
        ax.legend()
        save(figure, tmp_path / "one-drawing")
    return tmp_path / "one-drawing.svg"


def test_a_drawing_is_well_formed_and_its_text_stays_text(drawing):
    figure = inline_figure(drawing, (Download("a.csv", "data:,"),))
    tree = ElementTree.fromstring(figure.svg)
    assert tree.tag.endswith("svg")
    texts = ["".join(node.itertext()) for node in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert "<script>x</script> & co" in texts
    assert not [node for node in tree.iter() if node.tag.endswith("script")]
    assert figure.key == "one-drawing"
    assert figure.downloads[0].name == "a.csv"
    # a screen reader gets the words instead, and nothing in it takes the focus
    assert tree.attrib["aria-hidden"] == "true"
    assert "viewBox" in tree.attrib
    assert "width" not in tree.attrib


def test_ids_are_the_drawings_own_and_lead_somewhere(drawing):
    tree = ElementTree.fromstring(inline_figure(drawing).svg)
    ids = {node.attrib["id"] for node in tree.iter() if "id" in node.attrib}
    assert ids
    assert all(one.startswith("one-drawing-") for one in ids)
    text = inline_figure(drawing).svg
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', text))
    assert used
    assert used <= ids


def test_neutral_colours_follow_the_theme(drawing):
    svg = inline_figure(drawing).svg.lower()
    for colour, name in NEUTRALS.items():
        assert colour.lower() not in svg
        assert f'fill="var(--{name})"' not in svg  # an attribute knows no variables
    assert "var(--ink)" in svg
    assert "var(--paper)" in svg


def test_colours_that_mean_something_stay():
    assert themed('<path style="fill: #D55E00" fill="#0072b2"/>') == '<path style="fill: #D55E00" fill="#0072b2"/>'


def test_own_ids_leave_all_else():
    assert own_ids('<g id="a"><use href="#b" x="1"/><p clip-path="url(#c)"/></g>', "k") == (
        '<g id="k-a"><use href="#k-b" x="1"/><p clip-path="url(#k-c)"/></g>'
    )


def test_words_travel_in_the_drawing(tmp_path):
    path = tmp_path / "bare-drawing.svg"
    path.write_text('<?xml version="1.0"?>\n<svg width="72pt" height="36pt" viewBox="0 0 72 36"><g/></svg>')
    figure = inline_figure(path)
    assert figure.alt == "bare drawing"  # nothing better is known
    assert "--drawn: 96px" in figure.svg
    path.write_text(
        '<svg xmlns:dc="http://purl.org/dc/elements/1.1/" width="72pt" viewBox="0 0 72 36"><metadata>'
        "<dc:title>A &lt;b&gt;</dc:title><dc:description>Two\n lines."
        "</dc:description></metadata></svg>"
    )
    assert inline_figure(path).alt == "A <b>. Two lines."
    assert "metadata" not in inline_figure(path).svg
