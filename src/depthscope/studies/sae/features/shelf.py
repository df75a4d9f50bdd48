"""The few best occurrences of every latent, each with the tokens around it, while any number of others passes by."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class Around(NamedTuple):
    """Occurrences with C tokens around each, over any leading dimensions (...,).

    Attributes
    ----------
    value : float32 array (...,)
        Activation; 0 where there is no occurrence.
    document : object array (...,)
        Names.
    place : int array (...,)
        Which token of the document it is.
    ids : int array (..., C)
        Tokens around it; -1 beyond an end of the text.
    lit : float32 array (..., C)
        The same latent's activation at each of them; NaN where it was not measured.
    """

    value: NDArray[Any]
    document: NDArray[Any]
    place: NDArray[Any]
    ids: NDArray[Any]
    lit: NDArray[Any]

    @classmethod
    def empty(cls, lead: tuple[int, ...], width: int) -> "Around":
        return cls(
            np.zeros(lead, np.float32),
            np.full(lead, "", object),
            np.zeros(lead, np.int64),
            np.full((*lead, width), -1, np.int32),
            np.full((*lead, width), np.nan, np.float32),
        )

    def at(self, index: Any) -> "Around":
        """Those at an index over the leading dimensions."""
        return Around(*(column[index] for column in self))


class Offer(NamedTuple):
    """M occurrences that may be kept.

    Attributes
    ----------
    latent : int array (M,)
    key : float array (M,)
        The higher the better.
    group : int array (M,)
        Of each latent as many groups as can be are kept: the best of each group go before the second best of any.
    order : int array (M,)
        Between equals the lowest is kept.
    mark : int array (M,)
        Of those of a latent that are alike in it, one is kept.
    """

    latent: Integers
    key: Floats
    group: Integers
    order: Integers
    mark: Integers


class Shelf:
    """Places for the best occurrences of every latent: which they are does not depend on how they come, together or apart.

    Parameters
    ----------
    latents, places : int
    width : int
        Tokens around each.

    Attributes
    ----------
    key, group, order, mark : array (n, places)
        Of what is kept, as in :class:`Offer`, the best first; a key is -infinity where there is nothing.
    kept : Around (n, places)
    """

    def __init__(self, latents: int, places: int, width: int) -> None:
        self.places = places
        lead = (latents, places)
        self.key = np.full(lead, -np.inf)
        self.group, self.order, self.mark = (np.zeros(lead, np.int64) for _ in range(3))
        self.kept = Around.empty(lead, width)

    @property
    def full(self) -> NDArray[np.bool_]:
        """Of which latents every place is taken, (n,)."""
        return self.key[:, -1] > -np.inf

    @property
    def single(self) -> NDArray[np.bool_]:
        """Of which latents no two occurrences are of one group, (n,)."""
        groups = np.sort(self.group, axis=1)
        found: NDArray[np.bool_] = ~(groups[:, 1:] == groups[:, :-1]).any(1)
        return found

    def offer(self, given: Offer, make: Callable[[Integers], Around]) -> None:
        """Keep what is better than what is there; ``make`` gives what is around those that are kept, by their numbers."""
        if not len(given.latent):
            return
        touched = np.unique(given.latent)
        row, place = np.nonzero(self.key[touched] > -np.inf)
        old = touched[row], place
        tables = (self.key, self.group, self.order, self.mark)
        columns = (old[0], *(table[old] for table in tables))
        whole = Offer(*(np.concatenate(pair) for pair in zip(columns, given, strict=True)))
        chosen, where = best(whole, self.places)
        latent, stays = whole.latent[chosen], chosen < len(row)
        before = self.kept.at((old[0][chosen[stays]], old[1][chosen[stays]]))
        new = make(chosen[~stays] - len(row))
        self.key[touched] = -np.inf
        for table, values in zip(tables, whole[1:], strict=True):
            table[latent, where] = values[chosen]
        for column, ones, others in zip(self.kept, before, new, strict=True):
            column[latent[stays], where[stays]] = ones
            column[latent[~stays], where[~stays]] = others


def best(given: Offer, places: int) -> tuple[Integers, Integers]:
    """Which to keep, and the place of each among those of its latent."""
    latent, key, group, order, mark = given
    worse = np.lexsort((order, -key, mark, latent))
    left = worse[_begins(latent[worse], mark[worse])]
    left = left[np.lexsort((order[left], -key[left], group[left], latent[left]))]
    rank = _place(_begins(latent[left], group[left]))
    left = left[np.lexsort((order[left], -key[left], rank, latent[left]))]
    where = _place(_begins(latent[left]))
    return left[where < places], where[where < places]


def _begins(*columns: NDArray[Any]) -> NDArray[np.bool_]:
    """Where one of several sorted columns changes."""
    begins = np.zeros(len(columns[0]), bool)
    begins[:1] = True
    for column in columns:
        begins[1:] |= column[1:] != column[:-1]
    return begins


def _place(begins: NDArray[np.bool_]) -> Integers:
    """How many places behind the last beginning each is."""
    number = np.arange(len(begins))
    found: Integers = number - np.maximum.accumulate(np.where(begins, number, 0))
    return found
