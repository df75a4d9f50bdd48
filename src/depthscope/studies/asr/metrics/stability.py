"""Stability: whether a map stays where it is when the sound is noised, and moves with it when it is shifted."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from depthscope.capture.speech import Utterance
from depthscope.errors import DepthscopeError
from depthscope.model.speech import hearing
from depthscope.statistics.association import spearman
from depthscope.studies.asr.silencing.degrade import Noise, floor, with_noise

Float = NDArray[np.float64]
Maps = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Stability:
    """How alike two maps of the same text are, row by row, (row,).

    Attributes
    ----------
    overlap : array
        1 - total variation, 0 to 1: the mass that both maps have in the same places.
    rho : array
        Spearman's correlation over frames, -1 to 1; NaN of a row that is constant.
    """

    overlap: Float
    rho: Float


def in_other_sound(utterance: Utterance, samples: NDArray[np.floating]) -> Utterance:
    """The same text over another sound, teacher-forced; one encoder pass."""
    model = utterance.model
    given = np.ascontiguousarray(samples, np.float32)
    features = model.listening_to(given)
    with hearing(model.network):
        states = model.encode(features)
    return replace(utterance, samples=given, features=features, states=states)


def noised(utterance: Utterance, snr: float, kind: Noise = "white", *, seed: int = 0) -> Utterance:
    """The same text over the sound with noise, ``snr`` dB below its speech; see
    :func:`depthscope.studies.asr.silencing.degrade.with_noise`.
    """
    rate = utterance.model.rate
    return in_other_sound(utterance, with_noise(utterance.samples, snr, kind, rate=rate, seed=seed))


def shifted(utterance: Utterance, frames: int, *, seed: int = 0) -> Utterance:
    """The same text over the sound so many frames later; before it as quiet as it ever gets.

    What is shifted out of the window of a model that has one is cut off.
    """
    model = utterance.model
    sound = utterance.samples
    # the end of the k-th frame, rounded once
    count = round(frames * model.times.step * model.rate)
    before = np.random.default_rng(seed).normal(0, floor(sound, model.rate), count)
    made = np.concatenate([before, sound])
    most = len(made) if model.window is None else round(model.window * model.rate)
    return in_other_sound(utterance, made[:most])


def under_noise(
    utterance: Utterance,
    maps_of: Callable[[Utterance], Maps],
    snr: float = 20.0,
    kind: Noise = "white",
    *,
    seed: int = 0,
) -> Stability:
    """Maps of the sound beside those of the sound in noise.

    Parameters
    ----------
    maps_of : callable
        Utterance -> maps (row, frame): ``lambda u: method(u).map``, or of words.
    snr : float
        Decibels by which the noise is weaker than the speech.
    kind : {"white", "pink", "babble"}
    """
    return alike(maps_of(utterance), maps_of(noised(utterance, snr, kind, seed=seed)))


def under_shift(
    utterance: Utterance, maps_of: Callable[[Utterance], Maps], seconds: float = 0.1, *, seed: int = 0
) -> Stability:
    """Maps of the sound beside those of the shifted sound, shifted back; ``seconds`` are rounded to whole frames."""
    frames = round(seconds / utterance.model.times.step)
    if frames < 1:
        raise DepthscopeError(f"a shift of {seconds} s is less than half a frame: give a longer one")
    other = maps_of(shifted(utterance, frames, seed=seed))
    return alike(maps_of(utterance), other[:, frames:])


def alike(first: Maps, second: Maps) -> Stability:
    """How alike maps are, frame by frame; mass in frames that only one of them has is shared with none."""
    count = min(first.shape[1], second.shape[1])
    one, other = (given[:, :count].astype(np.float64) for given in (first, second))
    rho = spearman(np.stack([one, other], -1))[:, 0, 1]
    return Stability(np.minimum(one, other).sum(-1), rho)
