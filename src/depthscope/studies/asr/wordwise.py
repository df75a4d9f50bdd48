"""What is known of tokens, told of words: their maps, their log p, and where in time a word is."""

from collections.abc import Sequence
from unicodedata import category

import numpy as np
from numpy.typing import NDArray

from depthscope.capture.speech import Utterance

Float = NDArray[np.float64]
Groups = Sequence[Sequence[int]]


def words_of(utterance: Utterance) -> Groups:
    """The tokens of each word."""
    return [word.tokens for word in utterance.words]


def spoken(tokens: Sequence[int], pieces: Sequence[str]) -> list[int]:
    """The tokens of a word without its marks: a full stop is not spoken, and attends to what comes behind the word."""
    # letters with their marks, digits, and signs such as % and $ are; half a letter, where a token ends within one, is a sign
    return [k for k in tokens if any(category(one)[0] in "LMNS" for one in pieces[k])] or list(tokens)


def voiced_of(utterance: Utterance) -> Groups:
    """The tokens of each word without its marks: those whose maps say where the word is."""
    return [spoken(word.tokens, utterance.pieces) for word in utterance.words]


def tokens_of(utterance: Utterance) -> Groups:
    """Each token by itself."""
    return [(k,) for k in range(len(utterance.positions))]


def mean_over(groups: Groups, values: NDArray[np.floating]) -> Float:
    """Means of (token, ...) over the tokens of each group: of maps, maps of words, whose rows sum to 1 again."""
    if not len(groups):
        return np.zeros((0, *values.shape[1:]))
    return np.stack([values[list(group)].astype(np.float64).mean(0) for group in groups])


def sum_over(groups: Groups, values: Float) -> Float:
    """Sums of (..., token) over the tokens of each group, (..., group): of log p of tokens, that of words."""
    if not len(groups):
        return np.zeros((*values.shape[:-1], 0))
    return np.stack([values[..., list(group)].sum(-1) for group in groups], -1)


def within(utterance: Utterance, intervals: NDArray[np.floating]) -> Float:
    """Which share of each frame lies in each interval: (interval, frame), 0 to 1.

    Parameters
    ----------
    intervals : array (interval, 2)
        Start and end in seconds of the file. A frame reaches half a step to both sides of its centre.
    """
    step, centres = utterance.model.times.step, utterance.times
    ends = np.asarray(intervals, dtype=np.float64).reshape(-1, 2)
    start = np.maximum(ends[:, :1], centres - step / 2)
    end = np.minimum(ends[:, 1:], centres + step / 2)
    return np.clip((end - start) / step, 0, 1)


def top_frames(maps: NDArray[np.floating], count: int) -> NDArray[np.bool_]:
    """The ``count`` frames of most mass of each row of maps (row, frame): bool; of ties the earlier ones."""
    order = np.argsort(-maps, axis=-1, kind="stable")
    found = np.zeros(maps.shape, bool)
    np.put_along_axis(found, order[:, :count], True, -1)
    return found
