"""What maps score that know nothing, and one that knows the truth: the ends of every scale."""

import numpy as np
from numpy.typing import NDArray

from depthscope.capture.speech import Utterance
from depthscope.errors import DepthscopeError
from depthscope.studies.asr.attribution import Map, distribution

# seconds that a word of speech usually lasts
USUAL = 0.3
# a gaussian has 95 % of its mass within four of its standard deviations
SIGMAS = 4.0


def chance(utterance: Utterance, rows: int, *, width: float = USUAL, seed: int = 0) -> dict[str, Map]:
    """Maps (row, frame) that know nothing of the sound but its length.

    Parameters
    ----------
    rows : int
        Tokens or words.
    width : float
        Seconds within which the gaussian has 95 % of its mass.
    seed : int
        Of all that is drawn.

    Returns
    -------
    dict
        ``random``: every frame as much as an exponential draw; ``uniform``; ``gaussian``: as wide as a word, at a random
        place, which a sharp map is to be measured by.
    """
    if not width > 0:
        raise DepthscopeError(f"width={width}: give the seconds of a word, above 0")
    generator = np.random.default_rng(seed)
    times, frames = utterance.times, utterance.frames
    places = generator.uniform(times[0], times[-1], (rows, 1))
    return {
        "random": distribution(generator.exponential(size=(rows, frames))),
        "uniform": distribution(np.ones((rows, frames))),
        "gaussian": distribution(np.exp(-0.5 * ((times - places) / (width / SIGMAS)) ** 2)),
    }


def ceiling(inside: NDArray[np.floating]) -> Map:
    """True intervals as maps: evenly over what lies inside, of (row, frame) shares of frames; evenly over all if nothing."""
    return distribution(inside)
