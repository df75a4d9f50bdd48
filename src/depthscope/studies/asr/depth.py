"""At which decoder layer words find their place in time: mass inside the word, and spread, layer by layer."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.studies.asr.maps import WindowMap
from depthscope.studies.asr.metrics.table import mean_of
from depthscope.studies.asr.results import Explanation
from depthscope.studies.asr.wordwise import spoken

# a layer has found the place if this share of what the best layer has inside its words lies there
FOUND = 0.5


def rows_of(explanation: Explanation, word: int) -> tuple[int, NDArray[np.int64]]:
    """The window in which most tokens of a word lie, and which of its rows those tokens are; -1 and none if it has none.

    Marks are none of them: a full stop attends to what comes behind the word.
    """
    whole = np.flatnonzero(explanation.tokens["word"].to_numpy() == word)
    own = np.array(spoken(whole.tolist(), explanation.tokens["text"].astype(str).tolist()), np.int64)
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

    A word's map at a layer is the mean over its tokens. Where the columns ``causal_1 ..`` of ``tokens`` are, ``causal`` is
    the mean over tokens of what each loses without the layer's cross-attention, in nats; likewise ``padding``, the share of
    mass in padding. Intervals, 95 %, are of the
    bootstrap, over sounds or over words: :func:`depthscope.studies.asr.metrics.table.mean_of`; NaN for a single word. Empty
    where maps by layer were not kept.
    """
    depth = min((one.depth for one in explanations if len(one.words)), default=0)
    if not depth:
        return pd.DataFrame()
    places = [(clip, word) for clip, one in enumerate(explanations) for word in range(len(one.words))]
    found = [(clip, _of_word(explanations[clip], word, depth)) for clip, word in places]
    known = [(clip, pair) for clip, pair in found if pair is not None]
    if not known:
        return pd.DataFrame()
    masses, spreads = (np.array([pair[k] for _, pair in known]) for k in (0, 1))
    clips = [clip for clip, _ in known]
    return pd.DataFrame(
        {
            "layer": np.arange(1, depth + 1),
            "words": len(masses),
            **_interval("inside", masses, clips),
            **_interval("entropy", spreads, clips),
            **_of_tokens("padding", explanations, depth),
            **_of_tokens("causal", explanations, depth),
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


def _of_tokens(name: str, explanations: Sequence[Explanation], depth: int) -> dict[str, Float]:
    """Means over tokens of what is known of each at every layer; nothing where it is not."""
    names = [f"{name}_{layer}" for layer in range(1, depth + 1)]
    if any(column not in one.tokens for one in explanations for column in names):
        return {}
    effects = [one.tokens[names].to_numpy(np.float64) for one in explanations]
    clips = [clip for clip, one in enumerate(effects) for _ in one]
    return _interval(name, np.concatenate(effects), clips)


def _interval(name: str, values: Float, clips: list[int]) -> dict[str, Float]:
    """Of values (word, layer)."""
    means = [mean_of(layer, clips) for layer in values.T]
    ends = {end: np.array([getattr(one, end) if one.words > 1 else np.nan for one in means]) for end in ("low", "high")}
    return {name: np.array([one.value for one in means]), f"{name}_low": ends["low"], f"{name}_high": ends["high"]}
