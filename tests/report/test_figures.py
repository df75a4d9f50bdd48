"""Every figure is drawn, whole, for whatever names and lengths a user brings."""

import xml.etree.ElementTree as ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.image import imread

import depthscope as ds
from depthscope.drawing.conditions import draw_conditions
from depthscope.drawing.style import RC
from depthscope.model.tokenizer import load_tokenizer
from depthscope.report.figures import file_stem, write_figures
from depthscope.report.tables import describe_layers
from tests.conftest import tiny_llama


@pytest.fixture(scope="module")
def trajectories():
    """From a model of ten blocks; condition names that a text renderer or a file system could trip over."""
    rows = [
        {"item": word, "condition": condition, "text": f"{start} {word}.", "target": word}
        for word in ("wall", "storm", "seed", "key", "cage")
        for condition, start in (("a/b $x$", "Her word was a"), ("c_d^{ $\\e$", "He saw an old"), ("plain", "Not any"))
    ]
    tokenizer, _ = load_tokenizer("embedded")
    return ds.trace(ds.load(tiny_llama(len(tokenizer), blocks=10), tokenizer), rows, progress=False)


@pytest.fixture(scope="module")
def drawn(trajectories, tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn") / "figures"
    h = ds.cse(trajectories)
    pairs = (("a/b $x$", "c_d^{ $\\e$"), ("plain", "a/b $x$"))
    contrasts = [ds.contrast(h, a, b, permutations=50, resamples=20) for a, b in pairs]

    def draw(folder):
        return write_figures(folder, h, ds.scalogram(trajectories, share=True), contrasts, "model, set, paul(4)")

    return draw(folder), draw


def test_each_contrast_has_its_figures_as_png_and_svg(drawn):
    paths, _ = drawn
    kinds = ["cse-by-condition"]
    for stem in ("a_b_x_-minus-c_d_e_", "plain-minus-a_b_x_"):
        kinds += [f"difference-{stem}", f"items-{stem}", f"scalograms-{stem}"]
    assert [path.name for path in paths] == [f"{kind}.{suffix}" for kind in kinds for suffix in ("png", "svg")]
    assert sorted(paths) == sorted(paths[0].parent.iterdir())


def test_pictures_are_drawn_and_vector_figures_hold_the_words(drawn):
    paths, _ = drawn
    for path in paths:
        if path.suffix == ".png":
            assert np.std(imread(path)[..., :3]) > 0.02, path.name
        else:
            text = " ".join(ElementTree.parse(path).getroot().itertext())
            assert "layer" in text
            assert "n = 5" in text
            assert "a/b $x$" in text


def test_the_same_numbers_give_the_same_files(drawn, tmp_path):
    paths, draw = drawn
    for first, second in zip(paths, draw(tmp_path / "again"), strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name


def test_no_figure_stays_open(drawn, tmp_path):
    before = plt.get_fignums()
    drawn[1](tmp_path / "more")
    assert plt.get_fignums() == before


@pytest.mark.parametrize("text", ["short", "word " * 100, "/a/very/long/path" * 20])
def test_a_long_note_does_not_shrink_the_axes(trajectories, text):
    with plt.rc_context(RC):
        ax = draw_conditions(describe_layers(ds.cse(trajectories)), [], "title", text)
        ax.figure.draw_without_rendering()
        plt.close(ax.figure)
    assert ax.get_window_extent().width > 0.75 * ax.figure.bbox.width
    assert ax.get_window_extent().height > 0.4 * ax.figure.bbox.height


def test_any_condition_makes_a_file_name_of_its_own():
    taken = set()
    names = ["a/b-minus-c", "a_b-minus-c", "x" * 300, "größe?-minus-*"]
    stems = [file_stem(name, taken) for name in names]
    assert len(set(stems)) == 4
    assert all(len(stem) < 100 and "/" not in stem for stem in stems)
