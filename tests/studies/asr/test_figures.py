"""Figures say in words what they draw, and what they draw are the numbers that they were given."""

import numpy as np
import pandas as pd
import pytest

from depthscope.drawing.alt import alt
from depthscope.studies.asr.calibration.roles import NEXT, OTHER, READ, SINK
from depthscope.studies.asr.depth import by_layer
from depthscope.studies.asr.figures import MARKS, draw_heads, draw_heard, draw_layers, draw_map, draw_rivals
from tests.studies.asr.made import HOSTILE, PLAIN, explained


def heads() -> pd.DataFrame:
    rows = [(layer, head, 0.1 * layer + 0.05 * head, "") for layer in (1, 2, 3) for head in (1, 2)]
    table = pd.DataFrame(rows, columns=["layer", "head", "mass_next", "role"])
    table.loc[5, "role"] = NEXT
    table.loc[0, "role"] = SINK
    return table


def rivals() -> pd.DataFrame:
    names = ["chance", "leaf", "raw mean", "ceiling"]
    values = np.array([0.05, 0.4, 0.55, 1.0])
    table = pd.DataFrame({"method": names, "tloc": values, "tloc_low": values - 0.05, "tloc_high": values + 0.05})
    return table.assign(spr=values[::-1])


@pytest.mark.parametrize("texts", [PLAIN, HOSTILE, PLAIN * 8], ids=["few", "hostile", "many"])
def test_the_map_is_drawn_on_its_seconds_and_told(texts):
    one = explained(texts, seconds=len(texts) * 0.6)
    window = one.windows[0]
    ax = draw_map(window.map, window.times, one.tokens, "t", "toy")
    assert ax.get_xlim() == pytest.approx((0, one.seconds))
    (mesh,) = (drawn for drawn in ax.collections if drawn.get_array() is not None and drawn.get_array().ndim == 2)
    np.testing.assert_allclose(mesh.get_array(), np.sqrt(window.map), rtol=1e-6)
    told = alt(ax.figure)
    assert told.text.startswith(f"Maps of {len(one.tokens)} tokens (rows) over {one.seconds - 0.02:.1f} s.")
    assert "in 100% of steps" in told.text


def test_layers_are_drawn_with_their_intervals():
    table = by_layer([explained(depth=3)])
    figure = draw_layers(table, "By depth", "5 words")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["mass inside the word", "entropy (0 to 1)"]
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), table["inside"])
    assert "Mass inside the word is largest at layer 3" in alt(figure).text
    more = draw_layers(table.assign(causal=[0.1, 0.6, 0.3]), "By depth", "5 words")
    assert "Cost without the layer (nats) is largest at layer 2 (0.6)" in alt(more).text


def test_every_role_has_a_mark():
    assert set(MARKS) == {NEXT, READ, SINK, OTHER}


def test_heads_have_their_roles_as_letters():
    ax = draw_heads(heads(), "Heads", "toy")
    assert [text.get_text() for text in ax.texts if len(text.get_text()) == 1] == ["P", "N"]
    told = alt(ax.figure).text
    assert told.startswith("6 heads. Most mass inside the next word: layer 3 head 2 (0.40), layer 3 head 1 (0.35)")
    assert "1 hears the next word" in told


def test_roles_of_the_same_letter_get_different_ones():
    table = heads().assign(role=["next", "none of them", "nought", "", "", ""])
    ax = draw_heads(table, "Heads", "toy")
    letters = [text.get_text() for text in ax.texts if len(text.get_text()) == 1]
    assert len(set(letters)) == len(letters) == 3


def test_words_that_were_heard_stand_above_those_that_were_not():
    one = explained(PLAIN * 3)
    ax = draw_heard(one.words.assign(wrong=[True, *[False] * 14]), "Heard", "toy")
    told = alt(ax.figure).text
    assert told.startswith("15 words: 10 rests on the sound and 5 rests on nothing.")
    assert "1 word known to be wrong" in told
    lines = {line.get_label(): line for line in ax.lines}
    assert (lines["rests on nothing (5)"].get_ydata() == 0.01).all()
    assert len(lines["wrong (1)"].get_ydata()) == 1
    only = draw_heard(one.words.drop(columns="heard"), "Heard", "toy")
    assert "the whole sound" in only.get_ylabel()


def test_rivals_are_told_by_measure_and_chance_is_a_line():
    figure = draw_rivals(rivals(), [("tloc", "TLoc"), ("spr", "SPR")], "Rivals", "20 words")
    told = alt(figure).text
    assert told.startswith("2 methods. TLoc: largest raw mean (0.55), smallest leaf (0.4). SPR: largest leaf (0.55)")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["leaf", "raw mean"]
    uprights = [line.get_xdata()[0] for line in figure.axes[0].lines if len(set(line.get_xdata())) == 1]
    assert uprights[:2] == [0.05, 1.0]
