"""In what a sound is heard to see which words become wrong: noise under it, a tail behind it, or that tail alone."""

from typing import get_args

import numpy as np
from numpy.typing import NDArray

from depthscope.errors import check_choice
from depthscope.studies.asr.silencing.degrade import Noise, Tail, appended, with_noise

Samples = NDArray[np.float32]

# dB of speech over noise; seconds of a tail, and of one alone
LEVELS, SECONDS = (20, 10, 5, 0), 4.0
NOISES: tuple[Noise, ...] = ("white", "babble")
TAILS: tuple[Tail, ...] = get_args(Tail)
# in what a sound is heard: clean, "white 20 dB" ..., "music appended", "music alone"
CONDITIONS = (
    "clean",
    *(f"{noise} {level} dB" for level in LEVELS for noise in NOISES),
    *(f"{tail} {how}" for how in ("appended", "alone") for tail in TAILS),
)


# the group of all tails
TAILED = "with a tail"


def group_of(condition: str) -> str:
    """Which conditions are told together: ``clean``, ``20 dB`` ..., and ``with a tail``, which is appended or alone."""
    if condition.endswith((" appended", " alone")):
        return TAILED
    return condition if condition == "clean" else condition.split(" ", 1)[1]


def altered(samples: Samples, rate: int, condition: str, *, seed: int = 0) -> Samples:
    """A sound in one of :data:`CONDITIONS`; ``X alone`` is the tail of ``X appended`` without the sound."""
    check_choice("condition", condition, CONDITIONS)
    if condition == "clean":
        return samples
    if condition.endswith(" dB"):
        noise, level, _ = condition.split()
        return with_noise(samples, float(level), noise, rate=rate, seed=seed)  # type: ignore[arg-type]
    tail, how = condition.split()
    whole = appended(samples, rate, SECONDS, tail, seed=seed)  # type: ignore[arg-type]
    return whole if how == "appended" else whole[len(samples) :]
