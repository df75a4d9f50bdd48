"""Observed and modelled CSE share their axes, and both are whole."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from depthscope.drawing.alt import alt
from depthscope.drawing.style import COLOURS, INK
from depthscope.studies.contrast.draw_nulls import LOOKS, draw_nulls

DEPTH = 12
NAMES = ("a/b $x$", "c_d^{ $\\e$")
DIMS = ("condition", "layer")


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def observed(bottom=0.92):
    mean = np.linspace(0.998, bottom, 2 * DEPTH).reshape(2, DEPTH)
    mean[:, [0, -1]] = np.nan
    # another order and one condition more than are to be drawn
    names, mean = [NAMES[1], NAMES[0], "other"], np.vstack([mean, mean[:1] - 0.5])
    columns = {"mean": (DIMS, mean), "low": (DIMS, mean - 0.001), "high": (DIMS, mean + 0.001)}
    return xr.Dataset(columns, {"condition": names, "layer": np.arange(1, DEPTH + 1)})


def contrast(layers):
    gap = layers["mean"].sel(condition=NAMES[0]).values - layers["mean"].sel(condition=NAMES[1]).values
    columns = {"difference": ("layer", gap), "low": ("layer", gap - 0.002), "high": ("layer", gap + 0.002)}
    return xr.Dataset(columns, {"layer": layers["layer"]})


def null(centre=0.998, width=0.0005):
    mean = np.full((2, DEPTH), centre) + np.array([[0.0], [0.0002]])
    gap = np.full(DEPTH, 0.0001)
    columns = {
        "mean": (DIMS, mean),
        "low": (DIMS, mean - width),
        "high": (DIMS, mean + width),
        "difference": ("layer", gap),
        "difference_low": ("layer", gap - width),
        "difference_high": ("layer", gap + width),
    }
    return xr.Dataset(columns, {"condition": list(NAMES), "layer": np.arange(1, DEPTH + 1)})


def draw(nulls, layers=None):
    layers = observed() if layers is None else layers
    upper = draw_nulls(layers, contrast(layers), nulls, NAMES, "title", "the note")
    upper.figure.draw_without_rendering()
    return upper, upper.figure.axes[1]


def span(collection):
    y = collection.get_paths()[0].vertices[:, 1]
    return np.nanmin(y), np.nanmax(y)


def test_lines_are_the_numbers_given():
    layers = observed()
    upper, lower = draw([("walk", null()), ("order", null(0.99))], layers)
    assert len(upper.lines) == 4
    for name, colour in zip(NAMES, COLOURS, strict=False):
        (line,) = (line for line in upper.lines if line.get_color() == colour)
        np.testing.assert_allclose(line.get_ydata(), layers["mean"].sel(condition=name))
    # at the mean over conditions
    np.testing.assert_allclose(upper.lines[0].get_ydata(), 0.9981)
    (line,) = (line for line in lower.lines if line.get_color() == INK)
    np.testing.assert_allclose(line.get_ydata(), contrast(layers)["difference"])


def test_a_band_reaches_over_both_conditions():
    upper, lower = draw([("walk", null())])
    np.testing.assert_allclose(span(upper.collections[0]), (0.9975, 0.9987))
    np.testing.assert_allclose(span(lower.collections[0]), (-0.0004, 0.0006))
    assert len(upper.collections) == 3
    assert len(lower.collections) == 2


def test_limits_show_both():
    upper, lower = draw([("walk", null()), ("order", null(0.9, 0.05))])
    low, high = upper.get_ylim()
    assert low < 0.85
    assert high > 0.9987
    assert lower.get_xlim() == upper.get_xlim() == (0.5, DEPTH + 0.5)


def test_nulls_differ_in_more_than_colour():
    assert len({hatch for _, hatch, _ in LOOKS}) == len({str(dashes) for *_, dashes in LOOKS}) == len(LOOKS)
    assert not {colour for colour, *_ in LOOKS} & set(COLOURS[:2])


@pytest.mark.parametrize("count", [0, 1, 3, 7])
def test_any_number_of_nulls_is_named(count):
    upper, lower = draw([(f"null {i}", null()) for i in range(count)])
    said = [text.get_text() for text in upper.get_legend().get_texts()]
    assert said == [*NAMES, f"{NAMES[0]} - {NAMES[1]}", *(f"null {i}" for i in range(count))]
    assert lower.texts[-1].get_text() == "the note"
    assert upper.get_title(loc="left") == "title"
    assert (upper.get_ylabel(), lower.get_ylabel(), lower.get_xlabel()) == ("CSE", "difference in CSE", "layer")


def test_a_long_name_does_not_widen_the_legend_beyond_the_figure():
    upper, _ = draw([("layers rotated: the same update norms, one set of random directions", null())] * 3)
    assert upper.get_legend().get_window_extent().x1 < upper.figure.bbox.x1
    assert upper.get_window_extent().width > 0.7 * upper.figure.bbox.width


def test_missing_values_are_left_out():
    layers = observed() * np.nan
    upper, _ = draw([("walk", null() * np.nan)], layers)
    assert np.isfinite(upper.get_ylim()).all()


def test_one_layer_is_enough():
    layers = observed().isel(layer=[4])
    upper = draw_nulls(layers, contrast(layers), [("walk", null().isel(layer=[4]))], NAMES, "title", "note")
    upper.figure.draw_without_rendering()


def test_the_alternative_counts_the_layers_beyond_each_null():
    layers = observed()
    gap = contrast(layers)["difference"].values
    upper, _ = draw([("walk", null(width=0.001)), ("order", null(width=9.0))], layers)
    beyond = int((np.abs(gap[1:-1] - 0.0001) > 0.001).sum())
    assert beyond > 0
    assert alt(upper.figure).text == (
        f"CSE by layer of {NAMES[0]} and {NAMES[1]} (above) and their difference (below), with what nulls expect. The "
        f"difference lies outside the band of walk at {beyond} of 10 layers. The difference lies "
        "outside the band of order at 0 of 10 layers."
    )
