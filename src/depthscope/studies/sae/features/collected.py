"""What is kept of every latent of a dictionary."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.errors import check_count
from depthscope.studies.sae.features.shelf import Around

Integers = NDArray[np.int64]

# bins of the histogram: four to an octave; what lies beyond is in the first and in the last
OCTAVE, LOWEST, HIGHEST = 4, -14, 18
BINS = OCTAVE * (HIGHEST - LOWEST)
EDGES = 2.0 ** np.linspace(LOWEST, HIGHEST, BINS + 1)


@dataclass(frozen=True)
class Collecting:
    """How much is kept of each latent.

    Attributes
    ----------
    top, random : int
        Occurrences: the strongest, from as many documents as can be; and a random sample, evenly over its quantiles.
    before, after : int
        Tokens around each.
    tokens, partners : int
        Tokens that it fires on most often, and latents that fire together with it.
    seed : int
        Of the random sample.

    Raises
    ------
    DepthscopeError
        No whole number, or too small a one.
    """

    top: int = 12
    random: int = 8
    before: int = 16
    after: int = 8
    tokens: int = 8
    partners: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            check_count(field.name, getattr(self, field.name), int(field.name in ("top", "random", "tokens")))

    @property
    def width(self) -> int:
        """Tokens around an occurrence, itself among them."""
        return self.before + 1 + self.after


@dataclass(frozen=True)
class Collected:
    """What one dictionary's n latents did over T tokens.

    Attributes
    ----------
    total : int
        T.
    count : int array (n,)
        Tokens on which each fires.
    mean, maximum : float array (n,)
        Of its activations on these tokens; 0 for a latent that never fires.
    histogram : int array (n, BINS)
        Activations between consecutive :data:`EDGES`.
    top, random : Around (n, top), (n, random)
        The strongest first; a place without an occurrence has the value 0.
    token : int array (n, tokens)
        Those that it fires on most often; -1 where there are no more.
    token_share, token_rate : float array (n, tokens)
        Share of its firings that are on that token; share of that token's occurrences on which it fires.
    partner : int array (n, partners)
        Latents that fire on the same tokens more often than two independent ones would (Poisson, p below .05 over all n
        together), by the Jaccard index; -1 where there are no more.
    partner_jaccard, partner_pmi : float array (n, partners)
        Tokens with both over tokens with either; log2 of how many times more often than by chance. Of the 32 strongest
        latents of each token.
    missed : int
        By how much counts of tokens and pairs may be too low: 0, unless there were too many of them to be held.
    settings : Collecting
    """

    total: int
    count: Integers
    mean: Float
    maximum: Float
    histogram: Integers
    top: Around
    random: Around
    token: Integers
    token_share: Float
    token_rate: Float
    partner: Integers
    partner_jaccard: Float
    partner_pmi: Float
    missed: int
    settings: Collecting

    @property
    def latents(self) -> int:
        """n."""
        return len(self.count)

    @property
    def reach(self) -> Float:
        """What colours of activations reach up to, (n,): the largest one, but no more than twice the median of the strongest,
        or a single token at which models park attention would make all others look alike.
        """
        there = np.where(self.top.value > 0, self.top.value, np.nan).astype(np.float64)
        alive = self.count > 0
        found = np.ones(self.latents)
        found[alive] = np.minimum(self.maximum[alive], 2 * np.nanmedian(there[alive], axis=1))
        return found

    @property
    def density(self) -> Float:
        """Share of tokens on which each fires, (n,)."""
        return self.count / self.total


def bins(values: NDArray[Any]) -> Integers:
    """In which bin of the histogram each value above 0 is."""
    place = np.floor((np.log2(values.astype(np.float64)) - LOWEST) * OCTAVE)
    found: Integers = np.clip(place, 0, BINS - 1).astype(np.int64)
    return found
