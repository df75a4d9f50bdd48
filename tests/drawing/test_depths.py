"""Curves of several networks stand on one relative depth."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from depthscope.drawing.alt import alt
from depthscope.drawing.depths import Panel, draw_depths


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def panel(depth, spans=(), dz=0.5, width=0.2, label=""):
    layers = np.arange(1, depth + 1)
    columns = {"dz": dz, "dz_low": dz - width, "dz_high": dz + width}
    table = {name: ("layer", np.full(depth, value)) for name, value in columns.items()}
    coords = {"layer": layers, "relative_depth": ("layer", layers / depth)}
    return Panel(label or f"depth {depth}", xr.Dataset(table, coords), list(spans))


def draw(*panels, fixed=(0.25, 0.5)):
    axes = draw_depths(panels, fixed, "title", "note")
    axes[0].figure.draw_without_rendering()
    return axes


def place(ax, x):
    """Where a layer stands across the panel, as a share of its width."""
    return ax.transAxes.inverted().transform(ax.transData.transform((x, 0)))[0]


def test_the_same_relative_depth_stands_in_one_line_through_all_panels():
    shallow, deep = draw(panel(8), panel(40))
    for relative in (0.25, 0.5, 1.0):
        assert place(shallow, 8 * relative) == pytest.approx(place(deep, 40 * relative))
    for ax, depth in ((shallow, 8), (deep, 40)):
        dashed = [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == "--"]
        np.testing.assert_allclose(dashed, [0.25 * depth, 0.5 * depth])
    assert [tick.get_text() for tick in deep.get_xticklabels()] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]


def test_the_curve_is_the_dz_given_and_unmeasured_layers_are_left_out():
    p = panel(8)
    p.table["dz"][:2] = np.nan
    (ax,) = draw(p)
    (curve,) = [line for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_array_equal(curve.get_xdata(), p.table["layer"])
    np.testing.assert_array_equal(curve.get_ydata(), p.table["dz"])


def test_an_absurd_interval_does_not_flatten_the_others():
    calm, wild = draw(panel(8, dz=0.5), panel(8, dz=0.3, width=40))
    assert calm.get_ylim() == wild.get_ylim()
    assert wild.get_ylim()[1] < 2


def test_labels_of_neighbouring_clusters_do_not_run_into_each_other():
    spans = [(4, 4, 0.012, 1.0), (5, 5, 0.001, -1.0), (6, 6, 0.02, 1.0), (14, 17, 0.0001, 1.0), (18, 18, 0.3, 1.0)]
    (ax,) = draw(panel(18, spans))
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text().startswith("p")]
    assert len(boxes) == 4
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


@pytest.mark.parametrize("count", [1, 2, 12])
def test_any_number_of_networks_has_its_panel_and_its_name(count):
    axes = draw(*(panel(6 + i, label=f"$model$ {i}") for i in range(count)))
    assert [ax.get_title(loc="left") for ax in axes] == [f"$model$ {i}" for i in range(count)]
    assert axes[-1].texts[-1].get_text().startswith("note")
    assert all(ax.get_window_extent().height > 60 for ax in axes)


def test_nothing_measured_is_drawn_as_nothing():
    (ax,) = draw(panel(6, dz=float("nan")))
    assert np.isfinite(ax.get_ylim()).all()


def test_the_alternative_tells_the_clusters_of_each_network():
    axes = draw(panel(8, [(2, 4, 0.0001, 1.0), (6, 6, 0.2, -1.0)]), panel(40, [(8, 10, 0.04, -1.0)]), panel(6))
    told = alt(axes[0].figure)
    assert told.title == "title"
    assert told.text.endswith(
        "depth 8: above 0 at 0.25 to 0.50 (p < .001). depth 40: below 0 at 0.20 to 0.25 (p = .040). "
        "depth 6: no cluster with p <= .05."
    )
