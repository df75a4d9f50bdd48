"""The figure of schemes shows what it was given."""

import numpy as np
import pytest
import xarray as xr

from depthscope.drawing.alt import alt
from depthscope.studies.quantization.figures import draw_schemes

plt = pytest.importorskip("matplotlib.pyplot")
LAYERS = np.arange(1, 9)


def curves(*names: str, axis: str, first: int) -> dict[str, xr.DataArray]:
    values = np.arange(first, 9)
    return {name: xr.DataArray(values / (10 + i), {axis: values}, (axis,)) for i, name in enumerate(names)}


def drawn(worth: list[tuple[str, float, float]]):
    original = xr.Dataset(dict.fromkeys(("difference", "low", "high"), ("layer", LAYERS / 100.0)), {"layer": LAYERS})
    names = [name for name, _, _ in worth]
    figure = draw_schemes(
        curves(*names, axis="state", first=0),
        curves(*names, axis="layer", first=1),
        original,
        curves(*names, axis="layer", first=1),
        worth,
        0.2,
        ("title", "a - b"),
        "n = 9",
    )
    figure.draw_without_rendering()
    return figure


def test_every_scheme_has_its_curves_and_its_point() -> None:
    figure = drawn([("nf4", 173e6, 0.3), ("int8", 220e6, 0.05)])
    errors, ratios, contrast, worth = figure.axes
    assert [line.get_label() for line in errors.lines] == ["nf4", "int8"]
    np.testing.assert_allclose(errors.lines[1].get_ydata(), np.arange(9) / 11)
    assert {line.get_label() for line in contrast.lines} >= {"nf4", "int8", "original, 95 % interval"}
    points = {line.get_label(): (line.get_xdata()[0], line.get_ydata()[0]) for line in worth.lines}
    assert points["nf4"] == (173, 0.3)
    assert points["int8"] == (220, 0.05)
    assert errors.lines[0].get_color() == ratios.lines[0].get_color() == worth.lines[0].get_color()
    plt.close(figure)


def test_without_an_effect_the_last_panel_says_so() -> None:
    figure = drawn([("nf4", 173e6, np.nan)])
    assert "no effect in the original" in [text.get_text() for text in figure.axes[3].texts]
    plt.close(figure)


def test_the_alternative_says_how_far_the_states_move_and_which_schemes_are_accepted() -> None:
    told = alt(drawn([("nf4", 173e6, 0.3), ("int8", 220e6, 0.05)]))
    assert told.title == "title"
    assert "largest relative error of the states 0.73 (int8) to 0.8 (nf4)" in told.text
    assert told.text.endswith("Effect moved by less than 20%: int8.")
