"""Every measure has its panel, all on one scale; scores stand where they belong."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from depthscope.drawing.alt import alt
from depthscope.studies.mechanism.draw_baselines import MeasurePanel, ScoreRow, draw_baselines

WINDOW = (3, 5)
SPANS = [(2, 5, 0.001, 1.0), (7, 7, 0.4, -1.0)]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def panel(label="$measure$", dz=0.5, width=0.2, given=None):
    layers = np.arange(1, 9)
    columns = {"dz": dz, "dz_low": dz - width, "dz_high": dz + width}
    coords = {"layer": layers, "relative_depth": ("layer", layers / 8)}
    table = xr.Dataset({name: ("layer", np.full(8, value)) for name, value in columns.items()}, coords)
    held = None if given is None else xr.full_like(table["dz"], given)
    return MeasurePanel(label, table, SPANS, held, "at equal others")


SCORES = [
    ScoreRow("one", {"every layer": (0.8, 0.7, 0.9), "window": (0.6, 0.5, 0.7)}),
    ScoreRow("$two$", {"every layer": (0.85, 0.75, 0.95), "window": (0.4, 0.35, 0.5)}),
]


def draw(panels, scores=SCORES):
    figure = draw_baselines(panels, WINDOW, scores, "adds" if scores else "", "title", "the note")
    figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7])
def test_any_number_of_measures_and_the_classifier_have_room(count):
    figure = draw([panel(given=0.1) for _ in range(count)])
    *measures, scores = figure.axes
    assert [ax.get_title(loc="left") for ax in measures] == ["$measure$"] * count
    assert all(ax.get_window_extent().height > 150 for ax in figure.axes)
    assert all(ax.get_window_extent().width > 300 for ax in figure.axes)
    boxes = [ax.get_window_extent() for ax in figure.axes]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    assert scores.get_title(loc="left") == "Telling the conditions apart"


def test_without_a_classifier_there_is_no_panel_for_it():
    assert len(draw([panel()], scores=[]).axes) == 1


def test_all_measures_share_one_scale_that_an_absurd_interval_does_not_stretch():
    calm, wild = draw([panel(), panel(width=50)], scores=[]).axes
    assert calm.get_ylim() == wild.get_ylim()
    assert wild.get_ylim()[1] < 2


def test_what_is_held_equal_is_drawn_in_the_window_only():
    ax = draw([panel(given=-0.7)], scores=[]).axes[0]
    (held,) = [line for line in ax.lines if line.get_label() == "at equal others"]
    np.testing.assert_array_equal(held.get_xdata(), [3, 4, 5])
    np.testing.assert_array_equal(held.get_ydata(), [-0.7] * 3)
    assert ax.get_ylim()[0] < -0.7
    assert [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == "--"] == [2.5, 5.5]


def test_scores_are_drawn_as_given_and_names_do_not_run_into_them():
    figure = draw([panel()])
    ax = figure.axes[-1]
    points = {(line.get_marker(), float(line.get_xdata()[0])) for line in ax.lines if line.get_marker() != "None"}
    assert points == {("o", 0.8), ("D", 0.6), ("o", 0.85), ("D", 0.4)}
    ends = ax.transData.transform([(0.35, 0)])[0, 0]
    names = [text for text in ax.texts if text.get_text() in ("one", "$two$")]
    assert all(text.get_window_extent().x1 < ends for text in names)


def test_nothing_measured_is_drawn_as_nothing():
    figure = draw([panel(dz=float("nan"))], scores=[])
    assert np.isfinite(figure.axes[0].get_ylim()).all()


def test_the_alternative_names_the_measures_of_the_window_and_the_best_features():
    figure = draw([panel("one"), MeasurePanel("two", panel().table, [(7, 8, 0.001, 1.0)])])
    assert alt(figure).text == (
        "Cohen's dz by layer for 2 measures (one and two). A cluster with p <= .05 that meets layers 3-5: one. Below, AUC "
        "of classifiers on 2 sets of features: best $two$ (every layer), 0.85. adds"
    )
