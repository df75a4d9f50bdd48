"""When the states of a speech encoder are: from its own strides, and confirmed by clicks at known times."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from depthscope.errors import DepthscopeError

# seconds at which clicks are set, and the length of the sound that they are in
CLICKS, LENGTH = (0.4, 0.9, 1.4, 2.1), 2.6
# share of a frame by which a click may stand elsewhere than the frames say
OFF = 0.5
# seconds around the largest change within which it is the click's own; the next click is farther off
REACH = 0.08


@dataclass(frozen=True)
class FrameTimes:
    """Frame k is centred at ``first + k * step`` seconds.

    Attributes
    ----------
    step, first : float
        Seconds.
    off : float
        Largest distance of a click from where the frames say that it is, in seconds.
    """

    step: float
    first: float
    off: float

    def centres(self, count: int) -> np.ndarray:
        """Seconds at which the first ``count`` frames are centred."""
        return self.first + self.step * np.arange(count)

    def within(self, seconds: float, most: int) -> int:
        """How many frames lie within a sound of that length; at least 1, at most ``most``."""
        return int(min(max(np.ceil((seconds - self.first) / self.step - 1e-9), 1), most))


def frame_times(states: Callable[[np.ndarray], torch.Tensor], rate: int, step: float, name: str) -> FrameTimes:
    """Find when frames are, and refuse an encoder whose frames are not where its strides say.

    Parameters
    ----------
    states : callable
        Samples -> what enters the first block of the encoder, (frame, feature): what frames are made of, before attention
        mixes them.
    rate : int
        Samples a second.
    step : float
        Seconds a frame, by the strides.

    Raises
    ------
    DepthscopeError
        A click moves other frames than the one at its time by half a frame or more.
    """
    noise = np.random.default_rng(0).normal(0, 1e-3, int(LENGTH * rate)).astype(np.float32)
    # one click is always there: spectrograms are scaled by their loudest moment, which must not move
    quiet = _clicked(noise, 0.1, rate)
    still = states(quiet)
    reach = max(1, round(REACH / step))
    found = np.array([_centre(states(_clicked(quiet, at, rate)) - still, reach) for at in CLICKS])
    shifts = np.array(CLICKS) - step * found
    first = float(np.median(shifts))
    off = float(np.abs(shifts - first).max())
    if off > OFF * step:
        raise DepthscopeError(
            f"{name}: clicks do not stand where the strides of its encoder say, {step * 1e3:.3g} ms a frame (they are off by "
            f"up to {off * 1e3:.0f} ms), so that no time can be told of what it attends to"
        )
    return FrameTimes(step, first, off)


def _clicked(samples: np.ndarray, at: float, rate: int) -> np.ndarray:
    made = samples.copy()
    # 1 ms, symmetric about its time
    middle, half = round(at * rate), max(1, round(0.0005 * rate))
    made[middle - half : middle + half + 1] += 0.5 * np.hanning(2 * half + 3)[1:-1].astype(np.float32)
    return made


def _centre(change: torch.Tensor, reach: int) -> float:
    """Centre of mass of what a click changed, in frames, around the frame of the largest change."""
    size = change.double().square().sum(-1).cpu().numpy()
    peak = int(size.argmax())
    window = np.arange(max(0, peak - reach), min(len(size), peak + reach + 1))
    return float((window * size[window]).sum() / size[window].sum())
