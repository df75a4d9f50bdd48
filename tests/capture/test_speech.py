"""What a recogniser writes: its own tokens, its own windows, words of whole tokens."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.models.whisper.generation_whisper import WhisperGenerationMixin

from depthscope.capture.pauses import pieces_of
from depthscope.capture.seeking import cut_at_timestamps
from depthscope.capture.speech import transcribe
from depthscope.capture.spelling import spelt
from depthscope.model.miniature import byte_tokenizer
from depthscope.model.speech import SpeechModel
from tests.speech_models import RATE, moonshine, voice, whisper

FIRST = 1000


@pytest.fixture(scope="module", params=[whisper, moonshine], ids=["spectrogram", "waveform"])
def model(request: pytest.FixtureRequest) -> SpeechModel:
    return request.param()


def test_the_tokens_are_those_of_generate(model: SpeechModel) -> None:
    sound = voice()
    (heard,) = transcribe(model, sound)
    limit = len(heard.ids[0]) - 1
    theirs = model.network.generate(**model.listening_to(sound), num_beams=1, do_sample=False, max_new_tokens=limit)
    assert theirs[0].tolist()[-limit:] == heard.ids[0].tolist()[1:]  # Whisper's leaves the prompt out
    # each follows from those before it, in the pass that explains them
    logits = heard.decode()
    assert logits[0, heard.predicting].argmax(-1).tolist() == heard.targets.tolist()


def test_frames_of_padding_are_known(model: SpeechModel) -> None:
    (heard,) = transcribe(model, voice(1.3))
    last = heard.times[-1]
    assert last < 1.3 <= last + model.times.step + 0.03
    assert heard.frames <= heard.states.shape[1]
    assert (heard.states.shape[1] == 250) == (model.window is not None)


def test_a_text_of_ones_own_is_explained_in_place_of_the_models(model: SpeechModel, refuses: Any) -> None:
    (heard,) = transcribe(model, voice(), text="two words")
    assert heard.text == "two words"
    assert [word.text for word in heard.words] == ["two", "words"]
    assert model.tokenizer.decode(heard.targets.tolist()) == "two words"
    refuses(lambda: list(transcribe(model, voice(), text=" ")), "the text is empty")
    refuses(lambda: list(transcribe(model, voice(40.0), text="two")), "one window of sound")


def test_a_language_is_for_models_that_know_some(refuses: Any) -> None:
    refuses(lambda: list(transcribe(whisper(), voice(), language="de")), "takes neither a language nor a task")


def test_a_long_sound_goes_in_pieces_that_a_waveform_model_can_hear() -> None:
    found = list(transcribe(moonshine(), voice(70.0)))
    assert len(found) == 3
    assert found[0].start == 0
    assert [round((a.start + a.seconds - b.start) * RATE) for a, b in itertools.pairwise(found)] == [0, 0]
    assert sum(one.seconds for one in found) == pytest.approx(70.0)


def test_sounds_are_cut_where_they_are_quiet() -> None:
    sound = np.ones(100 * 10, np.float32)
    sound[250:290] = 0  # a pause from 25 to 29 s, at 10 samples a second
    sound[700:710] = 0
    cuts = pieces_of(sound, 10, 30.0)
    assert cuts[0][0] == 0
    assert cuts[-1][1] == 1000
    assert all(a[1] == b[0] for a, b in itertools.pairwise(cuts))
    assert 250 <= cuts[0][1] <= 290
    assert max(b - a for a, b in cuts) <= 300


@settings(max_examples=300)
@given(
    st.lists(st.one_of(st.integers(0, 9), st.integers(FIRST, FIRST + 50)), min_size=1, max_size=12),
    st.integers(10, 3000),
)
def test_windows_follow_on_each_other_by_whispers_own_rule(written: list[int], columns: int) -> None:
    segments, offset = WhisperGenerationMixin._retrieve_segment(
        seek_sequence=torch.tensor(written), seek_outputs=[{}], time_offset=torch.zeros(1, dtype=torch.float64),
        timestamp_begin=FIRST, seek_num_frames=torch.tensor([columns]), time_precision=0.02,
        time_precision_features=0.01, input_stride=2, prev_idx=0, idx=0, return_token_timestamps=False,
        decoder_input_ids=torch.zeros(1, 3),
    )  # fmt: skip
    cut = cut_at_timestamps([7, 7, 7, *written], 3, FIRST, columns)
    assert cut.offset == int(offset)
    kept = [i for segment in segments for i in segment["tokens"].tolist() if i < FIRST]
    assert [i for i in [7, 7, 7, *written][3 : cut.tokens] if i < FIRST] == kept


def test_words_are_what_blank_space_divides() -> None:
    tokenizer = byte_tokenizer()

    def words(text: str, **options: bool) -> list[str]:
        pieces, found = spelt(tokenizer, tokenizer(text)["input_ids"], **options)
        assert "".join(pieces) == text
        assert sorted(k for word in found for k in word.tokens) == list(range(len(pieces)))
        return [word.text for word in found]

    assert words(" It cost $5.00, he said.") == ["It", "cost", "$5.00,", "he", "said."]
    assert words("naïve  cafés") == ["naïve", "cafés"]
    assert words("今日は", unspaced=True) == ["今", "日", "は"]


@pytest.mark.parametrize("seed", range(4))
def test_a_long_sound_is_written_window_by_window_as_generate_does(seed: int) -> None:
    model = whisper(seed)
    settings: Any = model.network.generation_config
    settings.no_timestamps_token_id = 49  # of 300 ids the last 250 are then the times within 5 s
    settings.is_multilingual, settings.max_initial_timestamp_index = False, None
    sound = voice(13.0, seed)
    features = model.extractor(sound, sampling_rate=RATE, return_tensors="pt", truncation=False, padding="longest")
    theirs = model.network.generate(
        **features, return_timestamps=True, return_segments=True, num_beams=1, do_sample=False
    )
    kept = [i for one in theirs["segments"][0] for i in one["tokens"].tolist() if i not in model.special]
    windows = list(transcribe(model, sound))
    assert [i for one in windows for i in one.targets.tolist()] == kept
    assert len(windows) > 2
    for one in windows:
        # the states are those of the window's own features, wherever it begins
        columns = round(one.start * 100)
        whole = features["input_features"][..., columns : columns + 500]
        assert torch.equal(one.features["input_features"][..., : whole.shape[-1]], whole)
        with torch.no_grad():
            assert torch.equal(one.states, model.encode(one.features))
