"""Power: a line per effect, where it was measured."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from depthscope.drawing.alt import alt
from depthscope.drawing.style import MUTED, UP
from depthscope.studies.contrast.draw_power import draw_power

SIZES, SHARES = [10, 20, 40, 80], [0.0, 0.5, 1.0, 1.5]


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture
def power():
    rate = np.array([[0.0, 0.05, 0.05, 0.0], [0.1, 0.2, 0.5, 0.8], [0.2, 0.6, 0.9, 1.0], [0.5, 0.9, 1.0, 1.0]])
    return xr.Dataset(
        {
            "rate": (("share", "n"), rate),
            "low": (("share", "n"), np.maximum(rate - 0.1, 0)),
            "high": (("share", "n"), np.minimum(rate + 0.1, 1)),
            "dz": ("share", np.array(SHARES) * 0.78),
            "smallest_dz": ("n", [np.nan, 1.0, 0.7, 0.39]),
        },
        {"share": SHARES, "n": SIZES},
        {"items": 33},
    )


def curves(ax):
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def test_lines_are_the_rates_given(power):
    ax = draw_power(power, "title", "note")
    drawn = curves(ax)
    names = ["no effect", "dz 0.39", "dz 0.78 (observed)", "dz 1.17"]
    assert set(drawn) == set(names)
    for i, name in enumerate(names):
        np.testing.assert_array_equal(drawn[name].get_xdata(), SIZES)
        np.testing.assert_array_equal(drawn[name].get_ydata(), power["rate"][i])
    # the legend runs downward, as the lines lie
    assert [text.get_text() for text in ax.get_legend().get_texts()] == names[::-1]


def test_the_observed_effect_stands_out_with_its_interval(power):
    ax = draw_power(power, "title", "note")
    (band,) = ax.collections
    y = band.get_paths()[0].vertices[:, 1]
    assert y.min() == pytest.approx(0.1)
    assert y.max() == pytest.approx(1.0)
    drawn = curves(ax)
    assert drawn["dz 0.78 (observed)"].get_color() == UP
    assert drawn["no effect"].get_color() == MUTED
    assert len({str(line.get_color()) for line in drawn.values()}) == 4


def test_goal_and_items_are_marked(power):
    ax = draw_power(power, "title", "the note")
    lines = [line for line in ax.lines if line.get_label().startswith("_")]
    goal, here = lines
    assert set(goal.get_ydata()) == {0.8}
    assert set(here.get_xdata()) == {33}
    assert goal.get_linestyle() == "--"
    assert here.get_linestyle() == ":"
    assert [text.get_text() for text in ax.texts] == ["here", "the note"]


def test_sizes_are_the_ticks_of_a_log_axis(power):
    ax = draw_power(power, "title", "note")
    ax.figure.draw_without_rendering()
    assert ax.get_xscale() == "log"
    assert [label.get_text() for label in ax.get_xticklabels()] == [str(n) for n in SIZES]
    assert list(ax.get_xticks()) == SIZES
    assert not len(ax.get_xticks(minor=True))


@pytest.mark.parametrize("items", [3, 33, 1000])
def test_the_number_of_items_is_in_sight(power, items):
    power.attrs["items"] = items
    low, high = draw_power(power, "title", "note").get_xlim()
    assert low < items < high


def test_a_negative_effect_keeps_its_sign(power):
    power["dz"] = -power["dz"]
    assert "dz -0.78 (observed)" in curves(draw_power(power, "title", "note"))


@pytest.mark.parametrize("shares", [[], [0], [2], [0, 1]])
@pytest.mark.parametrize("sizes", [[1], [0, 1]])
def test_small_and_missing_tables_are_drawn_too(power, shares, sizes):
    ax = draw_power(power.isel(share=shares, n=sizes) * np.nan, "title", "note")
    ax.figure.draw_without_rendering()
    assert len(curves(ax)) == len(shares)


def test_given_axes_are_used(power):
    _, ax = plt.subplots()
    assert draw_power(power, "title", "note", ax) is ax


def test_the_alternative_says_from_how_many_items_the_effect_is_detected(power):
    assert alt(draw_power(power, "title", "note").figure).text == (
        f"Share of studies that detect an effect, by number of items ({SIZES[0]} to {SIZES[-1]}; available: 33), for 4 sizes "
        f"of the effect. The effect observed reaches 80% from {SIZES[2]} items; at {SIZES[-1]} items it is detected in 100%."
    )
    low = draw_power(power.assign(rate=power["rate"] / 2), "title", "note")
    assert "does not reach 80%" in alt(low.figure).text
