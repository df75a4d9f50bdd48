"""Where the mass of a map lies: within the true interval or not, on few frames or many. No network is asked."""

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Maps = NDArray[np.floating]


def tloc(maps: Maps, inside: Float) -> Float:
    """Mass within the true interval, (row,), 0 to 1.

    Parameters
    ----------
    maps : array (row, frame)
        Rows sum to 1.
    inside : array (row, frame)
        Which share of each frame lies in the interval; see :func:`depthscope.studies.asr.wordwise.within`. Expected of a
        uniform map is the share of the sound that the interval takes.
    """
    found: Float = (maps.astype(np.float64) * inside).sum(-1)
    return found


def pointing(maps: Maps, inside: Float) -> NDArray[np.bool_]:
    """Whether at least half of the frame of most mass lies within the true interval, (row,)."""
    return np.take_along_axis(inside, maps.argmax(-1)[:, None], -1)[:, 0] >= 0.5


def spr(maps: Maps, share: float = 0.1) -> Float:
    """Mass of the frames of most mass, (row,): of so large a ``share`` of all; from that share (uniform) to 1."""
    count = max(1, round(share * maps.shape[-1]))
    found: Float = np.sort(maps.astype(np.float64), -1)[:, -count:].sum(-1)
    return found


def sharpness(maps: Maps) -> Float:
    """1 - H / ln T of rows over T frames: 0 of a uniform map, 1 of one that lies on a single frame."""
    given = maps.astype(np.float64)
    logs = np.log(given, out=np.zeros_like(given), where=given > 0)
    found: Float = 1 + (given * logs).sum(-1) / np.log(max(maps.shape[-1], 2))
    return found
