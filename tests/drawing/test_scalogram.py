"""The plane of scale and layer, its cells and what is outlined in it."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex

from depthscope.drawing.alt import alt
from depthscope.drawing.plane import draw_plane, outline
from depthscope.drawing.scalogram import cell_edges, draw_scalogram, draw_scalograms, tell_peaks
from depthscope.drawing.style import INK


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def plane(values, **more):
    values = np.asarray(values, dtype=float)
    scales, layers = values.shape
    coords = {
        "period": ("scale", 2.0 ** np.arange(1, scales + 1)),
        "layer": np.arange(1, layers + 1),
        "coi": ("layer", np.full(layers, 5.0)),
    }
    return xr.DataArray(values, dims=("scale", "layer"), coords=coords | more)


def test_cells_reach_half_a_step_to_every_side_in_whatever_order_scales_come():
    columns, rows = cell_edges(plane(np.zeros((3, 4)))[::-1])
    np.testing.assert_allclose(columns, [0.5, 1.5, 2.5, 3.5, 4.5])
    np.testing.assert_allclose(np.log2(rows), [0.5, 1.5, 2.5, 3.5])


def test_a_single_scale_has_cells_too():
    alone = plane(np.arange(8).reshape(2, 4)).isel(scale=[1])
    _, rows = cell_edges(alone)
    np.testing.assert_allclose(rows, [2**1.5, 2**2.5])
    ax = draw_scalogram(alone.assign_coords(period=("scale", [5.166])), "title")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["5.17"]


def test_values_are_drawn_in_their_cells_as_an_image_with_the_cone():
    data = plane(np.arange(12).reshape(3, 4))
    ax = draw_scalogram(data[::-1], "title")
    mesh = next(c for c in ax.collections if c.get_array() is not None)
    np.testing.assert_array_equal(mesh.get_array().reshape(3, 4), data)
    assert mesh.get_rasterized()
    (cone,) = ax.lines
    np.testing.assert_array_equal(cone.get_ydata(), [5.0] * 4)
    assert ax.yaxis_inverted()
    assert alt(ax.figure).text == (
        "Share of energy over 4 layers and 3 scales (Fourier periods of 2 to 8 layers). "
        "Outside the cone of influence: largest at layer 4, period 4 (7)."
    )


def test_peaks_inside_the_cone_are_not_told():
    data = plane([[1.0, 5.0, 2.0], [-2.0, 0.0, -1.0], [-9.0, 0.0, 9.0]])
    data["coi"] = "layer", [1.0, 4.0, 5.0]
    told = "largest at layer 2, period 2 (+5) and smallest at layer 3, period 4 (-1)."
    assert alt(draw_scalogram(data, "t").figure).text.endswith(f"Outside the cone of influence: {told}")
    nothing = np.zeros(data.shape, dtype=bool)
    drawn = draw_plane(xr.Dataset({"dz": data}), nothing, "t", "note")
    assert alt(drawn.figure).text.endswith(f"Outside the cone of influence: {told}")
    both = alt(draw_scalograms({"a": data, "b": data}, data, "a - b", "t", differences=True)).text
    assert "the peaks named lie outside the cone of influence." in both
    assert both.count(told) == 3
    data["coi"] = data["coi"] * 0
    assert tell_peaks(data) == "nothing was measured."


def test_three_planes_stand_side_by_side_the_sides_on_one_scale():
    one, other = plane(np.full((3, 4), 0.2)), plane(np.full((3, 4), 0.6))
    figure = draw_scalograms({"a": one, "b": other}, one - other, "a - b", "title", differences=False)
    panels = [ax for ax in figure.axes if ax.get_title(loc="left")]
    assert [ax.get_title(loc="left") for ax in panels] == ["a", "b", "a - b"]
    limits = [next(c for c in ax.collections if c.get_array() is not None).get_clim() for ax in panels]
    assert limits[0] == limits[1] == (0, 0.6)
    assert limits[2] == pytest.approx((-0.4, 0.4))
    assert alt(figure).title == "title"
    assert "for a, b and a - b; the peaks" in alt(figure).text
    assert "smallest at layer 1, period 2 (-0.4)" in alt(figure).text
    figure = draw_scalograms({"a - b": one - other, "c - d": one}, one, "all", "title", differences=True)
    assert [c.get_clim() for ax in figure.axes[:2] for c in ax.collections if c.get_array() is not None] == [
        pytest.approx((-0.4, 0.4)),
        pytest.approx((-0.2, 0.2)),
    ]


def test_an_outline_follows_the_borders_of_cells_and_closes():
    found = np.zeros((3, 4), dtype=bool)
    found[0, 1:3] = found[1, 1] = found[2, 3] = True
    lines = outline(found, np.arange(5.0), np.arange(4.0))
    assert all((x0 == x1) != (y0 == y1) for (x0, y0), (x1, y1) in lines)
    ends = [end for line in lines for end in line]
    assert all(ends.count(end) % 2 == 0 for end in ends)
    assert len(lines) == 8 + 4
    assert len(outline(np.ones((2, 2), dtype=bool), np.arange(3.0), np.arange(3.0))) == 8
    assert outline(np.zeros((2, 2), dtype=bool), np.arange(3.0), np.arange(3.0)) == []


def test_a_contrast_is_outlined_where_it_was_found():
    data = plane(np.linspace(-1, 1, 12).reshape(3, 4))
    found = np.zeros((3, 4), dtype=bool)
    found[2, 2:] = True
    ax = draw_plane(xr.Dataset({"dz": data}), found, "a - b", "note", None)
    rim = next(c for c in ax.collections if hasattr(c, "get_segments"))
    assert to_hex(rim.get_colors()[0]) == INK
    points = {tuple(map(float, end)) for line in rim.get_segments() for end in line}
    assert {x for x, _ in points} == {2.5, 3.5, 4.5}
    assert {round(np.log2(y), 6) for _, y in points} == {2.5, 3.5}
    assert "2 of 12 cells, layers 3-4." in alt(ax.figure).text
    nothing = draw_plane(xr.Dataset({"dz": data}), ~found & found, "a - b", "note", None)
    assert not [c for c in nothing.collections if hasattr(c, "get_segments")]
    assert "No cluster has p <= .05." in alt(nothing.figure).text
    _, mine = plt.subplots()
    assert draw_plane(xr.Dataset({"dz": data}), found, "a - b", "note", mine) is mine


def test_nothing_measured_is_said_to_be():
    data = plane(np.full((2, 3), np.nan))
    assert "nothing was measured" in alt(draw_scalogram(data, "t", vmin=0, vmax=1).figure).text
