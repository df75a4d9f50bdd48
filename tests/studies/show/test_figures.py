"""The tokens from the top down, in the order of the text."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from depthscope.drawing.alt import alt
from depthscope.studies.show.figures import FEW, draw_reading, tell_reading


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def measured(count, layers=6):
    values = np.linspace(0.5, 0.9, count * layers).reshape(count, layers)
    values[:, 0] = np.nan
    pieces = [f" w{k}" for k in range(count)]
    return xr.DataArray(
        values, dims=("token", "layer"), coords={"layer": np.arange(3, 3 + layers), "piece": ("token", pieces)}
    )


def test_each_token_has_its_row_with_its_name_and_its_values():
    h = measured(4)
    ax = draw_reading(h, "title", "model; paul(4)")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["w0", "w1", "w2", "w3"]
    low, high = ax.get_ylim()
    assert low > high
    drawn = ax.collections[0].get_array()
    np.testing.assert_allclose(np.ma.filled(drawn, np.nan).reshape(4, 6), h.values)
    assert ax.get_xlim() == (2.5, 8.5)


def test_a_long_text_has_numbers_in_place_of_names():
    ax = draw_reading(measured(FEW + 1), "title", "")
    ax.figure.draw_without_rendering()
    assert not any("w" in label.get_text() for label in ax.get_yticklabels())
    assert ax.get_ylabel() == "token"


def test_differences_are_drawn_around_zero():
    h = measured(3) - 0.6
    colours = draw_reading(h, "title", "", label="difference", signed=True).collections[0].norm
    assert colours.vmin == -colours.vmax
    low, high = np.nanpercentile(h, [1, 99])
    assert colours.vmax == pytest.approx(max(-low, high))


def test_colours_reach_over_the_tokens_that_count():
    h = measured(8)
    h[0] = 100.0
    colours = draw_reading(h, "title", "", counted=np.arange(8) > 0).collections[0].norm
    assert colours.vmax < 1
    assert draw_reading(h, "title", "").collections[0].norm.vmax > 50
    # nothing to go by is no reason to fail
    assert draw_reading(h * np.nan, "title", "").collections[0].norm.vmin == 0


def test_it_draws_into_the_axes_of_somebody_else():
    _, (left, right) = plt.subplots(1, 2)
    assert draw_reading(measured(3), "title", "note", right) is right
    assert not left.collections


def test_it_says_what_can_be_seen():
    figure = draw_reading(measured(4), "title", "").figure
    told = alt(figure)
    assert told.title == "title"
    assert "4 tokens (rows) at 6 layers" in told.text
    assert "largest at token 3 (w3" in told.text
    assert "smallest at token 0 (w0" in told.text
    assert "Nothing was measured" in tell_reading(measured(2) * np.nan, "CSE")


def test_values_that_are_close_are_told_apart_in_words_too():
    h = measured(2)
    h[:] = [[0.99998], [0.99992]]
    assert "(w0, 0.99998) and smallest at token 1 (w1, 0.99992)" in tell_reading(h, "CSE")


def test_one_is_not_many():
    assert tell_reading(measured(1, layers=1) * np.nan, "CSE").startswith("CSE of 1 token (rows) at 1 layer (columns).")
