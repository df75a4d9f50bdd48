"""A recogniser whose window is no longer than its sounds: most of what it computes of a short sound is of the padding."""

import copy
import math
from typing import Any

from torch import nn

from depthscope.model.speech import SpeechModel, accept_speech, encoder_of

POSITIONS = "embed_positions"
# seconds in which the frames of a model can be timed
LEAST = 5


def shortened(model: SpeechModel, seconds: float) -> SpeechModel:
    """The model with a window of so many whole seconds in place of its own, proven anew; itself if it has none to cut.

    The encoder keeps the positions of the first seconds, and is otherwise the same. It never learnt from so little padding,
    so that it may write other words: it is another network, several times as fast, and whoever uses it should say so.

    Parameters
    ----------
    seconds : float
        Rounded up; not less than 5, which the proofs of a model take.
    """
    window = max(LEAST, math.ceil(seconds))
    positions = getattr(encoder_of(model.network), POSITIONS, None)
    given: Any = model.extractor
    if model.window is None or window >= model.window or positions is None or not hasattr(given, "chunk_length"):
        return model
    network: Any = copy.deepcopy(model.network)
    encoder: Any = encoder_of(network)
    count = round(positions.weight.shape[0] * window / model.window)
    weights = positions.weight[:count].detach().clone()
    encoder.embed_positions = nn.Embedding(count, weights.shape[1], _weight=weights, _freeze=True)
    encoder.max_source_positions = network.config.max_source_positions = count
    extractor = type(given)(
        feature_size=given.feature_size,
        sampling_rate=given.sampling_rate,
        hop_length=given.hop_length,
        n_fft=given.n_fft,
        padding_value=given.padding_value,
        chunk_length=window,
    )
    return accept_speech(network, model.tokenizer, extractor, model.name)
