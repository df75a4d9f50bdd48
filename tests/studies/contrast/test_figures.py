"""Every figure is drawn, whole, for whatever names and lengths a user brings."""

import os
import re
import xml.etree.ElementTree as ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.image import imread

import depthscope as ds
from depthscope.drawing.conditions import draw_conditions
from depthscope.drawing.saving import KINDS
from depthscope.drawing.style import COLOURS, NEUTRALS, PAGE
from depthscope.model.tokenizer import load_tokenizer
from depthscope.statistics.balance import describe_covariates, imbalance
from depthscope.statistics.curve import joint_curve
from depthscope.statistics.nulls import against
from depthscope.statistics.power import power_curve
from depthscope.studies.contrast.figures import file_stem, write_evidence_figures, write_figures, write_forest
from depthscope.studies.contrast.results import Confounding, Evidence
from depthscope.studies.corpora.results import compare_sets
from depthscope.summaries import describe_layers
from tests.conftest import tiny_llama
from tests.studies.contrast.planted import HALF, HIGHER, LOWER, NOTHING, QUICK, compare, evidence, measure

pytestmark = pytest.mark.usefixtures("every_format")


def words_of(svg):
    """What is written in it, whatever the lines."""
    return " ".join(" ".join(ElementTree.parse(svg).getroot().itertext()).split())


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


def test_each_contrast_has_its_figures_in_every_kind(drawn):
    paths, _ = drawn
    kinds = ["cse-by-condition"]
    for stem in ("a_b_x_-minus-c_d_e_", "plain-minus-a_b_x_"):
        kinds += [f"difference-{stem}", f"items-{stem}", f"scalograms-{stem}"]
    assert [path.name for path in paths] == [f"{kind}.{suffix}" for kind in kinds for suffix in KINDS]
    assert sorted(paths) == sorted(paths[0].parent.iterdir())


def test_pictures_are_drawn_and_vector_figures_hold_the_words(drawn):
    paths, _ = drawn
    for path in paths:
        if path.suffix == ".pdf":
            continue
        if path.suffix == ".png":
            assert np.std(imread(path)[..., :3]) > 0.02, path.name
        else:
            text = words_of(path)
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


ODD = ("a/b $x$", "c_d^{ $\\e$", "plain|er")


@pytest.fixture(scope="module")
def full():
    """Measures and evidence of every kind, under names that a text renderer could trip over."""
    a, b, c = ODD
    gaps = np.column_stack([np.tile([1.0, -1.0, -1.0, np.nan], 6), np.zeros(24), np.ones(24)])
    h = measure({a: HIGHER, b: NOTHING, c: HALF}, **{"word $freq$": (("item", "condition"), gaps)})
    main = compare(h, a, b)
    adjusted = {"word $freq$": compare(h, a, b, adjust=["word $freq$"])}
    power = power_curve(main.differences.values, sizes=(10, 20), shares=(0.0, 0.5, 1.0), draws=3, permutations=50)
    choices = (({"wavelet": name}, main.differences) for name in ("paul(4)", "haar"))
    e = evidence(
        h,
        a,
        b,
        covariates=describe_covariates(h, ["word $freq$"]),
        confounding=[Confounding(main, imbalance(h, main.terms, ["word $freq$"]), {}, adjusted, {}, {})],
        nulls=[against([measure(dict.fromkeys(ODD, NOTHING))], h, main, "order", "shuffled", permutations=50)],
        curve=joint_curve(choices, permutations=50, resamples=20),
        power=power,
    )
    return h, e


@pytest.fixture(scope="module")
def evidence_drawn(full, tmp_path_factory):
    return write_evidence_figures(tmp_path_factory.mktemp("evidence") / "figures", *full, "model, set, paul(4)")


def test_every_part_of_the_evidence_has_a_figure(evidence_drawn):
    names = ("evidence", "covariates", "nulls", "specifications", "power")
    assert [path.name for path in evidence_drawn] == [f"{name}.{kind}" for name in names for kind in KINDS]
    assert sorted(evidence_drawn) == sorted(evidence_drawn[0].parent.iterdir())


