"""A measure of many tokens: what is drawn, and what is said of it."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from depthscope.drawing.alt import alt
from depthscope.scan.figures import draw_tokens

MEAN = [np.nan, 2.0, 5.0, 3.0, np.nan]
LAYERS = pd.DataFrame({"layer": range(1, 6), "mean": MEAN})
LAYERS = LAYERS.assign(**{f"q{q:02}": LAYERS["mean"] + (q - 50) / 50 for q in (5, 25, 50, 75, 95)})


def test_the_mean_is_drawn_where_there_is_one_within_its_bands():
    ax = draw_tokens(LAYERS, "title", "note", "norm")
    drawn = ax.lines[0].get_xydata()
    np.testing.assert_array_equal(drawn[1:4], [[2, 2], [3, 5], [4, 3]])
    assert np.isnan(drawn[[0, 4], 1]).all()
    wide, narrow = (band.get_datalim(ax.transData).height for band in ax.collections)
    assert wide > narrow
    assert ax.get_xlim()[1] >= 5


def test_the_alternative_says_where_it_is_highest_and_lowest():
    told = alt(draw_tokens(LAYERS, "title", "note", "norm").figure).text
    assert told == (
        "norm by layer, mean of all tokens (and 5 to 95 % of them): highest 5 at layer 3 (4.1 to 5.9), lowest 2 at layer 2 "
        "(1.1 to 2.9)."
    )
    nothing = LAYERS.assign(mean=np.nan)
    assert alt(draw_tokens(nothing, "title", "note", "norm").figure).text == "norm by layer: no layer has a value."


def test_it_draws_into_axes_of_yours():
    ax = plt.subplots()[1]
    assert draw_tokens(LAYERS, "title", "note", "norm", ax=ax) is ax
