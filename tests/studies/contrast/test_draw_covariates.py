"""Every value of every covariate is drawn, in its condition."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from depthscope.drawing.alt import alt
from depthscope.drawing.style import PAPER
from depthscope.studies.contrast.draw_covariates import draw_covariates, tell_covariate

CONDITIONS = ["metaphor", "literal", "a $x$ ^{"]


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def values(count=4, items=20, conditions=CONDITIONS):
    generator = np.random.default_rng(5)
    columns = {}
    for k in range(count):
        numbers = generator.normal(k, 1, (items, len(conditions)))
        numbers[:1, 0] = np.nan
        columns[f"covariate {k}"] = (("item", "condition"), numbers, {"units": f"unit {k}"} if k else {})
    return xr.Dataset(columns, {"condition": conditions})


def draw(data):
    first = draw_covariates(data, "the title", "the note")
    first.figure.draw_without_rendering()
    return first, first.figure.axes, first.figure.get_supxlabel()


def dots(ax):
    return [line for line in ax.lines if line.get_marker() == "o"]


def test_dots_are_the_values_given_without_the_missing():
    data = values()
    _, panels, _ = draw(data)
    for ax, name in zip(panels, data.data_vars, strict=True):
        assert len(dots(ax)) == len(CONDITIONS)
        for i, line in enumerate(dots(ax)):
            expected = data[name].values[:, i]
            np.testing.assert_array_equal(line.get_ydata(), expected[np.isfinite(expected)])
            assert np.abs(line.get_xdata() - i).max() < 0.5


def test_medians_and_quartiles_are_right():
    data = values(1)
    _, (ax,), _ = draw(data)
    medians = [line.get_ydata()[0] for line in ax.lines if line.get_color() == PAPER]
    np.testing.assert_allclose(medians, np.nanmedian(data["covariate 0"].values, axis=0))
    boxes = [patch.get_path().vertices[:, 1] for patch in ax.patches]
    expected = np.nanquantile(data["covariate 0"].values, (0.25, 0.75), axis=0).T
    np.testing.assert_allclose([(box[:4].min(), box[:4].max()) for box in boxes], expected)


def test_the_order_of_dimensions_does_not_matter():
    data = values(1)
    one, other = draw(data)[0], draw(data.transpose("condition", "item"))[0]
    for a, b in zip(dots(one), dots(other), strict=True):
        np.testing.assert_array_equal(a.get_xydata(), b.get_xydata())


def test_panels_are_labelled():
    first, panels, note = draw(values())
    assert first is panels[0]
    assert [ax.get_title(loc="left") for ax in panels] == [f"covariate {k}" for k in range(4)]
    assert [ax.get_ylabel() for ax in panels] == ["", "unit 1", "unit 2", "unit 3"]
    assert [label.get_text() for label in first.get_xticklabels()] == CONDITIONS
    assert first.figure.get_suptitle() == "the title"
    assert note == "the note"


def test_three_panels_make_a_row():
    _, panels, _ = draw(values(7))
    rows = {}
    for ax in panels:
        rows.setdefault(round(ax.get_position().y0, 3), []).append(ax)
    assert [len(row) for row in rows.values()] == [3, 3, 1]


def test_long_names_are_slanted_clear_of_the_note():
    names = ["metaphor", "literal", "paraphrase", "anomalous", "a condition of many words"]
    first, *_ = draw(values(2, conditions=names))
    lowest = min(label.get_window_extent().y0 for label in first.get_xticklabels())
    assert {label.get_rotation() for label in first.get_xticklabels()} == {35}
    assert first.figure._supxlabel.get_window_extent().y1 < lowest
    assert {label.get_rotation() for label in draw(values(2))[0].get_xticklabels()} == {0}


def test_counts_get_whole_ticks():
    data = values(1).fillna(0).round().astype(int) % 3
    first, _, _ = draw(data)
    assert all(tick == int(tick) for tick in first.get_yticks())


def test_nothing_and_next_to_nothing_are_drawn_too():
    draw(values(0))
    draw(values(1, items=1))
    draw(values(1, items=0))
    draw(values(2) * np.nan)
    draw(values(1, conditions=["only"]))
    data = values(1)
    data["covariate 0"][:, 1] = np.nan
    assert len(dots(draw(data)[0])) == 2


def test_the_alternative_names_the_lowest_and_the_highest_median():
    data = xr.Dataset(
        {
            "surprisal": (("item", "condition"), [[3.0, 9.0, 5.0], [5.0, 9.0, np.nan]], {"units": "bits"}),
            "length": (("item", "condition"), np.full((2, 3), 7.0)),
            "unknown": (("item", "condition"), np.full((2, 3), np.nan)),
        },
        {"condition": CONDITIONS},
    )
    assert alt(draw(data)[0].figure).text == (
        "surprisal: medians from 4 bits (metaphor) to 9 (literal). length: median 7 in every condition. unknown: no values."
    )


def test_conditions_with_the_same_median_are_named_together():
    rows = [[3.75, 3.75, 4.0, 3.75, 4.0], [3.75, 3.75, 4.0, 3.75, 4.0]]
    data = xr.DataArray(rows, {"condition": list("abcde")}, ("item", "condition"), attrs={"units": "Zipf"})
    assert tell_covariate(data, "f") == "f: medians from 3.75 Zipf (a, b and d) to 4 (c and e)."
    # the same but for rounding
    assert "(a, b and d)" in tell_covariate(data + np.array([1e-15, 0, 0, 2e-15, 0]), "f")
