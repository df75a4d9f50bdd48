"""Infidelity: how far what a map promises is from what happens when frames are taken out at random."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depthscope.capture.speech import Utterance
from depthscope.errors import check_count
from depthscope.studies.asr.silencing.removing import Fill, rehear, unaltered

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Perturbations:
    """Sounds with frames taken out, and what became of each token: heard once, for all methods.

    Attributes
    ----------
    masks : bool array (sound, frame)
        True where a frame went.
    drops : array (sound, token)
        By how much log p fell, in nats.
    """

    masks: NDArray[np.bool_]
    drops: Float


def perturbations(
    utterance: Utterance,
    *,
    samples: int = 64,
    segment: float = 0.1,
    most: float = 0.5,
    fill: Fill = "silence",
    batch: int = 8,
    seed: int = 0,
) -> Perturbations:
    """Take stretches of the sound out at random.

    Parameters
    ----------
    samples : int
        Sounds, one encoder pass each.
    segment : float
        Seconds of a stretch: single frames say little, their neighbours tell what is missing.
    most : float
        Share of the sound that goes: in each sound drawn between none and this.
    fill, batch, seed
        As in :func:`depthscope.studies.asr.metrics.erasure.deletion`.
    """
    check_count("samples", samples)
    frames = utterance.frames
    count = min(max(1, round(frames * utterance.model.times.step / segment)), frames)
    labels = np.arange(frames) * count // frames
    generator = np.random.default_rng(seed)
    gone = generator.random((samples, count)) < generator.uniform(0, most, (samples, 1))
    # a sound that nothing was taken out of says nothing
    empty = ~gone.any(-1)
    gone[empty, generator.integers(0, count, int(empty.sum()))] = True
    masks = gone[:, labels]
    return Perturbations(masks, unaltered(utterance) - rehear(utterance, masks, fill, batch=batch, seed=seed))


def infidelity(maps: NDArray[np.floating], masks: NDArray[np.bool_], drops: Float, *, scaled: bool = True) -> Float:
    """E[(promised - happened)^2] over sounds, (row,).

    Promised is the mass of the frames that went, happened the fall of log p.

    Parameters
    ----------
    maps : array (row, frame)
        Or signed attributions, in nats, which may be taken as they are.
    masks : bool array (sound, frame)
    drops : array (sound, row)
    scaled : bool
        Let each row be scaled as suits it best, ``b = E[promised happened] / E[promised^2]``, and divide by
        ``E[happened^2]``: 0 is perfect, 1 is no better than to promise nothing. Maps of mass have no unit, so that without
        it only their scale would be judged. Otherwise in nats squared.

    References
    ----------
    Yeh et al. (2019), NeurIPS 10965, with I the removal of frames, and their optimal scaling.
    """
    promised, happened = masks.astype(np.float64) @ maps.astype(np.float64).T, drops.astype(np.float64)
    if not scaled:
        plain: Float = ((promised - happened) ** 2).mean(0)
        return plain
    square = (promised**2).mean(0)
    by = np.divide((promised * happened).mean(0), square, out=np.zeros_like(square), where=square > 0)
    size = (happened**2).mean(0)
    rest = ((by * promised - happened) ** 2).mean(0)
    found: Float = np.divide(rest, size, out=np.full_like(rest, np.nan), where=size > 0)
    return found
