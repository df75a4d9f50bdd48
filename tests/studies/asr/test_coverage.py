"""Recognisers of other classes: one of every idea on every run, all of them when asked (-m coverage)."""

from dataclasses import replace
from importlib import metadata
from typing import Any

import pytest

from depthscope.capture.speech import transcribe
from depthscope.model.load import load
from depthscope.model.miniature import building_many, byte_tokenizer, miniature
from depthscope.model.speech import SpeechModel
from depthscope.studies.asr.coverage import (
    Asking,
    Heard,
    count,
    coverage,
    coverage_document,
    extractor,
    recognisers,
    voice,
    wrong,
)


def tried(name: str) -> Heard:
    if name not in {family.model_type for family in recognisers()}:
        pytest.skip(f"transformers {metadata.version('transformers')} has no {name}")
    (row,) = coverage([name], progress=False)
    return row


@pytest.mark.parametrize(
    ("name", "sound", "frame"),
    [
        ("whisper", "spectrogram", 0.02),
        ("moonshine", "waveform", 0.024),  # all its sizes are other than the rest's
        ("moonshine_streaming", "waveform", 0.02),  # takes whole blocks of samples, and writes into what it is given
        ("speech_to_text", "spectrogram", 0.04),
        ("speech-encoder-decoder", "waveform", 0.02),  # of two models
        ("speecht5", "waveform", 0.02),  # gives its attention only when it is asked
        ("canary", "spectrogram", 0.08),
        pytest.param("seamless_m4t", "spectrogram", 0.16, marks=pytest.mark.coverage),
        pytest.param("seamless_m4t_v2", "spectrogram", 0.16, marks=pytest.mark.coverage),
        pytest.param("cohere_asr", "spectrogram", 0.08, marks=pytest.mark.coverage),
    ],
)
def test_encoder_decoders_over_sound_work(name: str, sound: str, frame: float) -> None:
    row = tried(name)
    assert (row.outcome, row.note) == ("works", "")
    assert (row.sound, row.layers, row.heads) == (sound, *((6, 8) if name == "moonshine" else (8, 4)))
    assert row.frame == pytest.approx(frame)


def small(name: str) -> SpeechModel:
    (family,) = (family for family in recognisers() if family.model_type == name)
    with building_many():
        network = miniature(family)
        model = load(network, Asking(network, byte_tokenizer(), extractor(name, network)))
    assert isinstance(model, SpeechModel)
    return model


def test_states_of_several_frames_are_timed_as_what_they_are() -> None:
    """SeamlessM4T makes one state of eight frames of 20 ms, four of them before its place, behind the blocks."""
    model = small("seamless_m4t")
    assert model.times.step == pytest.approx(0.16)
    assert abs(model.times.first - 0.007) < 0.04  # a quarter of a frame: random weights see it early or late
    assert model.encode(model.listening_to(voice())).shape[1] == 13


def test_frames_that_cover_another_length_of_sound_are_noticed() -> None:
    model = small("moonshine")
    (heard,) = transcribe(model, voice())
    assert wrong(heard) == ""
    half = replace(model, times=replace(model.times, step=0.012))
    assert wrong(replace(heard, model=half)) == "its 82 frames of 12 ms do not cover 2 s of sound"


@pytest.mark.parametrize(
    ("name", "sound", "frame"),
    [
        ("voxtral", "spectrogram", 0.04),
        ("qwen2_audio", "spectrogram", 0.04),  # pads the sound, and leaves the padding out of its tokens
        pytest.param("glmasr", "spectrogram", 0.08, marks=pytest.mark.coverage),
        pytest.param("moss_transcribe_diarize", "spectrogram", 0.08, marks=pytest.mark.coverage),
        pytest.param("omniasr", "waveform", 0.02, marks=pytest.mark.coverage),
    ],
)
def test_language_models_with_ears_work(name: str, sound: str, frame: float) -> None:
    row = tried(name)
    assert (row.outcome, row.note) == ("works", "")
    assert (row.sound, row.layers, row.heads) == (sound, 8, 4)
    assert row.frame == pytest.approx(frame)


def test_what_cannot_be_built_says_why() -> None:
    row = tried("vibevoice")
    assert (row.outcome, "parameters are left" in row.note) == ("not built", True)


def test_an_unknown_recogniser_is_refused(refuses: Any) -> None:
    refuses(lambda: next(coverage(["gpt2"], progress=False)), "gpt2: no such recogniser")


def test_the_table_has_a_row_for_each_and_the_document_says_how_it_was_made() -> None:
    rows = [
        Heard("whisper", "WhisperForConditionalGeneration", "works", "spectrogram", 0.02, 8, 4),
        Heard("voxtral", "VoxtralForConditionalGeneration", "refused", note="in memory: it says <audio>; and more"),
        Heard("dia", "DiaForConditionalGeneration", "not built", note="no"),
    ]
    assert count(rows) == "1 of 2 work; 1 more could not be built small"
    document = coverage_document(rows, "transformers 5", "depthscope asr coverage")
    assert "| whisper | WhisperForConditionalGeneration | works | spectrogram | 20 ms | 8 x 4 |  |" in document
    assert "| voxtral | VoxtralForConditionalGeneration | refused |  |  |  | it says &lt;audio>; and more |" in document
    assert "depthscope asr coverage" in document


@pytest.mark.coverage
def test_every_recogniser_is_tried_and_ends_in_a_sentence() -> None:
    rows = list(coverage(progress=False))
    assert [row.model_type for row in rows] == [family.model_type for family in recognisers()]
    assert all((row.outcome == "works") == (row.note == "") for row in rows)
    assert sum(row.outcome == "works" for row in rows) >= 8
