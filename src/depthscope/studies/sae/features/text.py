"""The tokens of one pass, with the windows that they stand in."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from depthscope.capture.windows import Window

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Text:
    """N tokens of a pass.

    Attributes
    ----------
    ids : int array (N,)
    document : object array (N,)
        Names.
    group : int array (N,)
        Numbers of documents: the same in any pass.
    place : int array (N,)
        Which token of its document each is.
    around : int array (A,)
        All tokens of the windows, one window behind the other.
    row : int array (A,)
        Which of the N each of them is; -1 for those that were not measured.
    at : int array (N,)
        Where each of the N stands in ``around``.
    first, last : int array (N,)
        Where its window begins and ends there, the end exclusive.
    """

    ids: Integers
    document: NDArray[np.object_]
    group: Integers
    place: Integers
    around: Integers
    row: Integers
    at: Integers
    first: Integers
    last: Integers

    @classmethod
    def of(cls, windows: Sequence[Window], window: Integers, position: Integers) -> "Text":
        """Tokens at positions of windows, in their order: as a :class:`~depthscope.capture.taps.Read` has them."""
        lengths = np.array([len(one.ids) for one in windows], dtype=np.int64)
        ends = np.cumsum(lengths)
        around = np.concatenate([one.ids for one in windows]).astype(np.int64)
        first = (ends - lengths)[window]
        at = first + position
        row = np.full(len(around), -1)
        row[at] = np.arange(len(at))
        groups = np.array([_number(one.document) for one in windows], dtype=np.int64)
        begins = np.array([one.first - one.measured[0] for one in windows], dtype=np.int64)
        names = np.array([one.document for one in windows], dtype=object)
        place = begins[window] + position
        return cls(around[at], names[window], groups[window], place, around, row, at, first, ends[window])

    def near(self, tokens: Integers, before: int, after: int) -> tuple[Integers, Integers]:
        """Ids around some of the N tokens, and which of the N each of these is, (M, C) each; -1 where there is none."""
        at = self.at[tokens][:, None] + np.arange(-before, after + 1)
        inside = (at >= self.first[tokens][:, None]) & (at < self.last[tokens][:, None])
        at = np.where(inside, at, 0)
        return np.where(inside, self.around[at], -1), np.where(inside, self.row[at], -1)

    def piece(self, tokens: Integers, size: int) -> Integers:
        """In which piece of so many tokens of its window each stands: numbers that no two pieces share."""
        within = self.at[tokens] - self.first[tokens]
        found: Integers = self.first[tokens] + within // size * size
        return found


def _number(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little", signed=True)
