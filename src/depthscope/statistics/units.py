"""Numbers in units of their own, so that no square of them is too large or too small for a double."""

import numpy as np
from numpy.typing import NDArray

from depthscope.arrays import Float


def in_own_units(values: Float) -> tuple[Float, NDArray[np.intc]]:
    """Columns of ``values`` (n, ...) with their largest between 1/2 and 1, and the powers of two that were taken out (...).

    Powers of two change no digit: ``np.ldexp(scaled, powers)`` gives back what went in.
    """
    largest = np.abs(values).max(0, initial=0.0)
    powers = np.frexp(np.where(largest > 0, largest, 1.0))[1]
    scaled: Float = np.ldexp(values, -powers)
    return scaled, powers
