"""What is known beforehand of recognisers that know English. Run where they are in the cache; DEPTHSCOPE_FETCH=1 fetches."""

import os
import time
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

import depthscope as ds
from depthscope.capture.speech import Utterance, transcribe
from depthscope.errors import DepthscopeError
from depthscope.model.pretrained import fetch
from depthscope.model.pretrained.registry import find
from depthscope.model.pretrained.shelf import state
from depthscope.model.speech import SpeechModel
from depthscope.stimuli.sound import RATE, Sound
from depthscope.studies.asr.calibration.calibrate import SHIPPED, calibration_of
from depthscope.studies.asr.methods import method_of
from depthscope.studies.asr.silencing.removing import rehear, unaltered
from depthscope.studies.asr.truth.matching import same_words
from depthscope.studies.asr.truth.times import HELD_OUT, HELD_OUT_VOICES, Spoken, synthesise
from depthscope.studies.asr.wordwise import mean_over, within, words_of

pytestmark = [pytest.mark.models, pytest.mark.filterwarnings("ignore::UserWarning")]
NAMES = ("whisper-tiny.en", "moonshine-tiny")


@cache
def loaded(name: str) -> SpeechModel:
    return ds.load(name)


@pytest.fixture(params=NAMES)
def model(request: pytest.FixtureRequest) -> SpeechModel:
    pytest.importorskip("espeakng_loader")
    if state(find(request.param)) == "not fetched":
        if os.environ.get("DEPTHSCOPE_FETCH") != "1":
            pytest.skip(f"{request.param} is not in the cache: depthscope models get {request.param}")
        fetch(request.param, progress=False)
    return loaded(request.param)


@cache
def spoken(number: int) -> Spoken:
    return synthesise(HELD_OUT[number], voice=HELD_OUT_VOICES[number % len(HELD_OUT_VOICES)])


def heard_by(model: SpeechModel, samples: np.ndarray[Any, Any], text: str | None = None) -> Utterance:
    (found,) = transcribe(model, samples, text=text)
    return found


def of_words(utterance: Utterance) -> np.ndarray[Any, Any]:
    return mean_over(words_of(utterance), method_of("calibrated", utterance.model)(utterance).map)


def test_calibrated_heads_find_words_of_voices_they_were_not_chosen_by(model: SpeechModel) -> None:
    inside = []
    for number in range(4):
        one = spoken(number)
        utterance = heard_by(model, one.sound.samples)
        times = one.words[["start", "end"]].to_numpy(float)
        rows = of_words(utterance)
        for i, j in same_words(one.words["word"].tolist(), [word.text for word in utterance.words]):
            inside.append(float((rows[j] * within(utterance, times[i : i + 1])[0]).sum()))
    assert len(inside) > 20
    assert np.mean(inside) > 0.7


def test_a_word_that_is_noise_is_heard_no_more_and_attended_to_no_more(model: SpeechModel) -> None:
    one, number = spoken(0), 1  # "baker"
    start, end = one.words[["start", "end"]].to_numpy(float)[number]
    there = slice(round(start * RATE), round(end * RATE))
    noisy = one.sound.samples.copy()
    noise = np.random.default_rng(0).normal(size=there.stop - there.start)
    noisy[there] = noise * np.sqrt((one.sound.samples[there] ** 2).mean())
    plain, changed = (heard_by(model, sound, HELD_OUT[0]) for sound in (one.sound.samples, noisy))
    interval = within(plain, np.array([[start, end]]))
    before, after = (float((of_words(u)[number] * interval[0]).sum()) for u in (plain, changed))
    assert before > 0.7 > 0.5 + (after - before)
    tokens = list(plain.words[number].tokens)
    effect = [float((unaltered(u) - rehear(u, interval > 0.5)[0])[tokens].sum()) for u in (plain, changed)]
    assert effect[0] > 2
    assert effect[1] < effect[0] / 2


