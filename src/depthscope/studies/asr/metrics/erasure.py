"""Deletion and insertion: what becomes of a word when the frames that it is said to rest on go, or alone are there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depthscope.capture.speech import Utterance
from depthscope.errors import DepthscopeError
from depthscope.studies.asr.silencing.removing import Fill, rehear, unaltered
from depthscope.studies.asr.wordwise import Groups, sum_over, tokens_of, words_of

Float = NDArray[np.float64]
# shares of the frames, from none to half of them in steps of 5 %
LEVELS = tuple(round(0.05 * k, 2) for k in range(11))


@dataclass(frozen=True, eq=False)
class Curve:
    """Log p of each token or word along the shares of frames that were removed, or put back.

    Attributes
    ----------
    levels : array (level,)
        Shares of the frames within the sound, beginning with 0.
    log_p : array (group, level)
        Natural logarithm, of all tokens of a group together.
    passes : int
        Encoder passes that it took; as many of the decoder.
    """

    levels: Float
    log_p: Float
    passes: int

    @property
    def nats(self) -> Float:
        """Mean fall of log p along the curve, (group,): 1/Q ∫ (log p(0) - log p(q)) dq over 0..Q by trapezoids.

        Of deletion the larger the more faithful: D-AOPC in nats. Of insertion it is negative: what is put back lifts log p.
        """
        return self._area(self.log_p[:, :1] - self.log_p)

    @property
    def ratio(self) -> Float:
        """Mean loss of probability as a share of that at level 0, (group,): 1/Q ∫ (1 - p(q) / p(0)) dq.

        Of deletion at most 1, where the first frames that go erase the word; below 0 where it becomes likelier. The paper
        reports the area that is left, which is 1 minus this one: there the smaller is the better.
        """
        return self._area(1 - np.exp(np.minimum(self.log_p - self.log_p[:, :1], 700.0)))

    @property
    def probability(self) -> Float:
        """Mean probability along the curve, (group,): 1/Q ∫ p(q) dq, 0 to 1; of insertion the larger the better."""
        return self._area(np.exp(self.log_p))

    def _area(self, values: Float) -> Float:
        area: Float = np.trapezoid(values, self.levels, axis=-1) / (self.levels[-1] - self.levels[0])
        return area


def deletion(
    utterance: Utterance,
    maps: NDArray[np.floating],
    *,
    groups: Groups | None = None,
    levels: Sequence[float] = LEVELS,
    fill: Fill = "silence",
    batch: int = 8,
    seed: int = 0,
) -> Curve:
    """Take frames out of the sound, those of most mass first.

    Each row needs sounds of its own: one encoder pass a row and level above 0, less those that are the same.

    Parameters
    ----------
    maps : array (group, frame)
        Of tokens, or of words; the frames within the sound.
    groups : sequence of sequences of int, optional
        The tokens of each row. By default each token by itself if there are as many rows as tokens, otherwise words.
    levels : sequence of float
        Shares of the frames, rising from 0: 0, 5 %, .. 50 % by default. Fewer cost less.
    fill : {"silence", "mean"}
        What comes in their place; a finding should hold for both.
    batch, seed : int
        Sounds at a time; of noise, and of the order among frames of the same mass, which is drawn.

    Returns
    -------
    Curve

    References
    ----------
    Area over the perturbation curve: Samek et al. (2017), IEEE TNNLS 28:2660.
    """
    shares, places = _levels(levels), _groups(utterance, maps, groups)
    gone = most(maps, shares[1:], seed)
    heard, passes = _own(utterance, gone, places, fill, batch, seed)
    whole = sum_over(places, unaltered(utterance))
    return Curve(shares, np.concatenate([whole[:, None], heard], 1), passes)


def insertion(
    utterance: Utterance,
    maps: NDArray[np.floating],
    *,
    groups: Groups | None = None,
    levels: Sequence[float] = LEVELS,
    fill: Fill = "silence",
    batch: int = 8,
    seed: int = 0,
) -> Curve:
    """Take all frames out of the sound, and put those of most mass back first; as :func:`deletion`."""
    shares, places = _levels(levels), _groups(utterance, maps, groups)
    heard, passes = _own(utterance, ~most(maps, shares, seed), places, fill, batch, seed)
    return Curve(shares, heard, passes)


def most(maps: NDArray[np.floating], shares: Float, seed: int = 0) -> NDArray[np.bool_]:
    """Which frames are among the share of most mass: bool (group, level, frame); the order of ties is drawn."""
    frames = maps.shape[1]
    counts = np.where(shares > 0, np.maximum(np.round(shares * frames), 1), 0)
    drawn = np.random.default_rng(seed).random(maps.shape)
    ranks = np.lexsort((drawn, -maps), axis=-1).argsort(-1)
    return ranks[:, None] < counts[:, None]


def _own(
    utterance: Utterance, masks: NDArray[np.bool_], groups: Groups, fill: Fill, batch: int, seed: int
) -> tuple[Float, int]:
    """Log p of each group in its own sounds (group, level), and how many sounds there were."""
    rows, levels, frames = masks.shape
    flat = masks.reshape(-1, frames)
    log_p = sum_over(groups, rehear(utterance, flat, fill, batch=batch, seed=seed)).reshape(rows, levels, rows)
    return log_p[np.arange(rows), :, np.arange(rows)], len(np.unique(flat, axis=0))


def _levels(levels: Sequence[float]) -> Float:
    found = np.asarray(levels, dtype=np.float64)
    if found.ndim != 1 or len(found) < 2 or found[0] != 0 or (np.diff(found) <= 0).any() or found[-1] > 1:
        raise DepthscopeError(
            f"levels={list(levels)}: give at least two shares of the frames that rise from 0 to at most 1"
        )
    return found


def _groups(utterance: Utterance, maps: NDArray[np.floating], groups: Groups | None) -> Groups:
    frames, tokens, words = utterance.frames, len(utterance.positions), len(utterance.words)
    if groups is None:
        groups = tokens_of(utterance) if len(maps) == tokens else words_of(utterance)
    if maps.shape != (len(groups), frames):
        raise DepthscopeError(
            f"maps of shape {maps.shape}: give one of {frames} frames for each of the {tokens} tokens or {words} words, or "
            "say in groups of which tokens each row is"
        )
    return groups
