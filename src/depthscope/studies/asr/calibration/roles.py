"""What each head of a recogniser does, found from speech whose word times are known, with a null."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from depthscope.studies.asr.attention.headmass import HeadMass
from depthscope.words import ALPHA

Float = NDArray[np.float64]

NEXT, READ, SINK, OTHER = "hears the next word", "hears the word just read", "rests in padding", "other"
# a head with more of its mass in padding is called a sink
MOST_PADDING = 0.5
# heads of the default method: those with at least this share of the best one's mass, and at most so many
NEAR_BEST, MOST = 0.9, 4


@dataclass(frozen=True, eq=False)
class Clip:
    """One utterance of calibration: masses of its heads in the intervals of its words, and which tokens are of which word."""

    mass: HeadMass
    words: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class Roles:
    """Every head, its mass in the word, its null, and its role.

    Attributes
    ----------
    predicts, reads : arrays (layer, head)
        Mean over words of the mass within the word's own interval.
    chance : array (layer, head)
        The same in the interval of another word of the clip, mean over permutations.
    p : array (layer, head)
        Of the larger of the two masses, against the largest of all heads under permuted words: family-wise.
    padding, entropy : arrays (layer, head)
    words, clips : int
        Of how many.
    permutations, seed : int
    """

    predicts: Float
    reads: Float
    chance: Float
    p: Float
    padding: Float
    entropy: Float
    words: int
    clips: int
    permutations: int
    seed: int

    def role(self, layer: int, head: int) -> str:
        """By the rule that docs/studies/asr.md gives: padding first, then what it hears, if more than by chance."""
        if self.padding[layer, head] >= MOST_PADDING:
            return SINK
        if not self.p[layer, head] <= ALPHA:
            return OTHER
        return NEXT if self.predicts[layer, head] >= self.reads[layer, head] else READ

    @cached_property
    def chosen(self) -> tuple[tuple[int, int], ...]:
        """(layer, head) of the heads that attribution rests on, the best first; empty if no head hears the next word."""
        order = np.argsort(-np.nan_to_num(self.predicts, nan=-1), axis=None, kind="stable")
        places = [(int(k // self.predicts.shape[1]), int(k % self.predicts.shape[1])) for k in order]
        there = [place for place in places if self.role(*place) == NEXT]
        if not there:
            return ()
        enough = NEAR_BEST * self.predicts[there[0]]
        return tuple(place for place in there if self.predicts[place] >= enough)[:MOST]

    def to_dataframe(self) -> pd.DataFrame:
        """One row per head; layers count from 1, heads from 0 as in the lists of Whisper's alignment heads."""
        rows = [
            {
                "layer": layer + 1,
                "head": head,
                "role": self.role(layer, head),
                "mass_next": self.predicts[layer, head],
                "mass_read": self.reads[layer, head],
                "chance": self.chance[layer, head],
                "p": self.p[layer, head],
                "padding": self.padding[layer, head],
                "entropy": self.entropy[layer, head],
                "used": (layer, head) in self.chosen,
            }
            for layer, head in np.ndindex(self.predicts.shape)
            if np.isfinite(self.predicts[layer, head])
        ]
        return pd.DataFrame(rows)


def head_roles(clips: Sequence[Clip], *, permutations: int = 999, seed: int = 0) -> Roles:
    """Give every head a role.

    The null of a head that hears words is one that attends to the clip, and not to the word: its mass in the intervals of the
    clip's words dealt out anew. Of each permutation the largest mean of all heads counts, so that p holds for all at once.

    Parameters
    ----------
    clips : sequence of Clip
        Of at least two words each; others say nothing of the null and are left out.
    """
    kept = [clip for clip in clips if len(clip.words) > 1]
    tables = [{name: _by_word(getattr(clip.mass, name), clip.words) for name in ("predicts", "reads")} for clip in kept]
    count = sum(len(clip.words) for clip in kept)
    own = {name: sum(np.einsum("lhww->lh", one[name]) for one in tables) / count for name in ("predicts", "reads")}
    random = np.random.default_rng(seed)
    largest, total = np.empty(permutations), np.zeros_like(own["predicts"])
    for k in range(permutations):
        orders = [random.permutation(len(clip.words)) for clip in kept]
        drawn = [
            sum(
                one[name][:, :, np.arange(len(order)), order].sum(-1) for one, order in zip(tables, orders, strict=True)
            )
            / count
            for name in ("predicts", "reads")
        ]
        largest[k] = np.nanmax(drawn)
        total += drawn[0]
    best = np.maximum(own["predicts"], own["reads"])
    p = (1 + (largest[:, None, None] >= best - 1e-12).sum(0)) / (1 + permutations)
    weights = [len(clip.words) for clip in kept]
    means = {
        name: np.average([_mean_of(getattr(clip.mass, name), clip.words) for clip in kept], axis=0, weights=weights)
        for name in ("padding", "entropy")
    }
    known = np.isfinite(own["predicts"])
    return Roles(
        own["predicts"], own["reads"], total / permutations, np.where(known, p, np.nan), means["padding"], means["entropy"],
        count, len(kept), permutations, seed,
    )  # fmt: skip


def _by_word(mass: Float, words: Sequence[Sequence[int]]) -> Float:
    """(layer, head, word, interval): means over the tokens of each word."""
    return np.stack([mass[:, :, list(tokens)].mean(2) for tokens in words], 2)


def _mean_of(values: Float, words: Sequence[Sequence[int]]) -> Float:
    """(layer, head): mean over words of (layer, head, token)."""
    means: Float = np.stack([values[:, :, list(tokens)].mean(2) for tokens in words], 2).mean(2)
    return means
