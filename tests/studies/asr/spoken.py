"""Short utterances of recognisers of random weights, one that takes a spectrogram and one that takes a waveform."""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch

from depthscope.capture.speech import Utterance, transcribe
from depthscope.model.speech import SpeechModel
from tests.speech_models import moonshine, voice, whisper

KINDS = {"spectrogram": whisper, "waveform": moonshine}


@cache
def model(kind: str) -> SpeechModel:
    made: Callable[[], SpeechModel] = KINDS[kind]
    return made()


@cache
def utterance(kind: str, seconds: float = 0.8, text: str = "go on") -> Utterance:
    return next(transcribe(model(kind), voice(seconds), text=text))


def log_p(spoken: Utterance) -> Callable[[torch.Tensor], torch.Tensor]:
    """What enters the network -> log p (row, token): the function that is explained, as any library may call it."""
    return lambda main: spoken.log_p(spoken.decode(spoken.encode(main)))


def some_masks(spoken: Utterance, rows: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((rows, spoken.frames)) < 0.3
