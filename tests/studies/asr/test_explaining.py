"""A sound explained, end to end, by networks of random weights."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from depthscope.model.speech import SpeechModel
from depthscope.studies.asr.attention.layered import agreement
from depthscope.studies.asr.depth import rows_of
from depthscope.studies.asr.explaining import apart, core, explain
from depthscope.studies.asr.methods import METHODS, method_of, methods_for
from depthscope.studies.asr.timing import around_pauses, before_pauses, divided, near_mass, pauses
from depthscope.studies.asr.truth.matching import same_words
from depthscope.studies.asr.wordwise import spoken
from tests.speech_models import RATE, moonshine, voice, whisper


@pytest.fixture(scope="module", params=[whisper, moonshine], ids=["spectrogram", "waveform"])
def model(request: pytest.FixtureRequest) -> SpeechModel:
    return request.param()


@pytest.mark.parametrize("heard", ["sound", "states", None])
def test_an_explanation_is_whole(model: SpeechModel, heard: Any) -> None:
    e = explain(model, voice(), rate=RATE, method="last-layer", rivals=("raw",), heard=heard, text="three short words")
    assert e.text == "three short words"
    assert e.words["text"].tolist() == ["three", "short", "words"]
    assert e.map.dims == ("token", "frame")
    assert np.abs(e.map.sum("frame") - 1).max() < 1e-6
    assert len(e.map["seconds"]) == e.map.sizes["frame"]
    assert len(e.map) == len(e.tokens) == e.tokens["window"].eq(0).sum()
    assert e.layers.sizes["layer"] == model.depth == 2
    assert e.rivals == ("raw",)
    assert (e.words["start"] < e.words["end"]).all()
    assert e.words["start"].is_monotonic_increasing
    assert e.tokens["log_p"].le(0).all()
    assert e.words["log_p"].sum() == pytest.approx(e.tokens["log_p"][e.tokens["word"] >= 0].sum())
    assert ("heard" in e.words) == (heard is not None)


def test_a_sound_of_many_windows_has_its_tokens_in_order(model: SpeechModel) -> None:
    if model.window is not None:  # random weights write no timestamps, by which Whisper goes on
        return
    e = explain(model, voice(65.0), rate=RATE, method="last-layer", heard=None)
    assert e.tokens["window"].is_monotonic_increasing
    assert e.tokens["window"].max() == 2
    assert np.abs(e.map.sum("frame") - 1).max() < 1e-6
    assert e.words["start"].is_monotonic_increasing
    assert e.words["end"].max() <= 65.0


def test_methods_say_what_they_lack(model: SpeechModel, refuses: Any) -> None:
    refuses(lambda: method_of("calibrated", model), "depthscope asr calibrate")
    refuses(lambda: method_of("alignment-heads", model), "publish no alignment heads")
    refuses(lambda: method_of("raw", model, taus=3), "the method raw has no setting taus")
    refuses(lambda: method_of("attention", model), "method")
    there = methods_for(model)
    assert set(METHODS) - set(there) == {"calibrated", "alignment-heads"}


def test_what_reads_text_is_no_recogniser(refuses: Any) -> None:
    refuses(lambda: explain("embedded", voice(), rate=RATE), "hears nothing: give a speech recogniser")


def test_a_division_is_the_best_of_all() -> None:
    random = np.random.default_rng(3)
    for _ in range(20):
        rows = random.dirichlet(np.full(7, 0.3), size=3)
        scores = np.log(np.maximum(rows * 7, 0.05))

        def worth(a: int, b: int, scores: Any = scores) -> float:
            return float(scores[0, :a].sum() + scores[1, a:b].sum() + scores[2, b:].sum())

        best = max(worth(a, b) for a in range(1, 6) for b in range(a + 1, 7))  # two may be as good
        begin, *inner, end = divided(rows).tolist()
        assert (begin, end) == (0, 7)
        assert worth(*inner) == pytest.approx(best)
    assert divided(np.full((4, 2), 0.5)).tolist() == [0, 0, 1, 1, 2]


def test_pauses_belong_to_no_word() -> None:
    levels = np.array([-60, -60, 0, 0, -60, -60, 0, 0, -60.0])
    assert pauses(levels, 2) == [(0, 2), (4, 6)]
    # a boundary near a pause is the pause; what is quiet for one frame is none
    assert around_pauses(np.array([0, 6, 9]), pauses(levels, 2), 1).tolist() == [[2, 4], [6, 9]]
    # too far away, the boundary stays
    assert around_pauses(np.array([0, 8, 9]), pauses(levels, 2), 1).tolist() == [[2, 8], [8, 9]]
    # a pause that would swallow a word is none
    assert around_pauses(np.array([2, 4, 5, 7]), [(4, 6)], 3).tolist() == [[2, 4], [4, 5], [5, 7]]


def test_words_begin_where_it_is_quieter_and_end_near_their_mass() -> None:
    rows = np.full((2, 10), 0.1)
    cost = np.zeros((2, 10))
    cost[1] = 5.0
    cost[1, 6] = 0  # nothing but the sound tells where the second begins
    assert divided(rows, cost).tolist() == [0, 6, 10]
    peaked = np.zeros((1, 10))
    peaked[0, 2:4] = 0.5
    assert near_mass(np.array([[0, 10]]), peaked, [(0,)], 2).tolist() == [[0, 6]]


def test_no_word_goes_on_behind_a_long_pause() -> None:
    spans = np.array([[0, 4], [4, 30]])
    # the last token of each begins at 1 and 5; a pause before it is within the word
    assert before_pauses(spans, np.array([1, 5]), [(10, 25)]).tolist() == [[0, 4], [4, 10]]
    assert before_pauses(spans, np.array([1, 26]), [(10, 25)]).tolist() == [[0, 4], [4, 30]]


def test_no_word_goes_on_when_the_next_window_has_begun() -> None:
    words = pd.DataFrame({"text": ["one", "two", "three"], "start": [0.0, 1.0, 1.5], "end": [0.9, 2.0, 1.8]})
    assert apart(words)["end"].tolist() == [0.9, 1.5, 1.8]


def test_a_core_is_the_shortest_stretch_with_enough() -> None:
    row = np.array([0.1, 0, 0, 0.5, 0.3, 0.1])
    times = np.arange(6) * 0.02
    assert core(row, times, 0.02) == pytest.approx((0.05, 0.09))


def test_layers_agree_as_far_as_they_overlap() -> None:
    one, other = np.eye(4)[:2], np.eye(4)[1:3]
    assert agreement(np.stack([one, one])).tolist() == [1, 1]
    assert agreement(np.stack([one, other])).tolist() == [0, 0]
    assert np.isnan(agreement(one[None])).all()


def test_the_same_words_are_found_whatever_their_marks() -> None:
    said, written = ["The", "lawyer,", "isn’t", "here."], ["the", "lawyer", "isn't", "there", "here"]
    assert same_words(said, written) == [(0, 0), (1, 1), (2, 2), (3, 4)]


def test_printed_it_is_its_answer_and_no_array(model: SpeechModel) -> None:
    e = explain(model, voice(), rate=RATE, method="raw", heard=None, text="a few words")
    assert repr(e).splitlines() == e.answer
    assert "a few words" in repr(e)


def test_a_core_lies_within_the_sound(model: SpeechModel) -> None:
    e = explain(model, voice(), rate=RATE, method="raw", heard=None, text="a few words")
    assert e.tokens["start"].min() >= 0


def test_a_rival_that_is_none_is_named_as_one(model: SpeechModel, refuses: Any) -> None:
    refuses(lambda: explain(model, voice(), rate=RATE, method="raw", rivals=["best"]), "rivals='best': choose one of")


def test_marks_say_nothing_of_where_a_word_is(model: SpeechModel) -> None:
    assert spoken([0, 1, 2], [" fail", "ed", "."]) == [0, 1]
    assert spoken([0], ["..."]) == [0]
    assert spoken([0, 1, 2], [" $", "5", ","]) == [0, 1]
    e = explain(model, voice(), rate=RATE, method="raw", heard=None, text="ab. c")
    assert e.tokens["text"].tolist() == ["a", "b", ".", " ", "c"]
    rows = e.map.to_numpy()[:2].mean(0)
    start, end = e.words["start"][0], e.words["end"][0]
    share = [
        max(0, min(end, s + model.times.step / 2) - max(start, s - model.times.step / 2))
        for s in e.map["seconds"].values
    ]
    assert e.words["concentration"][0] == pytest.approx((rows * np.array(share) / model.times.step).sum(), abs=1e-5)
    assert rows_of(e, 0)[1].tolist() == [0, 1]
