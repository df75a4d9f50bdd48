"""Curves along depth: a line per condition, a difference, a row per item."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from depthscope.drawing.alt import alt
from depthscope.drawing.conditions import draw_conditions
from depthscope.drawing.difference import draw_difference
from depthscope.studies.contrast.draw_items import FEW, draw_items
from depthscope.summaries import describe_layers
from tests.studies.contrast.planted import DEPTH, HIGHER, LOWER, NOTHING, measure

SPANS = [(5, 8, 0.0001, 1.0), (12, 12, 0.4, -1.0)]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_more_conditions_than_are_told_apart_by_colour_have_dashes_too():
    h = measure(dict.fromkeys("abcdefgh", NOTHING))
    lines = draw_conditions(describe_layers(h), [], "t", "n").lines
    looks = {(line.get_color(), str(line.get_linestyle()), line.is_dashed()) for line in lines}
    assert len(looks) == 8
    assert [line.is_dashed() for line in lines[:4]] == [False, False, False, True]


def test_the_alternative_says_which_condition_is_highest_and_where_they_differ():
    layers = describe_layers(measure({"up": HIGHER, "none": NOTHING, "down": LOWER}))
    told = alt(draw_conditions(layers, SPANS, "title", "n", contrast="up - none").figure)
    assert told.text == (
        "CSE by layer, mean and 95 % interval, for 3 conditions (up, none and down): averaged over the layers highest for up "
        "(0.8), lowest for down (-0.8). up - none is above 0 at layers 5-8 (p < .001)."
    )
    one = alt(draw_conditions(layers.sel(condition=["up"]), [], "title", "n").figure).text
    assert one == "CSE by layer, mean and 95 % interval: 0.8 on average over the layers."


def test_an_interval_is_told_of_those_who_have_one():
    h = measure({"one": HIGHER, "b": NOTHING})
    single = describe_layers(h.isel(item=[0]))
    assert alt(draw_conditions(single, [], "t", "n").figure).text.startswith("CSE by layer, mean, for 2 conditions")
    alone = alt(draw_conditions(single.sel(condition=["one"]), [], "t", "n").figure).text
    assert alone.startswith("CSE by layer, mean: ")
    some = h.where((h["condition"] == "b") | (h["item"] == h["item"][0]))
    assert alt(draw_conditions(describe_layers(some), [], "t", "n").figure).text.startswith(
        "CSE by layer, mean and 95 % interval (no interval for one), for 2 conditions"
    )


def difference(values):
    columns = {"difference": values, "low": values - 0.1, "high": values + 0.1}
    return xr.Dataset({k: ("layer", v) for k, v in columns.items()}, {"layer": np.arange(1, len(values) + 1)})


def test_the_alternative_of_a_difference_says_where_it_is_and_where_farthest_from_0():
    ax = draw_difference(difference(np.linspace(-1, 0.5, DEPTH)), SPANS, "a - b", "note")
    assert alt(ax.figure).text == (
        "Difference in CSE by layer, a - b, with its 95 % interval. The difference is above 0 at layers 5-8 (p < .001). "
        "It is farthest from 0 at layer 1 (-1)."
    )
    bare = draw_difference(difference(np.full(4, np.nan)), [], "a - b", "note")
    assert alt(bare.figure).text.endswith("has no cluster of layers with p <= .05. No layer was measured.")


def test_p_stands_above_the_curve():
    ax = draw_difference(difference(np.full(DEPTH, 1.0)), [(1, DEPTH, 0.001, 1.0)], "a - b", "note")
    ax.figure.draw_without_rendering()
    (p,) = [text for text in ax.texts if text.get_text().startswith("p")]
    assert p.get_window_extent().y0 > ax.transData.transform((1, 1.1))[1]


@pytest.mark.parametrize("count", [2, FEW, FEW + 2, 400])
def test_items_have_their_names_while_there_is_room_and_their_rows_in_order(count):
    h = measure({"a": HIGHER, "b": NOTHING}, items=count)
    gaps = (h.sel(condition="a") - h.sel(condition="b")).assign_coords(
        item=[f"{'long name ' * 5}{i}" for i in range(count)]
    )
    ax = draw_items(gaps, "title", "note")
    ax.figure.draw_without_rendering()
    rows = ax.collections[0].get_array().reshape(count, DEPTH)
    assert (np.diff(rows.mean(1)) <= 1e-12).all()
    names = [label for label in ax.get_yticklabels() if label.get_text()]
    assert len(names) == (count if count <= FEW else 0)
    boxes = [label.get_window_extent() for label in names]
    assert not any(a.overlaps(b) for a, b in pairwise(boxes))
    assert ax.get_window_extent().width > 0.5 * ax.figure.bbox.width
    assert ax.figure.get_figheight() * 25.4 < 240
    means = gaps.mean("layer")
    told = alt(ax.figure).text
    assert f"above 0 in {int((means > 0).sum())} items and below 0 in {int((means < 0).sum())}" in told
    assert str(gaps["item"].values[int(np.argmax(means.values))]) in told


def test_items_are_told_at_the_layers_that_were_measured():
    h = measure({"a": HIGHER, "b": NOTHING})
    gaps = (h.sel(condition="a") - h.sel(condition="b")).where(h["layer"] > 3)
    assert f"items (rows) at {DEPTH - 3} layers." in alt(draw_items(gaps, "title", "note").figure).text