def test_words_that_change_places_take_their_maps_with_them(model: SpeechModel) -> None:
    first, other = (synthesise(text, voice="en-us+f2") for text in ("the yellow lemon.", "the purple garden."))
    pause = np.zeros(RATE // 4, np.float32)
    for one, two, text in (
        (first, other, "The yellow lemon. The purple garden."),
        (other, first, "The purple garden. The yellow lemon."),
    ):
        samples = np.concatenate([one.sound.samples, pause, two.sound.samples])
        utterance = heard_by(model, samples, text)
        place = text.split().index("yellow")
        late = len(other.sound.samples) / RATE + 0.25
        own = first.words[["start", "end"]].to_numpy(float)[1]
        # where it is, and where it was or will be
        here, there = (own, own + late) if one is first else (own + late, own)
        inside = within(utterance, np.stack([here, there])) @ of_words(utterance)[place]
        assert inside[0] > 0.3
        assert inside[0] > 5 * inside[1]


def test_a_sound_that_comes_later_has_its_map_later(model: SpeechModel) -> None:
    one = spoken(3)
    frames = 25
    lead = np.random.default_rng(0).normal(0, 1e-4, round(frames * model.times.step * RATE)).astype(np.float32)
    early = heard_by(model, one.sound.samples, HELD_OUT[3])
    late = heard_by(model, np.concatenate([lead, one.sound.samples]), HELD_OUT[3])
    moved = of_words(late)[:, frames : frames + early.frames]
    count = min(moved.shape[1], early.frames)
    common = np.minimum(of_words(early)[:, :count], moved[:, :count]).sum(-1)
    unmoved = np.minimum(of_words(early)[:, :count], of_words(late)[:, :count]).sum(-1)
    assert common.mean() > 0.7 > 0.3 > unmoved.mean()


def test_eager_attention_writes_the_same_tokens(model: SpeechModel) -> None:
    one = spoken(2)
    plain = heard_by(model, one.sound.samples)
    with model.eager():
        eager = heard_by(model, one.sound.samples)
    assert torch.equal(plain.ids, eager.ids)


@pytest.mark.thorough
def test_ten_seconds_are_explained_faster_than_they_are_spoken(model: SpeechModel) -> None:
    joined = np.concatenate([spoken(k).sound.samples for k in range(4)])[: 10 * RATE]
    ds.explain(model, joined[: 2 * RATE], rate=RATE, heard="states")
    begin = time.process_time()
    found = ds.explain(model, joined, rate=RATE, heard="states")
    assert len(found.words) > 20
    # of the processor, of which there are two: the machine may have other work
    assert time.process_time() - begin < 2 * found.seconds


@pytest.mark.thorough
def test_what_is_shipped_is_what_a_calibration_finds(model: SpeechModel) -> None:
    from depthscope.studies.asr.calibration.calibrate import calibrate

    roles, found = calibrate(model, permutations=199, progress=False)
    assert found.heads == SHIPPED[model.name].heads
    assert abs(found.lag - SHIPPED[model.name].lag) < 0.045
    assert roles.predicts[found.heads[0]] > 0.7


def test_silence_and_noise_are_said_to_rest_on_nothing(model: SpeechModel) -> None:
    noise = np.random.default_rng(0).normal(0, 1e-3, 3 * RATE).astype(np.float32)
    try:
        found = ds.explain(model, Sound(noise, RATE, "noise"))
    except DepthscopeError as problem:
        pytest.fail(str(problem))
    assert (found.words["verdict"] != "rests on the sound").all()


def test_digits_and_signs_have_their_times(model: SpeechModel) -> None:
    text = "It costs $5.00 on the 3rd of May & 20% less then"
    found = ds.explain(model, spoken(4).sound, text=text, heard=None)
    assert found.words["text"].tolist() == text.split()
    assert (found.words["end"] > found.words["start"]).all()
    assert np.isfinite(found.words[["start", "end"]].to_numpy()).all()
    assert calibration_of(model) is not None
