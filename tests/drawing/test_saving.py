"""Files as large on paper as they say, with their fonts and their words, the same every time."""

import re
import warnings
import zlib
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from depthscope.drawing.alt import describe
from depthscope.drawing.saving import KINDS, encoded, save
from depthscope.drawing.style import COLOURS, NEUTRALS, PAGE, axes, heading, look
from depthscope.errors import DepthscopeWarning
from depthscope.studies.contrast.draw_items import draw_items
from tests.studies.contrast.planted import HIGHER, NOTHING, compare, measure

pytestmark = pytest.mark.usefixtures("every_format")

DC = "{http://purl.org/dc/elements/1.1/}"
ODD = 'a <script>alert("1 & 2")</script> $x$ \x07'


@pytest.fixture
def figure():
    with look():
        ax = axes(None, 60)
        ax.plot([1, 2])
        heading(ax, ODD)
    describe(ax, ODD, "A line goes up: 1 < 2 & 'so' on. Größe, 隠喩.")
    return ax.figure


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_a_figure_is_written_in_every_kind_and_closed(figure, tmp_path):
    paths = save(figure, tmp_path / "a.b")
    assert [path.name for path in paths] == [f"a.b.{kind}" for kind in KINDS] == ["a.b.png", "a.b.svg", "a.b.pdf"]
    assert plt.get_fignums() == []


def test_the_width_on_paper_is_that_of_the_page(figure):
    (box,) = re.findall(rb"/MediaBox \[([^\]]*)\]", encoded(figure, "pdf"))
    left, low, right, high = map(float, box.split())
    assert ((right - left) / 72 * 25.4, (high - low) / 72 * 25.4) == pytest.approx((PAGE, 60), abs=0.01)
    root = ElementTree.fromstring(encoded(figure, "svg"))
    assert float(root.get("width").removesuffix("pt")) / 72 * 25.4 == pytest.approx(PAGE, abs=0.01)


def test_fonts_are_embedded_whole_and_text_in_pages_stays_text(figure):
    pdf = encoded(figure, "pdf")
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    svg = encoded(figure, "svg").decode()
    assert ">layer<" not in svg
    assert "<text" in svg
    assert "script&gt;" in svg


def test_the_alternative_is_in_the_svg_escaped(figure):
    root = ElementTree.fromstring(encoded(figure, "svg"))
    (title,), (told,) = root.iter(f"{DC}title"), root.iter(f"{DC}description")
    assert title.text == ODD.replace("\x07", "\ufffd")
    assert told.text == "A line goes up: 1 < 2 & 'so' on. Größe, 隠喩."
    assert not list(root.iter("script"))


def test_the_alternative_is_in_the_other_kinds(figure, tmp_path):
    png, _, pdf = save(figure, tmp_path / "one")
    with Image.open(png) as image:
        assert image.info["Title"] == ODD.replace("\x07", "\ufffd")
        assert image.info["Description"].startswith("A line goes up")
        assert "Software" not in image.info
    assert "A line goes up".encode("utf-16-be") in pdf.read_bytes()


def test_a_figure_without_words_is_written_too(tmp_path):
    for path in save(plt.figure(), tmp_path / "bare"):
        assert path.stat().st_size > 100


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_figure_gives_the_same_bytes_and_no_date(figure, kind):
    assert encoded(figure, kind) == encoded(figure, kind)
    assert b"CreationDate" not in encoded(figure, "pdf")


def test_names_in_scripts_that_the_font_lacks_are_written_with_no_word_but_ours(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # where no font of the machine has them either: see test_fonts.py
        warnings.simplefilter("ignore", DepthscopeWarning)
        h = measure({"😀": HIGHER, "隠喩": NOTHING}, items=4)
        c = compare(h, "😀", "隠喩")
        save(c.plot().figure, tmp_path / "one")
        differences = c.differences.assign_coords(item=["مرحبا", "שלום", "字", "😀"])
        _, svg, _ = save(draw_items(differences, "😀 - 隠喩", "").figure, tmp_path / "two")
    text = svg.read_text()
    assert all(name in text for name in ("مرحبا", "שלום", "字", "😀"))


def test_many_items_make_no_large_file_and_only_colours_that_a_dark_page_can_replace(tmp_path):
    h = measure({"a": HIGHER, "b": NOTHING}, items=200)
    _, svg, pdf = save(draw_items(compare(h, "a", "b").differences, "title", "note").figure, tmp_path / "items")
    assert svg.stat().st_size < 150_000
    assert pdf.stat().st_size < 300_000
    found = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", svg.read_text()))
    assert found <= set(NEUTRALS) | {colour.lower() for colour in COLOURS}
    streams = [
        zlib.decompress(s) for s in re.findall(rb"FlateDecode.*?stream\r?\n(.*?)endstream", pdf.read_bytes(), re.S)
    ]
    assert np.sum([len(s) for s in streams]) > 1000
