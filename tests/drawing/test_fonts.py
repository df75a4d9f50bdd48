"""Characters that the usual font lacks: drawn with an installed font that has them, or missed in a sentence."""

import io
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from PIL import Image

from depthscope.cli.main import notes
from depthscope.drawing import fonts
from depthscope.drawing.fonts import lend, missed, missed_text
from depthscope.drawing.saving import encoded, save
from depthscope.drawing.style import axes, heading, look
from depthscope.errors import DepthscopeWarning

# characters that the usual font lacks
HAS, NOWHERE = "\u6f22\u5b57", "\U0001f6f8\U00013000"


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """A machine on which nothing is installed but what comes with matplotlib."""

    def forget():
        fonts._SAID.clear()
        fonts._covered_by.cache_clear()

    forget()
    before = list(font_manager.fontManager.ttflist)
    font_manager.fontManager.ttflist[:] = [entry for entry in before if entry.name.startswith("DejaVu")]
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    yield
    font_manager.fontManager.ttflist[:] = before
    font_manager._get_font.cache_clear()
    forget()


def made(folder, name, characters, bar):
    """A font in which each of the characters is a bar so many units wide."""
    pen = TTGlyphPen(None)
    for at, point in enumerate([(0, 0), (0, 700), (bar, 700), (bar, 0)]):
        (pen.lineTo if at else pen.moveTo)(point)
    pen.closePath()
    glyphs = {".notdef": TTGlyphPen(None).glyph(), "bar": pen.glyph()}
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap({ord(char): "bar" for char in characters})
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": name, "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWeightClass=400)
    builder.setupPost()
    path = folder / f"{name}.ttf"
    builder.save(path)
    font_manager.fontManager.addfont(path)
    fonts._covered_by.cache_clear()
    return path


def drawn(title):
    with look():
        ax = axes(None, 40)
        heading(ax, title)
    return ax.figure


def dark(figure):
    return int((np.asarray(Image.open(io.BytesIO(encoded(figure, "png"))).convert("L")) < 128).sum())


def test_a_font_that_has_them_is_lent_and_drawn(tmp_path):
    made(tmp_path, "Bars", HAS, 900)
    title = f"plain, and {HAS}"
    figure = drawn(title)
    label = figure.axes[0]._left_title
    own = label.get_fontfamily()
    assert lend(figure)
    assert label.get_fontfamily() == [*own, "Bars"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wide = dark(figure)
    # the same with bars a third as wide: the glyphs are those of the font
    made(tmp_path, "Aardvark", HAS, 300)
    assert dark(drawn(title)) < wide
    assert b"Bars" in encoded(figure, "svg")
    assert encoded(figure, "pdf")


def test_as_few_fonts_as_needed_the_one_with_most_first(tmp_path):
    for name, characters in (("Some", HAS[:1]), ("Most", HAS), ("Other", NOWHERE[1])):
        made(tmp_path, name, characters, 500)
    figure = drawn(HAS + NOWHERE[1])
    lend(figure)
    assert figure.axes[0]._left_title.get_fontfamily()[-2:] == ["Most", "Other"]


@pytest.mark.usefixtures("every_format")
def test_what_no_font_has_is_said_once(tmp_path):
    made(tmp_path, "Bars", HAS, 900)
    assert missed([HAS, NOWHERE[1], "plain é … −"]) == NOWHERE[1]
    with pytest.warns(DepthscopeWarning, match=r"No installed font has .* \(1 character\(s\)\).*SVG.*install a font"):
        save(drawn(f"{HAS} {NOWHERE[1]}"), tmp_path / "a")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(drawn(f"{HAS} {NOWHERE[1]}"), tmp_path / "b")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_names_on_an_axis_are_looked_at_too(tmp_path):
    made(tmp_path, "Bars", HAS, 900)
    with look():
        ax = axes(None, 40)
        ax.barh([HAS, "plain"], [1, 2])
    save(ax.figure, tmp_path / "a")
    assert ax.get_yticklabels()[0].get_fontfamily()[-1] == "Bars"


def test_usual_characters_control_characters_and_variants_need_nothing():
    assert missed_text(["Größe, naïve; − ≤ η² “x” … \u00ad\u200d\ufe0f\x07 русский Ελληνικά"]) == ""
    figure = drawn("Größe")
    assert not lend(figure)
    plt.close(figure)


def test_fonts_of_boxes_and_what_is_no_font_are_passed_over(tmp_path):
    made(tmp_path, "Last Resort", NOWHERE, 900)
    path = made(tmp_path, "Harmed", NOWHERE, 900)
    path.write_bytes(b"no font")
    fonts._characters.cache_clear()
    assert missed(NOWHERE[1]) == NOWHERE[1]


def test_the_command_line_prints_a_note(capsys):
    with notes():
        warnings.warn("said", DepthscopeWarning, stacklevel=1)
    assert capsys.readouterr().err == "note: said\n"
