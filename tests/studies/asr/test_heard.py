"""Whether words rest on their sound: states that are hidden, sounds that are silenced."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from depthscope.capture.listening import listen
from depthscope.capture.speech import Utterance
from depthscope.model.speech import hearing
from depthscope.studies.asr.silencing.heard import effects, heard, table, without_sound
from depthscope.studies.asr.silencing.hiding import hiding
from depthscope.studies.asr.silencing.removing import rehear, unaltered
from depthscope.studies.asr.wordwise import sum_over, words_of
from tests.studies.asr.spoken import some_masks, utterance


@pytest.fixture(params=["spectrogram", "waveform"])
def spoken(request: pytest.FixtureRequest) -> Utterance:
    return utterance(request.param)


def frames_of_words(spoken: Utterance) -> np.ndarray:
    found = np.zeros((len(spoken.words), spoken.frames), bool)
    for k, row in enumerate(found):
        row[3 + 8 * k : 9 + 8 * k] = True
    return found


def test_hidden_frames_get_no_weight(spoken: Utterance) -> None:
    masks = some_masks(spoken, 3)
    seen: list[torch.Tensor] = []
    with hiding(spoken, masks):
        listen(spoken, lambda _, weights: seen.append(weights), rows=3)
    assert len(seen) == spoken.model.depth
    for weights in seen:
        for row, mask in zip(weights[..., : spoken.frames], torch.from_numpy(masks), strict=True):
            assert (row[..., mask] == 0).all()
            assert (row[..., ~mask] > 0).any(-1).all()
        torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))


def test_hidden_is_as_if_the_states_were_not_there(spoken: Utterance) -> None:
    mask = some_masks(spoken, 1)
    left = np.ones(spoken.states.shape[1], bool)
    left[: spoken.frames] = ~mask[0]
    with hearing(spoken.model.network):
        fewer = spoken.decode(spoken.states[:, left])
        with hiding(spoken, mask):
            hidden = spoken.decode()
        plain = spoken.decode()
    torch.testing.assert_close(hidden, fewer, atol=1e-5, rtol=1e-5)
    assert (hidden - plain).abs().max() > 1e-3


def test_all_cannot_be_hidden(refuses: Any) -> None:
    spoken = utterance("waveform")
    with refuses("all states are hidden"), hiding(spoken, np.ones((1, spoken.frames), bool)):
        pass
    with refuses("hidden states of shape (2, 3)"), hiding(spoken, np.ones((2, 3), bool)):
        pass


def test_effects_are_rises_of_nll(spoken: Utterance) -> None:
    frames, words = frames_of_words(spoken), words_of(spoken)
    before = sum_over(words, unaltered(spoken))
    np.testing.assert_allclose(effects(spoken, frames), before - sum_over(words, rehear(spoken, frames)), atol=1e-5)
    hidden = effects(spoken, frames, variant="states")
    for k in range(len(words)):
        with hearing(spoken.model.network), hiding(spoken, frames[k : k + 1]):
            alone = sum_over(words, spoken.log_p(spoken.decode())[0].double().numpy())
        np.testing.assert_allclose(hidden[k], before - alone, atol=1e-5)
    np.testing.assert_allclose(hidden, effects(spoken, frames, variant="states", batch=1), atol=1e-5)
    nothing = np.zeros_like(frames)
    for variant in ("sound", "states"):
        np.testing.assert_allclose(effects(spoken, nothing, variant=variant), 0, atol=1e-5)


def test_without_sound_is_with_all_of_it_gone(spoken: Utterance) -> None:
    gone = rehear(spoken, np.ones((1, spoken.frames), bool))[0]
    expected = sum_over(words_of(spoken), unaltered(spoken) - gone)
    np.testing.assert_allclose(without_sound(spoken), expected, atol=1e-5)


@pytest.mark.parametrize("variant", ["sound", "states"])
def test_the_table_has_a_row_for_each_word(spoken: Utterance, variant: str) -> None:
    frames = frames_of_words(spoken)
    found = heard(spoken, frames, variant=variant)
    matrix = effects(spoken, frames, variant=variant)
    assert found["word"].tolist() == ["go", "on"]
    np.testing.assert_allclose(found["own"], np.diag(matrix), atol=1e-5)
    np.testing.assert_allclose(found["others"], [matrix[1, 0], matrix[0, 1]], atol=1e-5)
    np.testing.assert_allclose(found["heard"], found["own"] - found["others"])


def test_a_word_is_compared_with_words_elsewhere() -> None:
    frames = np.zeros((3, 12), bool)
    frames[0, 0:4] = frames[1, 1:5] = frames[2, 8:12] = True
    matrix = np.array([[5.0, 4, 1], [4, 6, 0.5], [0.2, 0.1, 7]])
    found = table(["a", "b", "c"], matrix, frames, np.array([9.0, 9, 9]))
    # the first two stand at one place, and say nothing of one another
    assert found["others"].tolist() == pytest.approx([0.2, 0.1, 0.75])
    assert found["heard"].tolist() == pytest.approx([4.8, 5.9, 6.25])
    assert found["peak"].tolist() == [5, 6, 7]
    alone = table(["a", "b"], matrix[:2, :2], frames[:2], np.ones(2))
    assert alone["others"].isna().all()


def test_other_frames_are_refused(refuses: Any) -> None:
    spoken = utterance("spectrogram")
    with refuses("frames of shape (1, 2)", "2 words"):
        effects(spoken, np.ones((1, 2), bool))
    with refuses("variant='ears'", "sound, states"):
        effects(spoken, frames_of_words(spoken), variant="ears")


@pytest.mark.parametrize("variant", ["sound", "states"])
def test_where_nothing_was_written_nothing_was_heard(spoken: Utterance, variant: str) -> None:
    empty = dataclasses.replace(spoken, positions=(), words=(), pieces=())
    assert heard(empty, np.zeros((0, empty.frames), bool), variant=variant).empty
