"""At which decoder layer words find their place in time: mass inside the word, and spread, layer by layer."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from depthscope.arrays import Float
from depthscope.studies.asr.maps import WindowMap
from depthscope.studies.asr.results import Explanation

CONFIDENCE = 0.95
# a layer has found the place if this share of what the best layer has inside its words lies there
FOUND = 0.5


def rows_of(explanation: Explanation, word: int) -> tuple[int, NDArray[np.int64]]:
    """The window in which most tokens of a word lie, and which of its rows those tokens are; -1 and none if it has none."""
    own = np.flatnonzero(explanation.tokens["word"].to_numpy() == word)
    if not len(own):
        return -1, own
    windows = explanation.tokens["window"].to_numpy()[own]
    window = int(np.bincount(windows).argmax())
    return window, own[windows == window] - explanation.first[window]


def inside(values: NDArray[np.floating], window: WindowMap, start: float, end: float) -> Float:
    """Mass (...) of maps (..., frame) in the frames whose centres lie between two times, at least the nearest one."""
    there = (window.times >= start) & (window.times <= end)
    if not there.any() and len(there):
        there[np.argmin(np.abs(window.times - (start + end) / 2))] = True
    mass: Float = values[..., there].astype(np.float64).sum(-1)
    return mass


def spread(values: NDArray[np.floating]) -> Float:
    """Entropy (...) of distributions (..., frame) over that of an even one: 0 for one frame, 1 for all alike."""
    rows = values.astype(np.float64)
    rows = rows / np.maximum(rows.sum(-1, keepdims=True), np.finfo(np.float64).tiny)
    logs = np.log(rows, out=np.zeros_like(rows), where=rows > 0)
    found: Float = -(rows * logs).sum(-1) / np.log(max(rows.shape[-1], 2))
    return found


def by_layer(explanations: Sequence[Explanation]) -> pd.DataFrame:
    """One row per layer: ``layer``, ``words``; ``inside`` and ``entropy``, means over words, with ``_low`` and ``_high``.

    A word's map at a layer is the mean over its tokens. Intervals are those of the t distribution, 95 %, over words; NaN for
    fewer than two. Empty where maps by layer were not kept.
    """
    depth = min((one.depth for one in explanations if len(one.words)), default=0)
    if not depth:
        return pd.DataFrame()
    found = [_of_word(one, word, depth) for one in explanations for word in range(len(one.words))]
    pairs = [pair for pair in found if pair is not None]
    if not pairs:
        return pd.DataFrame()
    masses, spreads = (np.array([pair[k] for pair in pairs]) for k in (0, 1))
    return pd.DataFrame(
        {
            "layer": np.arange(1, depth + 1),
            "words": len(masses),
            **_interval("inside", masses),
            **_interval("entropy", spreads),
        }
    )


def finding(table: pd.DataFrame) -> int | None:
    """The first layer that has found the place of words: see ``FOUND``; None for no table."""
    if table.empty or "inside" not in table:
        return None
    reached = table["inside"] >= FOUND * table["inside"].max()
    return int(table["layer"][reached].iloc[0]) if reached.any() else None


def _of_word(explanation: Explanation, word: int, depth: int) -> tuple[Float, Float] | None:
    number, rows = rows_of(explanation, word)
    if not len(rows):
        return None
    window = explanation.windows[number]
    assert window.layers is not None
    maps = window.layers[:depth, rows].astype(np.float64).mean(1)
    start, end = (float(explanation.words[name].iloc[word]) for name in ("start", "end"))
    return inside(maps, window, start, end), spread(maps)


def _interval(name: str, values: Float) -> dict[str, Float]:
    mean, count = values.mean(0), len(values)
    half = np.full_like(mean, np.nan)
    if count > 1:
        half = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * values.std(0, ddof=1) / np.sqrt(count)
    return {name: mean, f"{name}_low": mean - half, f"{name}_high": mean + half}
