"""Numbers that look random and are always the same ones: for samples that do not depend on how a text came in parts."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# of SplitMix64 (Steele, Lea and Flood, 2014): the golden ratio in 64 bits, and the factors of its last step
STEP = np.uint64(0x9E3779B97F4A7C15)
FACTORS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31)


def mixed(*columns: NDArray[Any] | int) -> NDArray[np.uint64]:
    """A number for each row of several columns of whole numbers, the same for the same row."""
    state = np.zeros(1, np.uint64)
    for column in columns:
        state = state * STEP + np.asarray(column).astype(np.uint64)
        for shift, factor in zip(SHIFTS, FACTORS, strict=False):
            state = (state ^ (state >> shift)) * factor
        state = state ^ (state >> SHIFTS[-1])
    return state


def marks(*columns: NDArray[Any]) -> NDArray[np.int64]:
    """The same as whole numbers with a sign."""
    return mixed(*columns).view(np.int64)
