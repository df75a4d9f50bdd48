"""Bootstrap over words, in which the words of a clip stay together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from depthscope.statistics.bootstrap import MIN_ITEMS, drawn_items

Float = NDArray[np.float64]


def draws(words: int, clips: Sequence[object] | None, resamples: int, seed: int) -> tuple[Float, str]:
    """How often each word is in each resample, (resample, word), and what was drawn: ``clips`` or ``words``.

    With fewer than six clips, of which resamples are too often the same, words are drawn.
    """
    names = list(dict.fromkeys(clips)) if clips is not None else []
    whole = len(names) >= MIN_ITEMS
    places = {name: k for k, name in enumerate(names)}
    unit = np.array([places[clip] for clip in clips or ()]) if whole else np.arange(words)
    units = len(names) if whole else words
    counts = np.concatenate(
        [
            np.stack([np.bincount(one, minlength=units) for one in block])
            for block in drawn_items(units, resamples, seed)
        ]
    )
    return counts[:, unit].astype(np.float64), "clips" if whole else "words"


def ends(values: Float, confidence: float = 0.95) -> tuple[float, float]:
    """Percentile interval of values over resamples; those that are NaN are left out."""
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, ((1 - confidence) / 2, (1 + confidence) / 2))
    return float(low), float(high)