def test_figures_of_the_evidence_say_what_they_show(evidence_drawn, full):
    shown = {
        "evidence": (f"{ODD[0]} - {ODD[1]}", "layers 5-8", "adjusted for word $freq$", "order", "n = 24"),
        "covariates": (*ODD, "word $freq$", "n = 24 items"),
        "nulls": (ODD[0], ODD[1], "order (1 draws)", "n = 24"),
        "specifications": ("paul(4)", "haar", "n = 24 items in all of 2 specifications"),
        "power": ("3 studies drawn with replacement",),
    }
    for path in evidence_drawn:
        if path.suffix == ".pdf":
            continue
        if path.suffix == ".png":
            assert np.std(imread(path)[..., :3]) > 0.02, path.name
        else:
            text = words_of(path)
            for words in shown[path.stem]:
                assert words in text, (path.name, words)


def test_figures_of_the_evidence_are_the_same_every_time_and_stay_closed(evidence_drawn, full, tmp_path):
    before = plt.get_fignums()
    again = write_evidence_figures(tmp_path / "again", *full, "model, set, paul(4)")
    assert plt.get_fignums() == before
    for first, second in zip(evidence_drawn, again, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name


def test_what_was_not_asked_for_has_no_figure(tmp_path):
    h = measure({"a": NOTHING, "b": NOTHING})
    paths = write_evidence_figures(tmp_path / "figures", h, evidence(h), "model")
    assert [path.name for path in paths] == [f"evidence.{kind}" for kind in KINDS]


def test_a_difference_of_differences_is_drawn_with_its_null(tmp_path):
    h = measure({"a": HIGHER, "b": NOTHING, "c": NOTHING, "d": NOTHING})
    main = ds.contrast(h, "(a-b)-(c-d)", **QUICK)
    e = Evidence(main, nulls=[against([h], h, main, "same", "the same", permutations=50)])
    text = words_of(write_evidence_figures(tmp_path / "figures", h, e, "model")[-2])
    assert "(a - b) - (c - d) and what nulls expect" in text


def test_sets_are_drawn_one_below_the_other(tmp_path):
    sets = {name: evidence(measure({"a": planted, "b": NOTHING})) for name, planted in (("x", HIGHER), ("y|$", LOWER))}
    rows = compare_sets(sets)
    paths = write_forest(tmp_path / "figures", rows, "a - b in every set", "model")
    assert [path.name for path in paths] == [f"forest.{kind}" for kind in KINDS]
    text = words_of(paths[1])
    for words in ("a - b in every set", "x (n = 24)", "y|$ (n = 24)", rows[0].said, "LAYERS 5-8, CHOSEN BY X"):
        assert words in text
    assert pd.DataFrame(rows)["found"].all()


def test_every_figure_has_its_words_its_width_and_colours_that_a_dark_page_can_replace(drawn, evidence_drawn):
    allowed = {*NEUTRALS, *(colour.lower() for colour in COLOURS)}
    for path in (*drawn[0], *evidence_drawn):
        if path.suffix == ".svg":
            root = ElementTree.parse(path).getroot()
            for name in ("title", "description"):
                (words,) = root.iter("{http://purl.org/dc/elements/1.1/}" + name)
                assert len(words.text) > 10, path.name
            used = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", path.read_text()))
            assert used <= allowed or path.stem == "power", (path.name, used - allowed)
        elif path.suffix == ".pdf":
            (box,) = re.findall(rb"/MediaBox \[([^\]]*)\]", path.read_bytes())
            width = float(box.split()[2]) / 72 * 25.4
            assert min(abs(width - mm) for mm in (PAGE, PAGE * 2 / 3)) < 0.01, (path.name, width)


def test_the_alternative_of_the_first_figure_says_what_was_found(full, tmp_path):
    h, e = full
    share = xr.DataArray(
        np.ones((24, 3, 4, 20)),
        {
            **{name: h[name] for name in ("item", "condition", "layer")},
            "period": ("scale", [2.0, 3, 4, 5]),
            "coi": h["layer"] * 2.0,
        },
        ("item", "condition", "scale", "layer"),
    )
    svg = write_figures(tmp_path / "figures", h, share, [e.main], "model")[1]
    assert f"{e.main.name} is above 0 at layers 5-8" in words_of(svg)


def test_names_of_files_leave_room_for_what_stands_around_them():
    taken: set[str] = set()
    for name in ("\u5927" * 100, "\u5927" * 101, "\udcff/x", "a" * 300):
        assert len(os.fsencode(file_stem(name, taken))) <= 164
    assert len(taken) == 4
