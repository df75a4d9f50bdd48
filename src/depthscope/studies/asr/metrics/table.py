"""Metrics of several methods beside one another: raw, with intervals over words; and the paper's scale only beside them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from depthscope.studies.asr.intervals import draws, ends

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Mean:
    """A mean over words and its 95 % interval; ``over``: what was resampled, ``clips`` or ``words``."""

    value: float
    low: float
    high: float
    words: int
    over: str


def mean_of(
    values: NDArray[np.floating], clips: Sequence[object] | None = None, *, resamples: int = 2000, seed: int = 0
) -> Mean:
    """Mean and percentile bootstrap interval of values (word,); NaN are left out.

    Parameters
    ----------
    clips : sequence, optional
        The clip of each word: words of a clip are drawn together, where there are six clips or more.

    Notes
    -----
    For a paired comparison give differences.
    """
    given = np.asarray(values, dtype=np.float64)
    known = np.isfinite(given)
    given = given[known]
    if not len(given):
        return Mean(np.nan, np.nan, np.nan, 0, "words")
    kept = None if clips is None else [clip for clip, there in zip(clips, known, strict=True) if there]
    counts, over = draws(len(given), kept, resamples, seed)
    low, high = ends(counts @ given / counts.sum(-1))
    return Mean(float(given.mean()), low, high, len(given), over)


def normalised(table: pd.DataFrame, smaller: Collection[str] = ()) -> pd.DataFrame:
    """Every metric (column) on the scale of the methods (rows) at hand: the worst is 0, the best 1, as the paper has it.

    It says which method is better and not by how much, and every method that is added moves all others.

    Parameters
    ----------
    smaller : collection of str
        Metrics of which the smaller is the better. One in which all methods are the same comes back as NaN.
    """
    spread = (table.max() - table.min()).replace(0, np.nan)
    scaled = (table - table.min()) / spread
    for name in smaller:
        scaled[name] = 1 - scaled[name]
    return scaled
