"""What a notebook shows: everything escaped, nothing left open."""

import subprocess
import sys
from base64 import b64decode
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pytest

import depthscope as ds
from depthscope.drawing.card import ROWS, card, picture, strip
from depthscope.statistics.curve import joint_curve
from depthscope.studies.compare.study import Comparison
from depthscope.telling import Sheet
from tests.studies.contrast.planted import HIGHER, NOTHING, compare, measure

BAD = "<script>alert('x')</script> & \"y\""


class Read(HTMLParser):
    """Tags, attributes and words of a piece of HTML; refuses what is not closed in order."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.words = [], [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(autouse=True)
def nothing_stays_open():
    yield
    assert plt.get_fignums() == []


def test_everything_is_escaped_and_in_its_order():
    read = Read(card(BAD, ["one", "", BAD], Sheet([BAD, "n"], [[BAD, "12"], ["b", "7"]], BAD)))
    assert read.words == [BAD, "one", BAD, BAD, BAD, "n", BAD, "12", "b", "7"]
    assert "script" not in read.tags
    assert read.tags.count("tr") == 3
    assert ("scope", "col") in read.attributes


def test_a_long_table_says_how_much_more_there_is():
    read = Read(card("t", table=Sheet(["a", "b"], [[str(i), "x"] for i in range(ROWS + 3)])))
    assert read.tags.count("tr") == ROWS + 1
    assert read.words[-1] == "and 3 more"


def test_a_picture_has_its_alternative():
    c = compare(measure({BAD: HIGHER, "b": NOTHING}), BAD, "b")
    read = Read(picture(c.plot))
    attributes = dict(read.attributes)
    assert attributes["alt"].startswith(f"{BAD} - b. Difference in CSE by layer")
    assert b64decode(attributes["src"].removeprefix("data:image/png;base64,"))[:4] == b"\x89PNG"


def test_a_drawing_that_fails_leaves_no_figure_behind_and_mine_alone():
    mine = plt.figure()

    def fails():
        plt.subplots()
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        picture(fails)
    assert plt.get_fignums() == [mine.number]
    plt.close(mine)


def test_a_contrast_shows_its_clusters_with_their_p():
    c = compare(measure({"a": HIGHER, "b": NOTHING}), "a", "b")
    read = Read(c._repr_html_())
    assert read.words[:2] == ["a - b: cse", c.settings_text]
    (found,) = c.clusters
    assert "5-8" in read.words
    assert found.effect in read.words
    assert read.tags.count("img") == 1
    assert "found" not in " ".join(read.words)
    nothing = Read(compare(measure({"a": NOTHING, "b": NOTHING}), "a", "b")._repr_html_())
    assert "No cluster" in nothing.words
    few = Read(compare(measure({"a": HIGHER, "b": NOTHING}, items=4), "a", "b")._repr_html_())
    assert any("too few items" in words for words in few.words)


def test_a_contrast_over_scales_and_a_curve_have_cards_too():
    c = compare(measure({"a": HIGHER, "b": NOTHING}), "a", "b")
    curve = joint_curve([({"wavelet": BAD}, c.differences)], permutations=50, resamples=20)
    read = Read(curve._repr_html_())
    assert "median effect (dz)" in read.words
    assert read.words[1] == curve.settings_text
    assert read.tags.count("tr") == 5
    assert curve.plot().figure is plt.gcf()
    plt.close("all")


def test_a_comparison_has_a_row_for_every_model_and_a_line_for_all():
    from tests.studies.compare.test_words import asked, source

    found: Comparison = asked(source(BAD, HIGHER), source("y", HIGHER, 10))
    read = Read(found._repr_html_())
    assert {BAD, "y"} <= set(read.words)
    assert any(words.startswith("Pooled over 2 models: g +") for words in read.words)
    assert read.tags.count("tr") == 3
    ax = found.plot()
    assert ax is ax.figure.figure.axes[0]
    plt.close("all")


def test_without_matplotlib_there_is_the_card_and_no_picture():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import numpy as np, depthscope as ds\n"
        "from tests.studies.contrast.planted import *\n"
        "h = measure({'a': HIGHER, 'b': NOTHING})\n"
        "print(compare(h, 'a', 'b')._repr_html_(), h.depthscope._repr_html_())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    read = Read(done.stdout)
    assert "a - b: cse" in read.words
    assert "img" not in read.tags


def test_numbers_of_a_curve_are_what_it_says():
    c = compare(measure({"a": HIGHER, "b": NOTHING}), "a", "b")
    curve = joint_curve([({"w": "1"}, c.differences)], permutations=50, resamples=20)
    assert f"{curve.joint['median'].observed:+.2f}" in Read(curve._repr_html_()).words
    assert np.isfinite(curve.joint["median"].p)
    assert ds.Contrast is type(c)


def test_a_strip_is_coloured_over_what_counts_and_escaped():
    pieces, means = [BAD, " a", "b", "c"], np.array([0.1, 0.99991, 0.99995, np.nan])
    read = Read(strip(pieces, means, np.array([False, True, True, True])))
    assert read.words == pieces
    titles = [value for name, value in read.attributes if name == "title"]
    assert titles == ["CSE 0.100000", "CSE 0.999910", "CSE 0.999950", "CSE not measured"]
    *_, lowest, highest, unknown = [value for name, value in read.attributes if name == "style"]
    # the lowest of those that count, not of all
    assert "#111" in lowest
    assert "#fff" in highest
    assert unknown == ""


def test_a_strip_needs_no_matplotlib():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import numpy as np; from depthscope.drawing.card import strip\n"
        "print(strip(['a', 'b'], np.array([0.1, 0.2]), np.array([True, True])))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [word for word in Read(done.stdout).words if word.strip()] == ["a", "b"]
