"""An explanation: its axes, its decisions, and that it comes back from a folder as it was."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from depthscope.studies.asr.results import (
    ENOUGH,
    LITTLE,
    NOTHING,
    SOUND,
    UNKNOWN,
    UNSURE,
    Explanation,
    together,
    verdicts,
)
from tests.studies.asr.made import HOSTILE, explained


def same(one: Explanation, other: Explanation) -> None:
    # of a table without rows nobody can tell what its columns would hold
    pd.testing.assert_frame_equal(one.tokens, other.tokens, check_dtype=len(one.tokens) > 0)
    pd.testing.assert_frame_equal(one.words, other.words, check_dtype=len(one.words) > 0)
    assert len(one.windows) == len(other.windows)
    for mine, theirs in zip(one.windows, other.windows, strict=True):
        np.testing.assert_array_equal(mine.times, theirs.times)
        np.testing.assert_array_equal(mine.map, theirs.map)
        assert mine.map.dtype == theirs.map.dtype
        assert (mine.layers is None) == (theirs.layers is None)
        if mine.layers is not None:
            np.testing.assert_array_equal(mine.layers, theirs.layers)
            assert theirs.layers.dtype == np.float16
        assert set(mine.rivals) == set(theirs.rivals)
        for name, rival in mine.rivals.items():
            np.testing.assert_array_equal(rival, theirs.rivals[name])
    assert one.notes == other.notes
    assert dict(one.settings) == dict(other.settings)
    for name in ("name", "seconds", "rate", "language", "model", "method"):
        assert getattr(one, name) == getattr(other, name)


@pytest.mark.parametrize(
    "one",
    [
        explained(notes=("resampled from 44,100 Hz",), settings={"tau": 0.5, "method": "leaf"}),
        explained(HOSTILE, windows=3, name="</b>.wav"),
        explained(windows=2, depth=0, rivals=(), heard=False, played=False),
        explained((), rivals=(), depth=0),
        explained(("one",), windows=2),
    ],
    ids=["one window", "hostile words in three", "the least", "no word", "a window without words"],
)
def test_it_comes_back_from_a_folder_as_it_was(one, tmp_path):
    back = Explanation.read(one.save(tmp_path / "sound"))
    same(one, back)
    if one.recording is None:
        assert back.recording is None
    else:
        assert back.recording.data == one.recording.data
        np.testing.assert_array_equal(back.recording.low, one.recording.low)
        np.testing.assert_array_equal(back.recording.high, one.recording.high)


def test_the_file_of_maps_is_one_that_others_read(tmp_path):
    one = explained(windows=2)
    one.save(tmp_path)
    with xr.open_dataset(tmp_path / "map.nc") as stored:
        assert stored["map"].dims == ("token", "frame")
        rows = stored["map"].values
        np.testing.assert_allclose(np.nansum(rows, 1), 1, atol=1e-6)
        assert stored["of_window"].values.tolist() == one.tokens["window"].tolist()


def test_the_map_has_a_row_for_each_token_and_all_frames_in_the_order_of_time():
    one = explained(windows=3)
    assert one.map.dims == ("token", "frame")
    assert one.map.sizes["token"] == len(one.tokens)
    np.testing.assert_allclose(one.map.sum("frame"), 1, atol=1e-5)
    seconds = one.map["seconds"].values
    assert (np.diff(seconds) >= 0).all()
    # where a token's row is highest is where its peak was put, within a frame
    peaks = seconds[one.map.argmax("frame").values]
    np.testing.assert_allclose(peaks, one.tokens["peak"], atol=0.011)
    # nothing lies in the frames of another window
    owner = one.map["window"].values
    for row, window in zip(one.map.values, one.tokens["window"], strict=True):
        assert row[owner != window].sum() == 0


def test_maps_by_layer_are_on_the_same_axis():
    one = explained(windows=2, depth=3)
    assert one.layers.dims == ("token", "layer", "frame")
    assert one.layers["layer"].values.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(one.layers["seconds"], one.map["seconds"])
    np.testing.assert_array_equal(one.layers.values[0, 1][one.map["window"].values == 0], one.windows[0].layers[1, 0])
    assert one.rival("occlusion").sizes == one.map.sizes


def test_what_was_not_kept_is_refused_in_a_sentence(refuses, tmp_path):
    one = explained(depth=0, rivals=())
    with refuses("by layer were not kept"):
        _ = one.layers
    with refuses("'lime'", "no other method"):
        one.rival("lime")
    with refuses("sound.json"):
        Explanation.read(tmp_path)
    one.save(tmp_path)
    (tmp_path / "map.nc").write_bytes(b"damaged")
    with refuses("map.nc", "damaged"):
        Explanation.read(tmp_path)
    (tmp_path / "map.nc").unlink()
    with refuses("map.nc is missing"):
        Explanation.read(tmp_path)


def test_a_map_that_would_not_fit_is_refused_before_it_is_made(refuses):
    one = explained(("a",))
    window = one.windows[0]
    long = replace(
        window,
        times=np.zeros(10_000_000),
        map=np.broadcast_to(np.float32(1e-7), (2, 10_000_000)),
        layers=None,
        rivals={},
    )
    tokens = pd.concat([one.tokens.assign(window=k) for k in range(10)])
    with refuses("GB", ".windows"):
        _ = replace(one, tokens=tokens, windows=(long,) * 10).map


def test_verdicts_follow_what_silence_costs():
    little, enough = LITTLE, ENOUGH
    words = pd.DataFrame(
        [
            (-3, enough, SOUND),  # it rests on sound, but not on what its map shows
            (10, enough - 0.01, UNSURE),
            (10, little - 0.01, NOTHING),
            (-3, -1, NOTHING),
            (np.nan, little, UNSURE),
            (np.nan, enough, SOUND),
            (enough, np.nan, SOUND),
            (0.0, np.nan, NOTHING),
            (np.nan, np.nan, UNKNOWN),
        ],
        columns=["heard", "total", "verdict"],
    )
    assert verdicts(words) == words["verdict"].tolist()
    assert verdicts(words[["verdict"]]) == [UNKNOWN] * len(words)


def test_a_verdict_is_decided_here_and_nowhere_else():
    one = explained()
    forged = replace(one, words=one.words.assign(verdict=SOUND))
    assert forged.words["verdict"].tolist() == one.words["verdict"].tolist()
    assert one.nothing["text"].tolist() == ["brown"]
    assert one.measured
    assert not explained(heard=False).measured


def test_tables_that_do_not_fit_the_maps_are_a_mistake():
    one = explained(windows=2)
    with pytest.raises(ValueError, match="order of the windows"):
        replace(one, tokens=one.tokens[::-1])
    with pytest.raises(ValueError, match="order of the windows"):
        replace(one, tokens=one.tokens[1:])
    with pytest.raises(ValueError, match="words lack log_p"):
        replace(one, words=one.words.drop(columns="log_p"))
    with pytest.raises(ValueError, match="times"):
        replace(one.windows[0], times=one.windows[0].times[1:])


def test_several_sounds_make_one_table():
    pair = [explained(name="a.wav"), explained(("x",), heard=False, name="b.wav")]
    table = together(pair, "words")
    assert table.columns[0] == "sound"
    assert table["sound"].tolist() == ["a.wav"] * 5 + ["b.wav"]
    assert table["verdict"].iloc[-1] == UNKNOWN
