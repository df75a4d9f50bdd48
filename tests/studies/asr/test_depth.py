"""Mass and spread by layer, against numbers worked out by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from depthscope.studies.asr.depth import by_layer, finding, inside, rows_of, spread
from depthscope.studies.asr.maps import WindowMap
from tests.studies.asr.made import explained


def test_mass_inside_a_word_is_that_of_the_frames_between_its_times():
    window = WindowMap(np.array([0.1, 0.3, 0.5, 0.7]), np.array([[0.1, 0.2, 0.3, 0.4]], np.float32))
    assert inside(window.map, window, 0.25, 0.55) == pytest.approx([0.5])
    assert inside(window.map, window, 0, 1) == pytest.approx([1])
    # between two frames it is the nearest
    assert inside(window.map, window, 0.52, 0.54) == pytest.approx([0.3])


def test_spread_is_0_for_one_frame_and_1_for_all_alike():
    assert spread(np.array([[0, 1, 0, 0], [0.25] * 4, [0.5, 0.5, 0, 0]])) == pytest.approx([0, 1, 0.5])


def test_layers_of_planted_widths_get_sharper_and_the_first_that_finds_the_place_is_told():
    one = explained(windows=2, depth=4)
    table = by_layer([one, one])
    assert table["layer"].tolist() == [1, 2, 3, 4]
    assert (table["words"] == 10).all()
    assert (np.diff(table["inside"]) > 0).all()
    assert (np.diff(table["entropy"]) < 0).all()
    assert (table["inside_low"] < table["inside"]).all()
    assert finding(table) == int(table["layer"][table["inside"] >= table["inside"].max() / 2].iloc[0])
    # the mean over words, by hand
    masses = []
    for word in range(5):
        number, rows = rows_of(one, word)
        row = one.words.iloc[word]
        window = one.windows[number]
        masses.append(inside(window.layers[3, rows].astype(float).mean(0), window, row["start"], row["end"]))
    assert table["inside"].iloc[3] == pytest.approx(np.mean(masses))


def test_the_interval_covers_the_mean_of_words_as_often_as_it_says():
    # each word's map is wholly inside with probability .3, else wholly outside
    rng = np.random.default_rng(0)
    covered = 0
    base = explained(tuple("abcdefghijklmnopqrstuvwxyzabcdefghijklmn"), depth=1, played=False, rivals=())
    window = base.windows[0]
    times = window.times
    for _ in range(40):
        layers = np.zeros_like(window.layers)
        for word in range(len(base.words)):
            row = base.words.iloc[word]
            own = np.argmin(np.abs(times - (row["start"] + row["end"]) / 2))
            layers[0, 2 * word : 2 * word + 2, own if rng.random() < 0.3 else 0] = 1
        table = by_layer([replace(base, windows=(replace(window, layers=layers),))])
        covered += bool(table["inside_low"][0] <= 0.3 <= table["inside_high"][0])
    assert covered >= 34


def test_what_each_layer_is_worth_is_told_where_it_was_measured():
    one = explained(depth=2)
    tokens = one.tokens.assign(causal_1=0.5, causal_2=np.arange(10.0))
    table = by_layer([replace(one, tokens=tokens)] * 2)
    assert table["causal"].tolist() == [0.5, 4.5]
    assert table["causal_low"][0] == table["causal_high"][0] == 0.5
    assert table["causal_low"][1] < 4.5 < table["causal_high"][1]
    assert "causal" not in by_layer([one])
    # of a single word there is no interval
    assert np.isnan(by_layer([explained(("a",))])["inside_low"]).all()


def test_without_maps_by_layer_or_words_there_is_no_table():
    assert by_layer([explained(depth=0)]).empty
    assert by_layer([explained(())]).empty
    assert finding(pd.DataFrame()) is None
    lost = explained()
    assert by_layer([replace(lost, tokens=lost.tokens.assign(word=-1))]).empty
