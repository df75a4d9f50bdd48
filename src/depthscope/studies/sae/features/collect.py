"""One pass over a text: for every latent how often and how strongly it fires, on which tokens, with which others, and where."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

from depthscope.capture.taps import Read
from depthscope.errors import DepthscopeError
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.features.collected import BINS, Collected, Collecting, bins
from depthscope.studies.sae.features.fired import Fired, fired
from depthscope.studies.sae.features.mixed import marks, mixed
from depthscope.studies.sae.features.named import site_of
from depthscope.studies.sae.features.ranked import by_value, evenly, ranked
from depthscope.studies.sae.features.shelf import Around, Offer, Shelf
from depthscope.studies.sae.features.tally import Tally
from depthscope.studies.sae.features.text import Integers, Text
from depthscope.words import ALPHA

# the random sample is so many times as large as what is taken of it, evenly by activation
SAMPLED = 2
# of each token, the strongest latents that are counted in pairs
STRONGEST = 32
# of two occurrences with the same tokens up to here, the one that fires more is kept
ALIKE = 8
# pairs of latents that are there at a time
PAIRS = 2**22
# fewer occurrences together are no company
FEWEST = 3
# a key of latent and token: the bits of the token
BITS = 32


def collect(
    dictionaries: Mapping[str, Dictionary],
    reads: Iterable[Read],
    settings: Collecting = Collecting(),  # noqa: B008
) -> dict[str, Collected]:
    """What the latents of dictionaries do, in one pass and in memory that no text enlarges.

    Parameters
    ----------
    dictionaries : mapping of str to Dictionary
        By name: :func:`~depthscope.studies.sae.features.named.named`.
    reads : iterable of Read
        From :meth:`depthscope.capture.taps.Taps.read`, with the states of their sites.
    settings : Collecting

    Raises
    ------
    DepthscopeError
        No token, states of another width than a dictionary's, or activations that are not finite.
    """
    collectors = {name: Collector(dictionary.latents, settings) for name, dictionary in dictionaries.items()}
    for read in reads:
        text = Text.of(read.windows, read.window, read.position)
        for name, dictionary in dictionaries.items():
            collectors[name].add(fired(dictionary, read.states[site_of(dictionary)]), text)
    return {name: one.collected() for name, one in collectors.items()}


class Collector:
    """Takes what fires, pass by pass; which passes, and in which order, does not matter.

    Parameters
    ----------
    latents : int
        n.
    settings : Collecting
    """

    def __init__(self, latents: int, settings: Collecting = Collecting()) -> None:  # noqa: B008
        self.latents, self.settings = latents, settings
        self._total = 0
        self._count, self._paired = np.zeros(latents, np.int64), np.zeros(latents, np.int64)
        self._sum, self._maximum = np.zeros(latents), np.zeros(latents)
        self._histogram = np.zeros(latents * BINS, np.int64)
        self._ids = np.zeros(0, np.int64)
        self._tokens, self._pairs = Tally(), Tally()
        self._top = Shelf(latents, settings.top, settings.width)
        self._random = Shelf(latents, SAMPLED * settings.random, settings.width)

    def add(self, found: Fired, text: Text) -> None:
        """Count what fires at the tokens of a text."""
        self._total += found.tokens
        seen = np.bincount(text.ids, minlength=len(self._ids))
        seen[: len(self._ids)] += self._ids
        self._ids = seen
        if not len(found.token):
            return
        latent, value = found.latent, found.value
        self._count += np.bincount(latent, minlength=self.latents)
        self._sum += np.bincount(latent, value, self.latents)
        np.maximum.at(self._maximum, latent, value)
        self._histogram += np.bincount(latent * BINS + bins(value), minlength=len(self._histogram))
        self._tokens.add(latent << BITS | text.ids[found.token])
        if self.settings.partners:
            self._count_pairs(found)
        self._offer_top(found, text)
        self._offer_random(found, text)

    def collected(self) -> Collected:
        """What was found so far.

        Raises
        ------
        DepthscopeError
            There was no token.
        """
        if not self._total:
            raise DepthscopeError("there is no token on which a latent could fire: give a longer text")
        token, share, rate = self._top_tokens()
        partner, jaccard, pmi = self._partners()
        return Collected(
            self._total,
            self._count,
            self._sum / np.maximum(self._count, 1),
            self._maximum,
            self._histogram.reshape(self.latents, BINS),
            by_value(self._top.kept),
            evenly(by_value(self._random.kept), self.settings.random),
            token,
            share,
            rate,
            partner,
            jaccard,
            pmi,
            max(self._tokens.missed, self._pairs.missed),
            self.settings,
        )

    def _count_pairs(self, found: Fired) -> None:
        order = np.lexsort((-found.value, found.token))
        place = np.arange(len(order)) - np.searchsorted(found.token, found.token)
        kept, place = order[place < STRONGEST], place[place < STRONGEST]
        token, latent = found.token[kept], found.latent[kept]
        self._paired += np.bincount(latent, minlength=self.latents)
        slots = np.full((found.tokens, int(place.max()) + 1), self.latents)
        slots[token, place] = latent
        # latents ascend, and what fills up stands behind them
        slots.sort(axis=1)
        one, other = np.triu_indices(slots.shape[1], 1)
        step = max(1, PAIRS // max(len(one), 1))
        for some in np.split(slots, range(step, len(slots), step)):
            first, second = some[:, one], some[:, other]
            self._pairs.add((first * self.latents + second)[second < self.latents])

    def _offer_top(self, found: Fired, text: Text) -> None:
        high = found.value >= self._floor(text)[found.latent]
        latent, token, value = found.latent[high], found.token[high], found.value[high]
        # of those so near to one another that they would be in one picture, the strongest
        piece = text.piece(token, self.settings.width)
        order = np.lexsort((text.place[token], -value, piece, latent))
        same = (np.diff(latent[order]) == 0) & (np.diff(piece[order]) == 0)
        kept = order[np.concatenate([np.ones(min(len(order), 1), bool), ~same])]
        latent, token, value = latent[kept], token[kept], value[kept]
        self._offer(self._top, found, text, latent, token, value, text.group[token], value)

    def _floor(self, text: Text) -> NDArray[Any]:
        """What an activation must reach to be kept, as far as it can be said before all are compared, (n,)."""
        shelf, group = self._top, text.group[0]
        # one more from a document of which every place is, or from any where all places are of different ones, is no better for
        # where it is from
        one = (shelf.group == group).all(1) if (text.group == group).all() else np.zeros(self.latents, bool)
        return np.where(shelf.full & (shelf.single | one), shelf.kept.value.min(1), 0)

    def _offer_random(self, found: Fired, text: Text) -> None:
        shelf = self._random
        group, place = text.group[found.token], text.place[found.token]
        chance = mixed(group, place, found.latent, self.settings.seed) / 2.0**64
        kept = chance < np.where(shelf.full, -shelf.key.min(1), 1)[found.latent]
        latent, token, value = found.latent[kept], found.token[kept], found.value[kept]
        # every occurrence is a group of its own
        self._offer(shelf, found, text, latent, token, value, marks(group[kept], place[kept]), -chance[kept])

    def _offer(
        self,
        shelf: Shelf,
        found: Fired,
        text: Text,
        latent: Integers,
        token: Integers,
        value: NDArray[Any],
        group: Integers,
        key: NDArray[Any],
    ) -> None:
        before, after = self.settings.before, self.settings.after
        own, _ = text.near(token, min(before, ALIKE), 0)
        order = marks(text.group[token], text.place[token])

        def make(chosen: Integers) -> Around:
            tokens = token[chosen]
            ids, rows = text.near(tokens, before, after)
            lit = found.at(rows, latent[chosen])
            return Around(value[chosen], text.document[tokens], text.place[tokens], ids.astype(np.int32), lit)

        shelf.offer(Offer(latent, key.astype(np.float64), group, order, marks(*own.T)), make)

    def _top_tokens(self) -> list[NDArray[Any]]:
        keys, counts = self._tokens.counts()
        latent, token = keys >> BITS, keys & (2**BITS - 1)
        share, rate = counts / self._count[latent], counts / self._ids[token]
        return ranked(self.latents, self.settings.tokens, latent, counts, token, share, rate)

    def _partners(self) -> list[NDArray[Any]]:
        keys, together = self._pairs.counts()
        one, other = np.divmod(keys, self.latents)
        chance = self._paired[one] * self._paired[other] / self._total
        likely = (together >= FEWEST) & (together > chance)
        # one after the other: the second test is slow
        likely[likely] &= poisson.sf(together[likely] - 1, chance[likely]) * self.latents < ALPHA
        one, other, together = one[likely], other[likely], together[likely]
        jaccard = np.tile(together / (self._paired[one] + self._paired[other] - together), 2)
        pmi = np.tile(np.log2(together / chance[likely]), 2)
        both, others = np.concatenate([one, other]), np.concatenate([other, one])
        return ranked(self.latents, self.settings.partners, both, jaccard, others, jaccard, pmi)
