"""Occlusion: how much less likely each token is when a window of the sound is taken out (SpecMask)."""

import numpy as np
from numpy.typing import NDArray

from depthscope.capture.speech import Utterance
from depthscope.studies.asr.attribution import Attribution, Budget, distribution
from depthscope.studies.asr.silencing.removing import Fill, rehear, unaltered


def frames_in(utterance: Utterance, seconds: float) -> int:
    """How many frames come nearest to a time; at least one, at most all."""
    return min(max(1, round(seconds / utterance.model.times.step)), utterance.frames)


def windows(frames: int, width: int, hop: int) -> NDArray[np.bool_]:
    """Windows (window, frame) of ``width`` frames, each ``hop`` behind the one before; the last may be cut off."""
    starts = hop * np.arange(-(-max(frames - width, 0) // hop) + 1)
    place = np.arange(frames)
    return (place >= starts[:, None]) & (place < starts[:, None] + width)


def occlusion(
    utterance: Utterance,
    *,
    width: float = 0.2,
    hop: float = 0.1,
    fill: Fill = "silence",
    batch: int = 8,
    seed: int = 0,
) -> Attribution:
    """Fall of log p when a window is taken out; of a frame the mean over the windows that it lies in.

    One pass of encoder and decoder a window serves all tokens.

    Parameters
    ----------
    width, hop : float
        Seconds. By default 200 ms, less than most words and more than most sounds of speech, of which two overlap.
    fill : {"silence", "mean"}
        What comes in the place of a window.
    batch : int
        Windows at a time.
    seed : int
        Of noise that comes in their place.

    References
    ----------
    Zeiler & Fergus (2014), ECCV 818.
    """
    size = frames_in(utterance, width)
    # a hop wider than the window would leave frames that no window touches
    masks = windows(utterance.frames, size, min(frames_in(utterance, hop), size))
    drops = unaltered(utterance) - rehear(utterance, masks, fill, batch=batch, seed=seed)
    signed = (drops.T @ masks / masks.sum(0)).astype(np.float32)
    budget = Budget(encoder=len(masks), decoder=len(masks) + 1)
    return Attribution(distribution(signed), "occlusion", budget, signed)
