"""How often each of very many keys occurs, in bounded memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

# keys that are held: 16 bytes each
MOST = 2**24
# keys that wait until there are so many of them, or as many as are sorted already
WAITING = 2**20


class Tally:
    """Counts of whole numbers, held sparsely.

    With more than ``most`` keys the rarest are dropped, as in lossy counting (Manku and Motwani, 2002): what is left is too
    low by at most :attr:`missed`.

    Attributes
    ----------
    missed : int
        Occurrences that a key may lack; 0 while everything is held.
    """

    def __init__(self, most: int = MOST) -> None:
        self.most, self.missed = most, 0
        self._keys: Integers = np.empty(0, np.int64)
        self._counts: Integers = np.empty(0, np.int64)
        self._waiting: list[tuple[Integers, Integers]] = []
        self._held = 0

    def add(self, keys: NDArray[Any]) -> None:
        """Count keys (N,), each as often as it is there."""
        one = np.unique(keys.astype(np.int64, copy=False), return_counts=True)
        self._waiting.append(one)
        self._held += len(one[0])
        if self._held > max(WAITING, len(self._keys)):
            self._settle()

    def counts(self) -> tuple[Integers, Integers]:
        """Keys in ascending order, and how often each occurred."""
        self._settle()
        return self._keys, self._counts

    def _settle(self) -> None:
        if not self._waiting:
            return
        keys, counts = (np.concatenate(part) for part in zip((self._keys, self._counts), *self._waiting, strict=True))
        # parts are sorted: this merges them
        order = np.argsort(keys, kind="stable")
        keys, counts = keys[order], counts[order]
        first = np.flatnonzero(np.diff(keys, prepend=keys[:1] - 1))
        self._keys, self._counts = keys[first], np.add.reduceat(counts, first) if len(first) else counts
        self._waiting, self._held = [], 0
        if len(self._keys) > self.most:
            self._drop()

    def _drop(self) -> None:
        """The rarest, until half of the room is free."""
        floor = int(np.partition(self._counts, -self.most // 2)[-self.most // 2])
        left = self._counts > floor
        self._keys, self._counts = self._keys[left], self._counts[left]
        self.missed += floor
