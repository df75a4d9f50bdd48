"""The figures of the mechanism show what they were given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from depthscope.drawing.alt import alt
from depthscope.studies.mechanism.draw_parts import draw_exchange, draw_parts

LAYERS = np.arange(1, 11)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def table(difference, width=0.1):
    columns = {"difference": difference, "low": difference - width, "high": difference + width}
    coords = {"layer": LAYERS, "relative_depth": ("layer", LAYERS / 10)}
    return xr.Dataset({name: ("layer", values) for name, values in columns.items()}, coords)


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def curves(ax):
    """What is in the legend, by name."""
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def dashed(ax):
    return [line.get_xdata()[0] for line in ax.lines if len(set(line.get_xdata())) == 1 and line.get_linestyle() != "-"]


def shaded(ax):
    """Left and right edges of upright bands over the whole height."""
    return [(p.get_x(), p.get_x() + p.get_width()) for p in ax.patches]


def drawn(ax):
    ax.figure.draw_without_rendering()
    return ax


PARTS = {"attention": table(LAYERS / 100), "MLP": table(LAYERS / 50, 0.3), "$c_1$ | x": table(-LAYERS / 100)}


def test_every_part_has_its_curve_its_band_and_its_name_beside_the_sum():
    whole = table(LAYERS / 50)
    ax = drawn(draw_parts(PARTS, whole, (4, 6), "the title", "n = 9"))
    assert legend(ax) == ["attention", "MLP", "$c_1$ | x", "CSE, their sum"]
    for name, part in {**PARTS, "CSE, their sum": whole}.items():
        np.testing.assert_array_equal(curves(ax)[name].get_xdata(), LAYERS)
        np.testing.assert_array_equal(curves(ax)[name].get_ydata(), part["difference"])
    assert len({line.get_color() for line in curves(ax).values()}) == 4
    assert len(ax.collections) == 3  # bands, as wide as the intervals
    reach = ax.collections[1].get_datalim(ax.transData)
    assert (reach.y0, reach.y1) == pytest.approx((0.02 - 0.3, 0.2 + 0.3))
    assert shaded(ax) == [(3.5, 6.5)]
    assert ax.get_title(loc="left") == "the title"
    assert ax.texts[-1].get_text().startswith("n = 9. Bands")


def test_parts_of_a_window_of_one_layer_and_of_layers_that_nobody_measured():
    part = table(LAYERS / 100)
    part["difference"][:2] = np.nan
    ax = drawn(draw_parts({"attention": part}, part, (7, 7), "", ""))
    assert shaded(ax) == [(6.5, 7.5)]
    assert np.isfinite(ax.get_ylim()).all()
    assert ax.get_xlim() == (0.5, 10.5)


def runs():
    return {name: xr.DataArray(LAYERS * k, dims="layer") for k, name in ((0.1, "a text, state of b"), (0.3, "$b$"))}


def test_the_exchange_has_both_directions_and_the_edges_of_the_cluster():
    effect = table(LAYERS * 0.2, 0.4)
    ax = drawn(draw_exchange(effect, runs(), (4, 6), [(7, 9, 0.012, 1.0)], "the title", "n = 9"))
    assert legend(ax) == ["both directions", *runs()]
    np.testing.assert_array_equal(curves(ax)["both directions"].get_ydata(), effect["difference"])
    for name, values in runs().items():
        np.testing.assert_array_equal(curves(ax)[name].get_ydata(), values)
    assert dashed(ax) == [3.5, 6.5]
    assert shaded(ax) == [(6.5, 9.5)]
    said = [text.get_text() for text in ax.texts]
    assert "p = .012" in said
    assert "dashed: the cluster of CSE" in said[-1].replace("\n", " ")


def test_without_a_cluster_of_cse_there_are_no_edges_and_none_are_explained():
    ax = drawn(draw_exchange(table(LAYERS * 0.2), runs(), None, [], "", "n = 9"))
    assert dashed(ax) == []
    assert shaded(ax) == []
    assert "dashed" not in ax.texts[-1].get_text()


@pytest.mark.parametrize("sign", [1, -1, 0.001])
def test_the_legend_and_p_stand_above_the_curves(sign):
    effect = table(sign * LAYERS * 0.2, 0.4)
    ax = drawn(draw_exchange(effect, runs(), (4, 6), [(2, 9, 0.01, sign)], "", ""))
    highest = max(float(effect["high"].max()), *(float(values.max()) for values in runs().values()))
    top = ax.transData.transform((0, highest))[1]
    (p,) = [text for text in ax.texts if text.get_text().startswith("p")]
    assert p.get_window_extent().y0 > top
    assert ax.get_legend().get_window_extent().y0 > top


@pytest.mark.parametrize("level", [0.0, -3.0])
def test_an_effect_that_is_nothing_or_below_it_is_inside_the_axes(level):
    ax = drawn(draw_exchange(table(np.full(10, level), 0.0), {}, None, [], "", ""))
    low, high = ax.get_ylim()
    assert low < level < high or low < 0 < high
    assert low <= level <= high


def test_the_alternatives_say_what_each_part_adds_and_where_the_exchange_has_an_effect():
    told = alt(draw_parts(PARTS, table(LAYERS / 50), (4, 6), "the title", "").figure)
    assert told.title == "the title"
    assert (
        "Averaged over layers 4-6 the difference is +0.1, of which attention +0.05, MLP +0.1 and $c_1$ | x -0.05."
        in told.text
    )
    told = alt(draw_exchange(table(LAYERS * 0.2), runs(), None, [(7, 9, 0.012, 1.0)], "", "").figure)
    assert told.text.endswith(
        "The effect is above 0 at layers 7-9 (p = .012). It is farthest from 0 at layer 10 (+2 bits)."
    )


def test_no_line_crosses_p():
    ax = drawn(draw_exchange(table(LAYERS * 0.2), runs(), (4, 6), [(1, 6, 0.01, 1.0)], "", ""))
    (p,) = [text for text in ax.texts if text.get_text().startswith("p")]
    (edge,) = [line for line in ax.lines if list(line.get_xdata()) == [3.5, 3.5]]
    box = p.get_window_extent()
    assert box.x0 < ax.transData.transform((3.5, 0))[0] < box.x1
    assert p.get_bbox_patch().get_facecolor()[3] > 0.5
    assert p.get_zorder() > edge.get_zorder()
