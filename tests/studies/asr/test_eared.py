"""Rivals and metrics of language models with ears: sound is removed as from any other; states cannot be hidden alone."""

from typing import Any

import numpy as np
import pytest

import depthscope as ds
from depthscope.capture.speech import Utterance, transcribe
from depthscope.model.miniature import Family, building_many, byte_tokenizer, miniature
from depthscope.studies.asr.coverage import Asking, extractor
from depthscope.studies.asr.rivals.gradients import integrated_gradients
from depthscope.studies.asr.rivals.occlusion import occlusion
from depthscope.studies.asr.silencing.heard import effects
from depthscope.studies.asr.silencing.removing import rehear, unaltered
from tests.speech_models import voice


@pytest.fixture(scope="module")
def spoken() -> Utterance:
    with building_many():
        network = miniature(Family("multimodal", "voxtral", "VoxtralForConditionalGeneration"))
        model = ds.load(network, Asking(network, byte_tokenizer(), extractor("voxtral", network)))
    (found,) = transcribe(model, voice(), text="go on")
    return found


def test_rows_are_heard_as_one_by_one(spoken: Utterance) -> None:
    masks = np.random.default_rng(0).random((3, spoken.frames)) < 0.5
    masks[2] = False
    together = rehear(spoken, masks)
    np.testing.assert_allclose(together, np.concatenate([rehear(spoken, row[None]) for row in masks]), atol=1e-5)
    np.testing.assert_allclose(together[2], unaltered(spoken), atol=1e-5)
    assert np.abs(together[0] - together[2]).max() > 1e-4


def test_rivals_know_them_too(spoken: Utterance) -> None:
    rise = unaltered(spoken) - rehear(spoken, np.ones((1, spoken.frames), bool))[0]
    whole = occlusion(spoken, width=100.0)
    np.testing.assert_allclose(whole.signed.mean(-1), rise, atol=1e-5)
    found = integrated_gradients(spoken, steps=12, batch=12)
    np.testing.assert_allclose(found.signed.sum(-1), rise, atol=0.02 * np.abs(rise).max() + 1e-4)


def test_one_attention_to_sound_and_text_hides_no_states(spoken: Utterance, refuses: Any) -> None:
    frames = np.zeros((len(spoken.words), spoken.frames), bool)
    frames[:, 2:5] = True
    with refuses("takes no mask of the sound alone", 'variant="sound"'):
        effects(spoken, frames, variant="states")
    assert effects(spoken, frames).shape == (2, 2)
