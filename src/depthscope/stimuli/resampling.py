"""One sampling rate into another, a block at a time, without a shift in time and without aliases."""

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# the filter: what lies above the lower Nyquist frequency is this far down, and nothing below this share of it is touched
ATTENUATION, PASSED = 80.0, 0.92
# longest terms of the ratio, enough for every rate in use; beyond them the nearest ratio is taken, which drifts by less
# than 5 ms in an hour
TERMS = 10_000
# about as many samples of the input are worked on at once
BLOCK = 1 << 20


def resampled(blocks: Iterator[NDArray[np.float32]], rate: int, to: int) -> Iterator[NDArray[np.float32]]:
    """The same sound at another rate; a moment of the sound stays at the same second.

    The filter is a symmetric Kaiser-windowed sinc, so it delays nothing: below 0.92 of the lower Nyquist frequency it
    passes everything, above that frequency 80 dB are taken away. Each block is filtered together with what stands
    beside it, so that the blocks show nowhere.

    Parameters
    ----------
    blocks : iterator of array, shape (time,)
        The sound in pieces of any length, in order.
    rate, to : int
        Hz, before and after.

    Returns
    -------
    iterator of array, shape (time,)
        float32; together ``ceil(n to / rate)`` samples, at an odd rate perhaps one more.
    """
    if rate == to:
        yield from blocks
        return
    from scipy.signal import resample_poly

    ratio = Fraction(to, rate).limit_denominator(TERMS)
    up, down = ratio.numerator, ratio.denominator
    kernel = _kernel(up, down)
    # both in steps of `down`, so that every block begins on a sample of the output
    beside = down * (len(kernel) // 2 // (up * down) + 1)
    step = down * max(1, BLOCK // down)
    held = np.zeros(beside, np.float32)  # before the beginning there is silence
    skipped = beside // down * up
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) >= step + 2 * beside:
            part = resample_poly(held[: step + 2 * beside], up, down, window=kernel)
            yield part[skipped : skipped + step // down * up].astype(np.float32, copy=False)
            held = held[step:]
    rest = len(held) - beside
    if rest > 0:
        part = resample_poly(np.pad(held, (0, beside)), up, down, window=kernel)
        yield part[skipped : skipped + -(-rest * up // down)].astype(np.float32, copy=False)


@lru_cache(maxsize=8)
def _kernel(up: int, down: int) -> NDArray[np.float32]:
    from scipy.signal import firwin, kaiserord

    slower = 1 / max(up, down)  # the lower Nyquist frequency, where that of the rate in between is 1
    taps, beta = kaiserord(ATTENUATION, (1 - PASSED) * slower)
    kernel = firwin(taps | 1, (1 + PASSED) / 2 * slower, window=("kaiser", beta))
    return np.asarray(kernel, np.float32)
