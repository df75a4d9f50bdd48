"""Many models in one figure: the numbers given, every name beside its own line, nothing on top of anything."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.colors import to_hex

from depthscope.drawing.alt import alt
from depthscope.drawing.style import PAPER
from depthscope.studies.compare.figures import draw_meta

NAN = float("nan")
GRID = np.arange(1, 21) / 20
WHOLE = {"k": 0, "estimate": 0.3, "low": -0.1, "high": 0.7, "prediction_low": -0.6, "prediction_high": 1.2}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def draw(count, *, whole=None, dz=0.4, names=None, pooled=None):
    names = names or [f"model-{i}" for i in range(count)]
    curves = {n: xr.Dataset({"dz": ("relative_depth", np.full(20, dz + i / 50))}) for i, n in enumerate(names)}
    rows = [
        {
            "label": n,
            "n": 186,
            "layers": [3, 4],
            "dz": dz - i / 10,
            "low": dz - 0.2,
            "high": dz + 0.2,
            "p": 0.01 + 0.1 * (i % 2),
        }
        for i, n in enumerate(names)
    ]
    whole = {**WHOLE, "k": count} | (whole or {})
    if count < 3:
        whole |= {"prediction_low": NAN, "prediction_high": NAN}
    table = {name: ("relative_depth", np.full(20, float(value))) for name, value in (whole | (pooled or {})).items()}
    figure = draw_meta(
        curves,
        xr.Dataset(table, {"relative_depth": GRID}),
        pd.DataFrame(rows),
        whole,
        (0.0, 0.6),
        "title",
        "note",
        "words",
    )
    figure.draw_without_rendering()
    return figure


def boxes(figure):
    """Every text that is written, and where."""
    found = [text for ax in figure.axes for text in ax.texts if text.get_text()]
    found += [
        figure._suptitle,
        figure._supxlabel,
        *(t for ax in figure.axes for t in (ax.title, ax._left_title, ax.xaxis.label)),
    ]
    return [(t.get_text(), t.get_window_extent()) for t in found if t.get_text()]


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_nothing_written_lies_on_anything_written_or_outside(count):
    names = [
        f"a-rather-long-name-of-a-model-{i}-instruct-q4_k_m.gguf" if i % 3 == 0 else f"$m_{i}$" for i in range(count)
    ]
    figure = draw(count, names=names)
    written = boxes(figure)
    for i, (one, box) in enumerate(written):
        assert box.x0 > -2, one
        assert box.x1 < figure.bbox.width + 2, one
        for other, its in written[i + 1 :]:
            assert not box.overlaps(its), (one, other)
    left, right = figure.axes
    for text in right.texts:
        if "(n =" in text.get_text():
            assert left.get_window_extent().y0 > text.get_window_extent().y1
            assert text.get_window_extent().x1 < right.get_window_extent().x0


def test_the_curves_and_the_bands_are_the_numbers_given():
    left, _ = draw(5).axes
    curves = [line for line in left.lines if line.get_marker() == "o"]
    np.testing.assert_allclose([c.get_ydata()[0] for c in curves], 0.4 + np.arange(5) / 50)
    (pooled,) = [line for line in left.lines if line.get_label() == "pooled"]
    np.testing.assert_allclose(pooled.get_ydata(), 0.3)
    bands = {
        b.get_label(): b.get_datalim(left.transData).intervaly
        for b in left.collections
        if not b.get_label().startswith("_")
    }
    np.testing.assert_allclose(bands["its 95 % interval"], [-0.1, 0.7])
    np.testing.assert_allclose(bands["where a new model is expected (95 %)"], [-0.6, 1.2])
    assert [t.get_text() for t in left.texts] == ["5"] * 20


def test_a_line_its_row_and_its_key_look_the_same():
    left, right = draw(12).axes
    curves = [line for line in left.lines if line.get_marker() == "o"]
    looks = {(to_hex(c.get_color()), str(c.get_linestyle())) for c in curves}
    assert len(looks) == 12
    markers = [line for line in right.lines if line.get_marker() == "o"]
    assert [to_hex(m.get_mec()) for m in markers] == [to_hex(c.get_color()) for c in curves]
    keys = [t.arrow_patch for t in right.texts if getattr(t, "arrow_patch", None) is not None]
    assert [to_hex(k.get_edgecolor()) for k in keys] == [to_hex(c.get_color()) for c in curves]
    assert [m.get_mfc() == PAPER for m in markers] == [i % 2 == 1 for i in range(12)]


def test_one_model_has_nothing_pooled_and_two_no_prediction():
    for count, said in ((1, set()), (2, {"pooled, 2 models"}), (3, {"pooled, 3 models", "a new model (95 %)"})):
        left, right = draw(count).axes
        words = {t.get_text() for t in right.texts}
        assert said == {w for w in words if "pooled" in w or "new model" in w}
        assert ("pooled" in {line.get_label() for line in left.lines}) == (count > 1)


def test_absurd_intervals_are_cut_and_say_so():
    wild = {"low": -40.0, "high": 40.0}
    left, right = draw(2, whole=wild).axes
    assert max(np.abs(left.get_ylim())) < 2
    assert max(np.abs(right.get_xlim())) < 3
    assert {"<", ">"} <= {line.get_marker() for line in right.lines}


def test_what_is_not_measured_is_said_to_be():
    _, right = draw(1, dz=NAN).axes
    assert "not measured there" in {t.get_text() for t in right.texts}


def test_the_alternative_counts_models_and_gives_what_is_pooled():
    assert alt(draw(3)).text == (
        "Cohen's dz by relative depth in 3 models, a line each, and of the mean over relative depth 0 to 0.6 a row each: above "
        "0 at p <= .05 in 2 (model-0 and model-2), below 0 in 0 (none). Pooled over 3 models: +0.30 [-0.10, +0.70]; a new "
        "model is expected between -0.60 and +1.20."
    )
    assert "Pooled" not in alt(draw(1)).text
