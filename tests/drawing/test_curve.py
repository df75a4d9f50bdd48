"""The specification curve: effects in order, and each over the choices that made it."""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from depthscope.drawing.alt import alt
from depthscope.drawing.curve import PALE, draw_curve
from depthscope.drawing.style import DOWN, UP

AXES = {"wavelet": ["paul(4)", "morlet(6)", "haar"], "norm": ["L2", "L1"], "edges": ["masked", "unmasked"]}


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture
def table():
    rows = [dict(zip(AXES, words, strict=True)) for words in product(*AXES.values())]
    generator = np.random.default_rng(3)
    dz = generator.permutation(np.linspace(-0.5, 0.8, len(rows)))
    p = np.where(np.abs(dz) > 0.3, 0.01, 0.4)
    return pd.DataFrame(rows).assign(dz=dz, low=dz - 0.2, high=dz + 0.1, p=p)


def draw(table, **more):
    band = np.array([[-0.2], [0.2]]) * np.ones(len(table))
    upper = draw_curve(table, band, list(AXES), "the note", **more)
    upper.figure.draw_without_rendering()
    return upper, upper.figure.axes[1]


def dots(ax):
    """All x, y and colours of the effects drawn."""
    lines = [line for line in ax.lines if line.get_marker() == "o" and line.get_mfc() != "none"]
    points = [(x, y, line.get_color()) for line in lines for x, y in line.get_xydata()]
    return sorted(points)


def test_effects_are_in_order_and_coloured_by_what_they_show(table):
    upper, _ = draw(table)
    ordered = table.sort_values("dz")
    x, y, colours = zip(*dots(upper), strict=True)
    assert list(x) == list(range(len(table)))
    np.testing.assert_allclose(y, ordered["dz"])
    sure = ordered["p"] <= 0.05
    assert list(colours) == [
        PALE if not s else UP if dz > 0 else DOWN for s, dz in zip(sure, ordered["dz"], strict=True)
    ]
    assert {UP, DOWN, PALE} == set(colours)


def test_intervals_and_band_are_the_numbers_given(table):
    upper, _ = draw(table)
    band, *bars = upper.collections
    low, high = np.array(sorted(tuple(s[:, 1]) for bar in bars for s in bar.get_segments())).T
    np.testing.assert_allclose(low, np.sort(table["low"]))
    np.testing.assert_allclose(high, np.sort(table["high"]))
    assert set(band.get_paths()[0].vertices[:, 1]) == {-0.2, 0.2}


@pytest.mark.parametrize("default", [0, 5, 11])
def test_the_default_has_a_ring(table, default):
    upper, _ = draw(table, default=default)
    (ring,) = (line for line in upper.lines if line.get_mfc() == "none")
    x, y = ring.get_xydata()[0]
    assert y == table["dz"][default]
    assert x == (table["dz"] < y).sum()
    (name,) = (text for text in upper.texts if text.get_text() == "default")
    box, frame = name.get_window_extent(), upper.get_window_extent()
    assert frame.x0 <= box.x0
    assert box.x1 <= frame.x1
    assert box.y1 <= frame.y1


def test_every_specification_has_one_tick_in_every_block(table):
    _, lower = draw(table)
    assert len(lower.collections) == sum(map(len, AXES.values()))
    ordered = table.sort_values("dz").reset_index(drop=True)
    lines = iter(lower.collections)
    for choice, options in AXES.items():
        for option in options:
            segments = next(lines)
            where = np.flatnonzero(ordered[choice] == option)
            assert [s[0, 0] for s in segments.get_segments()] == list(where)
            drawn = [to_hex(colour) for colour in segments.get_colors()]
            assert drawn == [colour.lower() for x, _, colour in dots(draw(table)[0]) if x in where]


def test_options_are_named_with_their_medians(table):
    upper, lower = draw(table, title="the title")
    said = [text.get_text() for text in lower.texts]
    for choice, options in AXES.items():
        assert said.count(choice) == 1
        for option in options:
            assert option in said
            assert f"median {table['dz'][table[choice] == option].median():+.2f}" in said
    bold = {text.get_text() for text in lower.texts if text.get_weight() == "bold"}
    assert bold == set(AXES)
    assert said[-1] == "the note"
    assert upper.get_title(loc="left") == "the title"
    assert "12 specifications" in lower.get_xlabel()


def test_words_stay_beside_the_axes_and_apart(table):
    _, lower = draw(table)
    frame = lower.get_window_extent()
    boxes = [text.get_window_extent() for text in lower.texts[:-1]]
    assert all(box.x1 < frame.x0 or box.x0 > frame.x1 for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert all(lower.figure.bbox.x0 <= box.x0 and box.x1 <= lower.figure.bbox.x1 for box in boxes)


def test_missing_effects_do_not_count(table):
    table.loc[2, ["dz", "low", "high", "p"]] = np.nan
    upper, _ = draw(table, default=2)
    assert not [line for line in upper.lines if line.get_mfc() == "none"]
    assert np.isfinite([y for _, y, _ in dots(upper)]).sum() == len(table) - 1


def test_an_option_without_any_effect_says_so(table):
    table.loc[table["wavelet"] == "haar", ["dz", "low", "high", "p"]] = np.nan
    assert "median unknown" in [text.get_text() for text in draw(table)[1].texts]


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_specifications_are_drawn_too(table, rows):
    upper, lower = draw(table.iloc[:rows])
    assert len(dots(upper)) == rows
    assert f"{rows} specifications" in lower.get_xlabel()


def test_the_row_labels_of_the_table_do_not_matter(table):
    shuffled = table.set_index(np.arange(len(table))[::-1] + 40)
    assert dots(draw(shuffled)[0]) == dots(draw(table)[0])


def test_the_alternative_counts_the_specifications_by_what_they_show(table):
    told = alt(draw(table)[0].figure)
    assert told.title == "Specification curve: one effect per defensible setting"
    dz, sure = table["dz"], table["p"] <= 0.05
    outside = (dz.abs() > 0.2).sum()
    assert told.text == (
        "12 specifications, each a combination of wavelet, norm, edges, in the order of their effects: Cohen's dz from -0.50 "
        f"to +0.80, median +0.15; {(sure & (dz > 0)).sum()} significantly above 0, {(sure & (dz < 0)).sum()} below, "
        f"{(~sure).sum()} not significant. {outside} of 12 points lie outside the grey band of curves with labels swapped."
    )
